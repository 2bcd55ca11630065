# SPDX-License-Identifier: Apache-2.0
"""Decimal integers have one spelling."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding.decimal import MAXIMUM, parse_decimal
from keystead.errors import ParseError


@given(st.integers(0, MAXIMUM))
def test_reads_what_python_writes(value: int) -> None:
    """Every integer from 0 to the maximum is read back from its decimal text."""
    assert parse_decimal(str(value)) == value


@given(st.text(alphabet="0123456789+-_ .x٣²\n", max_size=24) | st.text(max_size=24))
def test_accepts_exactly_one_spelling(text: str) -> None:
    """A text is accepted if, and only if, it is the canonical text of an integer up to 2^63 - 1."""
    canonical = re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII) is not None and int(text) <= MAXIMUM
    if canonical:
        assert str(parse_decimal(text)) == text
    else:
        with pytest.raises(ParseError):
            parse_decimal(text)


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "+1", "-1", "-0", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "٣", "²", "1\n", "9" * 5000],
)
def test_refuses_other_spellings(text: str) -> None:
    """Signs, zeros in front, white space, separators and foreign digits are refused, and so is a huge number."""
    with pytest.raises(ParseError):
        parse_decimal(text)


def test_refuses_more_than_the_maximum() -> None:
    """The greatest integer is 2^63 - 1, or what the caller says."""
    assert parse_decimal(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(ParseError, match="greater than"):
        parse_decimal(str(2**63))
    assert parse_decimal("65535", "a port", 65535) == 65535
    with pytest.raises(ParseError, match="a port is greater than 65535"):
        parse_decimal("65536", "a port", 65535)
