# SPDX-License-Identifier: Apache-2.0
"""Times have one spelling."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding.rfc3339 import format_time, parse_time
from keystead.errors import ParseError

_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


@given(st.integers(_FIRST, _LAST))
def test_every_second_of_the_years_1_to_9999_is_read_back(seconds: int) -> None:
    """A moment's text has twenty characters and names that moment."""
    text = format_time(seconds)
    assert len(text) == 20
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951782400, "2000-02-29T00:00:00Z"),
        (_FIRST, "0001-01-01T00:00:00Z"),
        (_LAST, "9999-12-31T23:59:59Z"),
    ],
)
def test_known_moments(seconds: int, text: str) -> None:
    """Moments around the epoch, on a leap day and at both ends of the calendar."""
    assert format_time(seconds) == text
    assert parse_time(text) == seconds


@given(st.text(alphabet="0123456789-:TZtz+. \n٣", max_size=24) | st.from_regex(r"\A[0-9-]{10}T[0-9:]{8}Z\Z"))
def test_accepts_exactly_one_spelling(text: str) -> None:
    """Whatever is accepted is formatted to the same text again; everything else is a ParseError."""
    try:
        seconds = parse_time(text)
    except ParseError:
        return
    assert format_time(seconds) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01 00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00.0Z",
        "2026-1-01T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "0000-01-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2016-12-31T23:59:60Z",
    ],
)
def test_refuses_other_spellings(text: str) -> None:
    """Other separators, offsets, fractions, leap seconds and moments that do not exist are refused."""
    with pytest.raises(ParseError, match="issued"):
        parse_time(text, "issued")


@pytest.mark.parametrize("seconds", [_FIRST - 1, _LAST + 1, 2**63, -(2**63), 2**200])
def test_refuses_to_name_other_years(seconds: int) -> None:
    """A moment outside of the years that four digits can name has no text."""
    with pytest.raises(ParseError):
        format_time(seconds)
