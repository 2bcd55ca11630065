# SPDX-License-Identifier: Apache-2.0
"""Decimal integers as Keystead's texts and JSON write them: `0|[1-9][0-9]*`, at most 2^63 - 1.

Python's `int()` reads `" 1_0"` and Arabic digits; a signed format must not.
"""

from keystead.errors import ParseError

__all__ = ["MAXIMUM", "parse_decimal"]

MAXIMUM = 2**63 - 1
"""The greatest integer in any Keystead format: it fits a signed 64-bit column."""

_DIGITS = frozenset("0123456789")


def parse_decimal(text: str, what: str = "number", maximum: int = MAXIMUM) -> int:
    """Read a decimal integer between 0 and `maximum`.

    Raises:
        ParseError: a sign, a leading zero, another character, no digit, or a value above `maximum`.
    """
    if not text or len(text) > 19 or not _DIGITS.issuperset(text) or (text[0] == "0" and len(text) > 1):
        raise ParseError(f"{what} is not a decimal integer")
    value = int(text)
    if value > maximum:
        raise ParseError(f"{what} is greater than {maximum}")
    return value
