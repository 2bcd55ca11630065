# SPDX-License-Identifier: Apache-2.0
"""JSON (RFC 8259) read strictly, and written in one form.

Invariants:

* an object with two members of one name is refused (section 4 leaves its meaning open);
* numbers are integers, `0|[1-9][0-9]*` up to 2^63 - 1: no sign, fraction, exponent, `NaN` or `Infinity`;
* UTF-8 without a byte order mark, nothing after the value, no lone surrogate, at most 64 levels deep;
* nothing but `ParseError` is raised on input.
"""

import json
import re
from typing import Any, Never

from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError

__all__ = ["MAX_DEPTH", "decode_json", "encode_json"]

MAX_DEPTH = 64
"""No Keystead document nests deeper than five; the interpreter's own recursion limit is no contract."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ParseError(f"JSON has the member {name[:64]!r} twice")
            seen.add(name)
    return members


def _refuse_float(text: str) -> Never:
    raise ParseError(f"JSON has the number {text[:32]}, which is no integer")


def _integer(text: str) -> int:
    return parse_decimal(text, "a number in JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_refuse_float, parse_constant=_refuse_float, parse_int=_integer
)


def decode_json(data: bytes, what: str = "JSON") -> Any:
    """Decode one JSON value.

    Args:
        data: UTF-8 text.
        what: what it is, for error sentences.

    Returns:
        `dict`, `list`, `str`, `int`, `bool` or `None`, nested.

    Raises:
        ParseError: the text breaks one of the rules of this module.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"{what} is not UTF-8", offset=error.start) from error
    if "\\u" in text or "\\U" in text:
        _refuse_surrogates(text, what)
    _refuse_depth(text, what)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ParseError(f"{what} is not JSON: {error.msg}", offset=error.pos) from error
    except RecursionError as error:
        raise ParseError(f"{what} nests too deeply") from error
    return value


# A string, closed or cut off, or a bracket.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def _refuse_depth(text: str, what: str) -> None:
    # No text nests deeper than it has brackets: only those with many are looked at more closely.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ParseError(f"{what} nests deeper than {MAX_DEPTH} levels")
        elif first != '"':
            depth -= 1


def _refuse_surrogates(text: str, what: str) -> None:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError(f"{what} has a lone surrogate") from error
    except (ValueError, RecursionError):
        return  # the strict decoder words this one


def encode_json(value: Any) -> bytes:
    """Encode a value without white space, members in the order given, text unescaped, as UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
