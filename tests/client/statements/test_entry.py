# SPDX-License-Identifier: Apache-2.0
"""Entries of the statement log."""

import pytest
from hypothesis import given

from keystead.errors import ParseError
from keystead.statements.dsse import MAX_ENVELOPE_BYTES, Envelope, sign_envelope
from keystead.statements.entry import MAX_ENTRY_BYTES, StatementEntry, parse_statement_entry
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.statements import AUDITOR

ENTRY = StatementEntry(0x0102030405060708, sign_envelope(AUDITOR, "t", b"{}"))


def test_layout() -> None:
    """One byte of version, eight of time, the canonical envelope."""
    data = ENTRY.encode()
    assert data[:9] == b"\x00\x01\x02\x03\x04\x05\x06\x07\x08"
    assert data[9:] == ENTRY.envelope.encode()
    assert parse_statement_entry(data) == ENTRY


def test_longest_entry_fits_a_bundle() -> None:
    """16 bits give its length."""
    assert MAX_ENTRY_BYTES == 9 + MAX_ENVELOPE_BYTES < 1 << 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x01" + ENTRY.encode()[1:],
        b"\x00" + b"\xff" * 8 + ENTRY.encode()[9:],
        ENTRY.encode() + b" ",
        ENTRY.encode().replace(b":", b": ", 1),
        ENTRY.encode()[:-1],
        ENTRY.encode()[:9] + b" " * 70_000,
    ],
    ids=["empty", "cut", "version", "time", "trailing", "white space", "cut envelope", "long"],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Another version, a time beyond 63 bits, another spelling."""
    with pytest.raises(ParseError):
        parse_statement_entry(data)


@pytest.mark.parametrize("time", [-1, 1 << 63])
def test_time_is_in_range(time: int) -> None:
    """No entry can be made that could not be read."""
    with pytest.raises(ParseError):
        StatementEntry(time, Envelope("t", b"", "0" * 64, b"s"))


@FUZZ
@given(damaged(ENTRY.encode()))
def test_damaged_entries_raise_only_our_errors(data: bytes) -> None:
    """And what is read encodes to the very same bytes."""
    entry = only_our_errors(parse_statement_entry, data)
    if entry is not None:
        assert entry.encode() == data
