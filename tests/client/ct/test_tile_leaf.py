# SPDX-License-Identifier: Apache-2.0
"""Data tiles: 256 entries of a real log, the layout, and strangers' bytes."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.ct.leaf import PRECERT_ENTRY, parse_merkle_tree_leaf
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile, encode_data_tile, read_tile_leaf
from keystead.errors import ParseError
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.tiles import bundle_path, decode_bundle, decode_tile, encode_bundle, tile_path
from support.ct_entries import CERTIFICATE, LEAVES, PRECERTIFICATE, tile_leaves
from support.fuzzing import FUZZ, damaged, only_our_errors


@pytest.mark.samples
def test_a_real_data_tile(samples: Path) -> None:
    """The first 256 entries of a real log: each leaf has the hash and the index that the log gave it."""
    folder = samples / "vectors/static-ct-navigli"
    data = gzip.decompress((folder / bundle_path("data", 0)).read_bytes())
    hashes = decode_tile((folder / tile_path(0, 0)).read_bytes(), 256)
    leaves = decode_data_tile(data, 256)
    assert len(leaves) == 256
    for index, (leaf, leaf_hash) in enumerate(zip(leaves, hashes, strict=True)):
        assert leaf.entry.leaf_index == index
        assert leaf.entry.entry_type == PRECERT_ENTRY
        assert hash_leaf(leaf.entry.merkle_tree_leaf()) == leaf.entry.leaf_hash() == leaf_hash
        assert parse_merkle_tree_leaf(leaf.entry.merkle_tree_leaf()) == leaf.entry
    assert hashes[0].hex() == "c853d5121104135a85f8a66a9d16d62234d541473ed78424032622564baddddf"
    assert leaves[0].entry.timestamp == 1746292399101
    assert leaves[0].entry.encoded_extensions().hex() == "0000050000000000"
    assert encode_data_tile(leaves) == data


@pytest.mark.samples
def test_entries_of_a_real_data_tile_as_a_bundle(samples: Path) -> None:
    """The same leaves, served as plain tlog-tiles entries, hash to the same tile."""
    folder = samples / "vectors/static-ct-navigli"
    leaves = decode_data_tile(gzip.decompress((folder / bundle_path("data", 0)).read_bytes()), 256)
    bundle = encode_bundle([leaf.entry.merkle_tree_leaf() for leaf in leaves])
    hashes = [hash_leaf(entry) for entry in decode_bundle(bundle, 256)]
    assert b"".join(hashes) == (folder / tile_path(0, 0)).read_bytes()


def test_layout() -> None:
    """A certificate's leaf is its entry and its chain; a precertificate's has the precertificate between them."""
    certificate, precertificate = LEAVES
    assert certificate.encode() == (
        CERTIFICATE.merkle_tree_leaf()[2:] + b"\x00\x40" + bytes(32) + bytes(range(32))
    )
    assert precertificate.encode() == (
        PRECERTIFICATE.merkle_tree_leaf()[2:] + b"\x00\x00\x0eprecertificate" + b"\x00\x20" + bytes(range(32))
    )
    assert encode_data_tile(LEAVES) == certificate.encode() + precertificate.encode()
    assert read_tile_leaf(encode_data_tile(LEAVES), 0) == (certificate, len(certificate.encode()))


@given(st.lists(tile_leaves(), min_size=1, max_size=5))
@FUZZ
def test_every_tile_is_read_back(leaves: list[TileLeaf]) -> None:
    """A tile's leaves survive, and only their number reads them."""
    data = encode_data_tile(leaves)
    assert decode_data_tile(data, len(leaves)) == leaves
    for wrong in (len(leaves) - 1, len(leaves) + 1):
        with pytest.raises(ParseError):
            decode_data_tile(data, wrong)


def test_limits_of_a_tile() -> None:
    """A tile has 1 to 256 leaves."""
    for count in (0, 257):
        with pytest.raises(ParseError):
            encode_data_tile(count * [LEAVES[0]])
        with pytest.raises(ParseError):
            decode_data_tile(count * LEAVES[0].encode(), count)
    assert len(decode_data_tile(encode_data_tile(256 * [LEAVES[0]]), 256)) == 256


def test_leaves_that_cannot_be() -> None:
    """A precertificate stands beside a precertificate entry only, and a chain is made of SHA-256 values."""
    for entry, precertificate, fingerprints in (
        (CERTIFICATE, b"precertificate", ()),
        (PRECERTIFICATE, b"", ()),
        (PRECERTIFICATE, bytes(2**24), ()),
        (CERTIFICATE, b"", 2048 * (bytes(32),)),
        (CERTIFICATE, b"", (bytes(31), bytes(33))),
    ):
        with pytest.raises(ParseError):
            TileLeaf(entry, precertificate, fingerprints).encode()


def test_no_tile_is_read_from_less_or_more_than_its_bytes() -> None:
    """A tile that is cut short anywhere, or that goes on, is refused; so is a chain of broken fingerprints."""
    data = encode_data_tile(LEAVES)
    for end in range(len(data)):
        with pytest.raises(ParseError):
            decode_data_tile(data[:end], 2)
    for leaf in LEAVES:
        for end in range(len(leaf.encode())):
            with pytest.raises(ParseError):
                read_tile_leaf(leaf.encode()[:end], 0)
    with pytest.raises(ParseError):
        decode_data_tile(data + b"\x00", 2)
    with pytest.raises(ParseError, match="fingerprints"):
        decode_data_tile(data[:-34] + b"\x00\x1f" + bytes(31), 2)


@given(damaged(encode_data_tile(LEAVES)), st.integers(-1, 3))
@FUZZ
def test_tiles_from_strangers(data: bytes, count: int) -> None:
    """A damaged tile is refused, or encodes to what was read."""
    leaves = only_our_errors(lambda data: decode_data_tile(data, count), data)
    if leaves is not None:
        assert encode_data_tile(leaves) == data
