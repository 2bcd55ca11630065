# SPDX-License-Identifier: Apache-2.0
"""The tile layout: its paths, which tiles there are at which size, their bytes, and proofs made from them."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.errors import ParseError, ProofError
from keystead.tlog.merkle import (
    make_consistency_proof,
    make_inclusion_proof,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from keystead.tlog.tiles import (
    TileNodes,
    bundle_path,
    decode_bundle,
    decode_tile,
    edge_tiles,
    encode_bundle,
    encode_tile,
    parse_tile_suffix,
    tile_path,
    tile_width,
    tiles_between,
)
from support.fuzzing import FUZZ, damaged, damaged_text, only_our_errors
from support.trees import mth, node_reader, random_hashes, tiles_of

SIZES = st.one_of(
    st.integers(0, 3), st.integers(250, 260), st.integers(65_530, 65_540), st.integers(0, 200_000)
)


@pytest.mark.parametrize(
    ("index", "suffix"),
    [
        (0, "000"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (10**9, "x001/x000/x000/000"),
    ],
)
def test_paths_of_the_specification(index: int, suffix: str) -> None:
    """Indices are written in groups of three digits, as the specification's examples show."""
    assert tile_path(2, index) == f"tile/2/{suffix}"
    assert tile_path(0, index, 17) == f"tile/0/{suffix}.p/17"
    assert bundle_path("entries", index) == f"tile/entries/{suffix}"
    assert bundle_path("data", index, 255) == f"tile/data/{suffix}.p/255"
    assert parse_tile_suffix(suffix) == (index, 256)
    assert parse_tile_suffix(f"{suffix}.p/17") == (index, 17)


@given(st.integers(0, 2**63), st.integers(1, 256))
@FUZZ
def test_every_path_is_read_back(index: int, width: int) -> None:
    """What a path is written for is what is read from it."""
    assert parse_tile_suffix(tile_path(0, index, width).removeprefix("tile/0/")) == (index, width)


@pytest.mark.parametrize(
    "suffix",
    [
        "",
        "0",
        "00",
        "0000",
        "x000/000",
        "x000/x001/000",
        "001/000",
        "x001",
        "x001/",
        "x1/000",
        "X001/000",
        "000.p/0",
        "000.p/01",
        "000.p/256",
        "000.p/1000",
        "000.p/",
        "000.p",
        "000.P/1",
        "000 ",
        "000\n",
        "٠٠٠",
        "-01",
        "+01",
        "x001/../000",
        "000.p/1/",
        "x999/" * 7 + "999",
    ],
)
def test_other_spellings_are_no_paths(suffix: str) -> None:
    """An index and a width have one spelling each."""
    with pytest.raises(ParseError):
        parse_tile_suffix(suffix)


@given(damaged_text("000", "x001/x234/067.p/8", "x001/000.p/255"))
@FUZZ
def test_paths_from_strangers(suffix: str) -> None:
    """Whatever a stranger asks for is refused, or is the path of exactly what was understood."""
    parsed = only_our_errors(parse_tile_suffix, suffix)
    if parsed is not None:
        assert tile_path(0, *parsed) == f"tile/0/{suffix}"


def test_layout_of_the_specification() -> None:
    """The trees of 70,000 and of 256 leaves have the tiles that the specification says."""
    tiles = tiles_between(0, 70_000)
    widths = Counter((level, width) for level, _, width in tiles)
    assert widths == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert edge_tiles(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert tiles_between(0, 256) == edge_tiles(256) == [(0, 0, 256), (1, 0, 1)]
    assert tiles_between(0, 0) == edge_tiles(0) == []


@given(SIZES)
@FUZZ
def test_tiles_are_those_that_the_definition_counts(size: int) -> None:
    """Each level has floor(size / 256^L) hashes: full tiles, then what is left over, never nothing."""
    expected = []
    for level in range(8):
        full, rest = divmod(size // 256**level, 256)
        expected += [(level, index, 256) for index in range(full)]
        expected += [(level, full, rest)] if rest else []
    assert tiles_between(0, size) == expected
    last = {tile[0]: tile for tile in expected}
    assert edge_tiles(size) == list(last.values())
    assert all(tile_width(level, index, size) == width for level, index, width in expected)
    assert all(tile_width(level, index + 1, size) <= 0 for level, index, _ in last.values())


@given(st.lists(SIZES, min_size=2, max_size=4).map(sorted))
@FUZZ
def test_growth_writes_what_is_new_and_nothing_else(sizes: list[int]) -> None:
    """However a tree grows, each step writes exactly the tiles that its new size has and its old had not."""
    for old, new in pairwise(sizes):
        before, after = set(tiles_between(0, old)), set(tiles_between(0, new))
        written = tiles_between(old, new)
        assert set(written) == after - before
        assert len(set(written)) == len(written)


def test_tile_bytes() -> None:
    """A tile is its hashes, one after the other; it has one to 256 of them, of 32 bytes each."""
    hashes = random_hashes(256, seed=1)
    for width in (1, 2, 255, 256):
        data = encode_tile(hashes[:width])
        assert data == b"".join(hashes[:width])
        assert decode_tile(data, width) == hashes[:width]
        for wrong in (width - 1, width + 1, 0, -1):
            with pytest.raises(ParseError):
                decode_tile(data, wrong)
    for refused in ([], [*hashes, hashes[0]], [hashes[0][:31]]):
        with pytest.raises(ParseError):
            encode_tile(refused)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
@FUZZ
def test_bundles_are_read_back(entries: list[bytes]) -> None:
    """A bundle holds its entries behind their lengths, and says nothing about how many there are."""
    data = encode_bundle(entries)
    assert data == b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    assert decode_bundle(data, len(entries)) == entries
    for wrong in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(ParseError):
            decode_bundle(data, wrong)


def test_bundle_limits() -> None:
    """An entry has at most 65,535 bytes and a bundle 1 to 256 entries."""
    longest = bytes(65_535)
    assert decode_bundle(encode_bundle([b""] * 256), 256) == [b""] * 256
    assert decode_bundle(encode_bundle([longest, b""]), 2) == [longest, b""]
    for refused in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(ParseError):
            encode_bundle(refused)
    for count in (0, 257):
        with pytest.raises(ParseError):
            decode_bundle(bytes(2 * count), count)


@given(damaged(encode_bundle([b"", b"one", bytes(300)])), st.integers(-1, 5))
@FUZZ
def test_bundles_from_strangers(data: bytes, count: int) -> None:
    """A damaged bundle is refused, or is the encoding of what was read."""
    entries = only_our_errors(lambda data: decode_bundle(data, count), data)
    if entries is not None:
        assert encode_bundle(entries) == data


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    """70,000 leaf hashes."""
    return random_hashes(70_000, seed=70_000)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 65_536, 65_537, 70_000])
def test_proofs_from_tiles_are_proofs_from_leaves(leaves: list[bytes], size: int) -> None:
    """Roots and proofs made from tiles alone are those of the leaves, and no other tile is asked for."""
    leaves = leaves[:size]
    stored = tiles_of(leaves)
    assert set(stored) == set(tiles_between(0, size))
    nodes = TileNodes(size, lambda level, index, width: stored[level, index, width])
    node = node_reader(leaves)
    root = root_of(leaves)
    assert tree_root(size, nodes) == root
    source = random.Random(size)
    for index in {0, size - 1, *(source.randrange(size) for _ in range(3))}:
        proof = make_inclusion_proof(index, size, nodes)
        assert proof == make_inclusion_proof(index, size, node)
        verify_inclusion(leaves[index], index, size, proof, root)
    for old in {1, size, *(source.randint(1, size) for _ in range(3))}:
        proof = make_consistency_proof(old, size, nodes)
        assert proof == make_consistency_proof(old, size, node)
        verify_consistency(old, root_of(leaves[:old]), size, root, proof)


def test_every_subtree_of_a_small_tree(leaves: list[bytes]) -> None:
    """Each complete subtree is answered, across the border between tile levels; each other one is refused."""
    size = 777
    stored = tiles_of(leaves[:size])
    nodes = TileNodes(size, lambda level, index, width: stored[level, index, width])
    for level in range(11):
        count = size >> level
        for index in {0, 1, count // 2, count - 1} & set(range(count)):
            assert nodes(level, index) == mth(leaves[index << level : (index + 1) << level])
        for level_index in ((level, count), (level, -1), (-1, 0)):
            with pytest.raises(ProofError):
                nodes(*level_index)


def test_a_tile_of_the_wrong_width_is_refused(leaves: list[bytes]) -> None:
    """A store that hands out a full tile for a partial one, or a shorter one, is not believed."""
    for data in (b"".join(leaves[:256]), b"".join(leaves[:11]), b""):
        nodes = TileNodes(12, lambda level, index, width, data=data: data)
        with pytest.raises(ParseError):
            nodes(0, 0)


def test_tiles_are_read_once_and_forgotten_in_turn(leaves: list[bytes]) -> None:
    """A tile stays in memory until so many others were used after it, also for other sizes of the tree."""
    stored = tiles_of(leaves[:1100])
    read: list[tuple[int, int, int]] = []

    def read_tile(level: int, index: int, width: int) -> bytes:
        read.append((level, index, width))
        return stored[level, index, width]

    nodes = TileNodes(1100, read_tile, max_tiles=2)
    for index in (0, 1, 255, 256, 0, 512, 0, 256):
        assert nodes(0, index) == leaves[index]
    assert read == [(0, 0, 256), (0, 1, 256), (0, 2, 256), (0, 1, 256)]
    assert nodes.at(600)(0, 256) == leaves[256]
    assert len(read) == 4


def test_errors_of_the_store_pass_through() -> None:
    """What reading a tile raises reaches the caller, and the tile is asked for again."""
    answers = [OSError("disk"), bytes(32)]

    def read_tile(level: int, index: int, width: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    nodes = TileNodes(1, read_tile)
    with pytest.raises(OSError, match="disk"):
        nodes(0, 0)
    assert nodes(0, 0) == bytes(32)
