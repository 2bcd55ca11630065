# SPDX-License-Identifier: Apache-2.0
"""Closed JSON objects, read member by member (`specs/statements.md`, section 4).

A reader takes each member once under its type, and `finish()` refuses what is left: an object has the members
of its schema and no others. Types, each with one spelling of a value:

* text: 1 to `maximum` characters without control characters, line separators and bidirectional overrides, so
  that no name can pass for another on a screen;
* name: lowercase ASCII words joined by `-`;
* time: `YYYY-MM-DDTHH:MM:SSZ`; digest: 64 lowercase hex digits; integer: 0 to 2^63 - 1; base64: canonical.

Invariant: nothing but `ParseError` is raised on input.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.rfc3339 import parse_time
from keystead.encoding.rfc4648 import decode_base64, decode_digest
from keystead.errors import ParseError
from keystead.statements.statement_key import load_statement_key

__all__ = ["MAX_LONG_TEXT", "MAX_NAME", "MAX_TEXT", "Members", "check_name", "check_text"]

MAX_TEXT = 200
"""Characters in the name of a party, a service or a log."""

MAX_LONG_TEXT = 2_000
"""Characters in a reason or a reference to a report."""

MAX_NAME = 64
"""Characters in the name of a scheme, format or kind."""

_Value = TypeVar("_Value")

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
# C0, DEL and C1 controls; line and paragraph separators; bidirectional embeddings, overrides and isolates;
# surrogates, which no UTF-8 text has but a Python string may.
_FORBIDDEN = re.compile("[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def check_text(value: str, what: str, maximum: int = MAX_TEXT) -> str:
    """`value`, if it is text of 1 to `maximum` characters.

    Raises:
        ParseError: empty, too long, or with a character that text may not have.
    """
    if not 1 <= len(value) <= maximum:
        raise ParseError(f"{what} is not of 1 to {maximum} characters")
    found = _FORBIDDEN.search(value)
    if found is not None:
        raise ParseError(f"{what} has the character U+{ord(found[0]):04X}, which is not allowed")
    return value


def check_name(value: str, what: str) -> str:
    """`value`, if it is lowercase words joined by `-`.

    Raises:
        ParseError: it is not, or it is longer than `MAX_NAME`.
    """
    if len(value) > MAX_NAME or not _NAME.fullmatch(value):
        raise ParseError(f"{what} is not a name of lowercase words joined by '-'")
    return value


class Members:
    """The members of one JSON object, each taken once.

    Args:
        value: a decoded JSON value, which must be an object.
        what: its name, for error sentences ("the policy").

    Raises:
        ParseError: `value` is no object.
    """

    __slots__ = ("_left", "what")

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise ParseError(f"{what} is not a JSON object")
        self._left: dict[str, Any] = dict(value)
        self.what = what

    def finish(self) -> None:
        """Refuse members that nobody took."""
        for name in self._left:
            raise ParseError(f"{self.what} has the unknown member {name[:MAX_NAME]!r}")

    def optional(self, name: str, read: Callable[[str], _Value]) -> _Value | None:
        """`read(name)` where the member is there, else None; `null` is not absence."""
        return read(name) if name in self._left else None

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise ParseError(f"{self.what} has no member {name!r}")
        return self._left.pop(name)

    def _called(self, name: str) -> str:
        return f"the member {name!r} of {self.what}"

    def string(self, name: str) -> str:
        """Any string."""
        value = self._take(name)
        if not isinstance(value, str):
            raise ParseError(f"{self._called(name)} is not a string")
        return value

    def text(self, name: str) -> str:
        """Text of at most `MAX_TEXT` characters."""
        return check_text(self.string(name), self._called(name))

    def long_text(self, name: str) -> str:
        """Text of at most `MAX_LONG_TEXT` characters."""
        return check_text(self.string(name), self._called(name), MAX_LONG_TEXT)

    def name(self, name: str) -> str:
        """Lowercase words joined by `-`."""
        return check_name(self.string(name), self._called(name))

    def choice(self, name: str, choices: Mapping[str, _Value]) -> _Value:
        """The value that one of the names in `choices` stands for."""
        value = self.string(name)
        if value not in choices:
            raise ParseError(f"{self._called(name)} is {value[:MAX_NAME]!r}, not one of {', '.join(choices)}")
        return choices[value]

    def time(self, name: str) -> int:
        """Seconds since 1970-01-01T00:00:00Z."""
        return parse_time(self.string(name), self._called(name))

    def digest(self, name: str) -> bytes:
        """32 bytes."""
        return decode_digest(self.string(name), self._called(name))

    def base64(self, name: str) -> bytes:
        """Any bytes."""
        return decode_base64(self.string(name), self._called(name))

    def key(self, name: str) -> bytes:
        """The DER SubjectPublicKeyInfo of a key that may sign statements."""
        spki = self.base64(name)
        load_statement_key(spki, self._called(name))
        return spki

    def integer(self, name: str, minimum: int = 0) -> int:
        """An integer from `minimum` to 2^63 - 1."""
        value = self._take(name)
        # In Python a boolean is an integer; in JSON it is not.
        if type(value) is not int or not minimum <= value <= MAXIMUM:
            raise ParseError(f"{self._called(name)} is not an integer from {minimum} to {MAXIMUM}")
        return value

    def boolean(self, name: str) -> bool:
        """`true` or `false`."""
        value = self._take(name)
        if type(value) is not bool:
            raise ParseError(f"{self._called(name)} is not true or false")
        return value

    def array(self, name: str) -> list[Any]:
        """A JSON array, its elements undecoded."""
        value = self._take(name)
        if not isinstance(value, list):
            raise ParseError(f"{self._called(name)} is not an array")
        return value

    def object(self, name: str, read: Callable[["Members"], _Value]) -> _Value:
        """An object in an object, read whole by `read` and closed behind it."""
        members = Members(self._take(name), self._called(name))
        value = read(members)
        members.finish()
        return value

    def objects(self, name: str, read: Callable[["Members"], _Value]) -> tuple[_Value, ...]:
        """Each element of an array of objects, read whole by `read` and closed behind it."""
        found: list[_Value] = []
        for position, element in enumerate(self.array(name)):
            members = Members(element, f"element {position} of {self._called(name)}")
            found.append(read(members))
            members.finish()
        return tuple(found)

    def strings(self, name: str, read: Callable[[str, str], _Value]) -> tuple[_Value, ...]:
        """Each element of an array of strings, read by `read(text, what)`."""
        found: list[_Value] = []
        for position, element in enumerate(self.array(name)):
            what = f"element {position} of {self._called(name)}"
            if not isinstance(element, str):
                raise ParseError(f"{what} is not a string")
            found.append(read(element, what))
        return tuple(found)
