# SPDX-License-Identifier: Apache-2.0
"""Merkle leaves: their bytes by RFC 6962, their limits, and strangers' bytes."""

from typing import Any

import pytest
from hypothesis import given

from keystead.ct.extensions import encode_extensions
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry, parse_merkle_tree_leaf
from keystead.errors import ParseError
from keystead.tlog.merkle import hash_leaf
from support.ct_entries import CERTIFICATE, PRECERTIFICATE, entries
from support.fuzzing import FUZZ, damaged, only_our_errors


def test_leaf_of_a_certificate() -> None:
    """Version, leaf type, time, entry type, certificate and extensions, each where section 3.4 has it."""
    expected = (
        b"\x00\x00"
        + (1_700_000_000_000).to_bytes(8, "big")
        + b"\x00\x00"
        + b"\x00\x00\x0bcertificate"
        + b"\x00\x08\x00\x00\x05\x00\x00\x00\x00\x07"
    )
    assert CERTIFICATE.merkle_tree_leaf() == expected
    assert CERTIFICATE.leaf_hash() == hash_leaf(expected)
    assert parse_merkle_tree_leaf(expected) == CERTIFICATE


def test_leaf_of_a_precertificate() -> None:
    """The issuer's key hash stands before the TBSCertificate, without a length."""
    expected = (
        b"\x00\x00"
        + (1_700_000_000_001).to_bytes(8, "big")
        + b"\x00\x01"
        + bytes(range(32))
        + b"\x00\x00\x03tbs"
        + b"\x00\x08\x00\x00\x05\x00\x00\x00\x00\x08"
    )
    assert PRECERTIFICATE.merkle_tree_leaf() == expected
    assert PRECERTIFICATE.leaf_hash() == hash_leaf(expected)
    assert parse_merkle_tree_leaf(expected) == PRECERTIFICATE


@given(entries())
@FUZZ
def test_every_entry_is_read_back(entry: LogEntry) -> None:
    """What is hashed is what is read."""
    assert parse_merkle_tree_leaf(entry.merkle_tree_leaf()) == entry


def test_extensions_of_other_logs_are_kept() -> None:
    """A log may write more than the index: the leaf's hash covers it, so it is not lost."""
    extensions = b"\x07\x00\x01a" + encode_extensions(7)
    entry = LogEntry(5, X509_ENTRY, b"certificate", b"", 7, extensions)
    leaf = entry.merkle_tree_leaf()
    assert leaf.endswith(b"\x00\x0c" + extensions)
    assert parse_merkle_tree_leaf(leaf) == entry
    assert entry.encoded_extensions() == extensions
    assert CERTIFICATE.encoded_extensions() == encode_extensions(7)


def test_the_greatest_values() -> None:
    """The last time and index, and the longest certificate and extensions, survive."""
    extensions = encode_extensions(2**40 - 1) + b"\x07" + (65_524).to_bytes(2, "big") + bytes(65_524)
    entry = LogEntry(2**63 - 1, X509_ENTRY, bytes(2**24 - 1), b"", 2**40 - 1, extensions)
    assert len(extensions) == 65_535
    assert parse_merkle_tree_leaf(entry.merkle_tree_leaf()) == entry


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": -1},
        {"timestamp": 2**63},
        {"entry_type": PRECERT_ENTRY},
        {"entry_type": 2},
        {"entry_type": -1},
        {"issuer_key_hash": bytes(32)},
        {"signed": b""},
        {"signed": bytes(2**24)},
        {"leaf_index": -1},
        {"leaf_index": 2**40},
        {"extensions": encode_extensions(8)},
        {"extensions": b"\x07\x00\x00"},
        {"extensions": b"\x07\xff\xff" + bytes(65_535) + encode_extensions(7)},
    ],
)
def test_entries_that_cannot_be(change: dict[str, Any]) -> None:
    """A value outside its field, or a key hash that does not go with the type, makes no entry."""
    values: dict[str, Any] = {
        "timestamp": 5,
        "entry_type": X509_ENTRY,
        "signed": b"certificate",
        "issuer_key_hash": b"",
        "leaf_index": 7,
    }
    assert LogEntry(**values)
    with pytest.raises(ParseError):
        LogEntry(**(values | change))


LEAF = CERTIFICATE.merkle_tree_leaf()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x01" + LEAF[1:],
        b"\x00\x01" + LEAF[2:],
        LEAF + b"\x00",
        b"\xff" + LEAF,
        LEAF[:10] + b"\x00\x02" + LEAF[12:],
        LEAF[:10] + b"\x80\x00" + LEAF[12:],
        LEAF[:2] + b"\x80" + LEAF[3:],
        LEAF[:-10] + b"\x00\x00",
    ],
)
def test_what_is_no_leaf(data: bytes) -> None:
    """Another version, type or time, trailing bytes, or no leaf index: refused."""
    with pytest.raises(ParseError):
        parse_merkle_tree_leaf(data)


def test_an_unknown_type_is_named() -> None:
    """An entry of a type that RFC 6962 does not have is refused for that, before anything after it is read."""
    with pytest.raises(ParseError, match="unknown type 32768") as caught:
        parse_merkle_tree_leaf(LEAF[:10] + b"\x80\x00")
    assert caught.value.offset == 10


@pytest.mark.parametrize("leaf", [LEAF, PRECERTIFICATE.merkle_tree_leaf()])
def test_no_leaf_is_read_from_less_than_its_bytes(leaf: bytes) -> None:
    """A leaf that is cut short anywhere is refused."""
    for end in range(len(leaf)):
        with pytest.raises(ParseError):
            parse_merkle_tree_leaf(leaf[:end])


@given(damaged(LEAF, PRECERTIFICATE.merkle_tree_leaf()))
@FUZZ
def test_leaves_from_strangers(data: bytes) -> None:
    """A damaged leaf is refused, or encodes to what was read."""
    entry = only_our_errors(parse_merkle_tree_leaf, data)
    if entry is not None:
        assert entry.merkle_tree_leaf() == data
