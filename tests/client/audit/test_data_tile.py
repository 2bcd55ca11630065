# SPDX-License-Identifier: Apache-2.0
"""Data tiles split for hashing: as the full reading, and as strict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.data_tile import hash_leaves, split_data_tile
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile, encode_data_tile
from keystead.errors import ParseError
from support.fuzzing import FUZZ

DIGEST = st.binary(min_size=32, max_size=32)


@st.composite
def leaves(draw: st.DrawFn) -> list[TileLeaf]:
    """A few leaves of both types; some have extensions beside the index."""
    found = []
    for index in range(draw(st.integers(1, 5))):
        precertificate = draw(st.booleans())
        entry = LogEntry(
            draw(st.integers(0, 2**63 - 1)),
            PRECERT_ENTRY if precertificate else X509_ENTRY,
            draw(st.binary(min_size=1, max_size=300)),
            draw(DIGEST) if precertificate else b"",
            index,
        )
        if draw(st.booleans()):
            entry = replace(entry, extensions=entry.encoded_extensions() + b"\x07\x00\x01x")
        der = draw(st.binary(min_size=1, max_size=300)) if precertificate else b""
        found.append(TileLeaf(entry, der, tuple(draw(st.lists(DIGEST, max_size=3)))))
    return found


@FUZZ
@given(leaves())
def test_hashes_are_those_of_the_entries(given_leaves: list[TileLeaf]) -> None:
    """The hashes, times, places and chains are those that the full reading has."""
    data = encode_data_tile(given_leaves)
    spans = split_data_tile(data, len(given_leaves))
    assert hash_leaves(data, spans) == [leaf.entry.leaf_hash() for leaf in given_leaves]
    assert [span.time for span in spans] == [leaf.entry.timestamp for leaf in given_leaves]
    assert [span.leaf_index for span in spans] == [leaf.entry.leaf_index for leaf in given_leaves]
    assert [span.chain for span in spans] == [b"".join(leaf.fingerprints) for leaf in given_leaves]


@FUZZ
@given(leaves(), st.data())
def test_what_is_refused(given_leaves: list[TileLeaf], data: st.DataObject) -> None:
    """What the full reading takes is taken alike; what is refused is refused with our error."""
    tile = encode_data_tile(given_leaves)
    at = data.draw(st.integers(0, len(tile) - 1))
    byte = data.draw(st.integers(0, 255))
    for altered in (tile[:at], tile + b"\0", tile[:at] + bytes([byte]) + tile[at + 1 :]):
        try:
            full = decode_data_tile(altered, len(given_leaves))
        except ParseError:
            full = None
        try:
            spans = split_data_tile(altered, len(given_leaves))
        except ParseError:
            assert full is None, "the full reading takes it"
        else:
            if full is not None:
                assert hash_leaves(altered, spans) == [leaf.entry.leaf_hash() for leaf in full]


@FUZZ
@given(st.binary(max_size=200), st.integers(1, 4))
def test_any_bytes(data: bytes, count: int) -> None:
    """Nothing but our error escapes."""
    try:
        split_data_tile(data, count)
    except ParseError:
        return


def test_an_unknown_entry_type() -> None:
    """An entry that is neither certificate nor precertificate is refused."""
    with pytest.raises(ParseError, match="unknown type"):
        split_data_tile(bytes(8) + b"\x80\x00" + bytes(30), 1)
