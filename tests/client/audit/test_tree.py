# SPDX-License-Identifier: Apache-2.0
"""A tree against its tiles, by chance: what is altered is named, and what is not is not."""

from random import Random

import pytest

from keystead.audit.edge import EMPTY_EDGE, Edge
from keystead.audit.problem import Problem
from keystead.audit.tree import TreeCheck, split_tile
from keystead.tlog.merkle import hash_leaf, root_of
from keystead.tlog.tiles import bundle_path, tile_path, tile_width

Tiles = dict[tuple[int, int], bytes]

SIZES = (1, 5, 255, 256, 257, 512, 1000, 65_536, 65_800)
LEAVES = [hash_leaf(b"%d" % number) for number in range(max(SIZES))]


def tiles_of(hashes: list[bytes]) -> Tiles:
    """Every hash tile of the tree, by level and index."""
    tiles: Tiles = {}
    level, row = 0, hashes
    while row:
        for at in range(0, len(row), 256):
            tiles[level, at // 256] = b"".join(row[at : at + 256])
        row = [root_of(row[at : at + 256]) for at in range(0, len(row) - 255, 256)]
        level += 1
    return tiles


def check(
    hashes: list[bytes | None], tiles: Tiles, root: bytes, start: Edge = EMPTY_EDGE
) -> tuple[list[Problem], Edge | None, set[int], bool]:
    """Run a check; the problems, the edge, the entries that were doubted, and whether the past was rewritten."""
    tree = TreeCheck("log.example", "issuance", "data", len(hashes), root, start)
    for level, index, width in tree.upper_tiles:
        tile = tiles.get((level, index))
        tree.add_tile(level, index, None if tile is None else tile[: width * 32])
    doubted: set[int] = set()
    for index, width in tree.bundles:
        computed = [one for one in hashes[index * 256 : index * 256 + width] if one is not None]
        tile = tiles.get((0, index))
        served = None if tile is None else split_tile(tile[: width * 32])
        found = tree.add_bundle(index, computed if len(computed) == width else None, served)
        doubted |= {index * 256 + at for at in found}
    problems, edge = tree.finish()
    return problems, edge, doubted, tree.rewritten


def places(problems: list[Problem]) -> list[tuple[str, int | None, str | None]]:
    """Code, entry and path of each."""
    return [(one.code, one.index, one.path) for one in problems]


def altered(tile: bytes, source: Random) -> bytes:
    """The tile with one bit flipped."""
    at = source.randrange(len(tile))
    return tile[:at] + bytes([tile[at] ^ 1 << source.randrange(8)]) + tile[at + 1 :]


@pytest.mark.parametrize("size", [0, *SIZES])
def test_a_right_tree(size: int) -> None:
    """Nothing is wrong with a right tree, read from nothing or continued from any edge of it."""
    hashes = LEAVES[:size]
    tiles, root = tiles_of(hashes), root_of(hashes)
    problems, edge, doubted, rewritten = check(list(hashes), tiles, root)
    assert (problems, doubted, rewritten) == ([], set(), False)
    assert edge is not None
    assert edge.root() == root
    for old in {0, size // 3, size // 2, size // 256 * 256, max(size - 1, 0), size}:
        _, start, _, _ = check(list(hashes[:old]), tiles_of(hashes[:old]), root_of(hashes[:old]))
        assert start is not None
        assert check(list(hashes), tiles, root, start) == ([], edge, set(), False)


@pytest.mark.parametrize("size", SIZES)
def test_one_wrong_tile(size: int) -> None:
    """A wrong tile is named and nothing else, at any level; what entries say counts all the same."""
    source, hashes = Random(size), LEAVES[:size]
    tiles, root = tiles_of(hashes), root_of(hashes)
    _, right, _, _ = check(list(hashes), tiles, root)
    for level, index in [*source.sample(sorted(tiles), min(len(tiles), 4)), max(tiles), (0, 0)]:
        wrong = {**tiles, (level, index): altered(tiles[level, index], source)}
        problems, edge, doubted, _ = check(list(hashes), wrong, root)
        path = tile_path(level, index, tile_width(level, index, size))
        assert places(problems) == [("tile-altered", None, f"issuance/{path}")]
        assert (edge, doubted) == (right, set())
        missing = {place: tile for place, tile in tiles.items() if place != (level, index)}
        assert check(list(hashes), missing, root) == ([], right, set(), False)


@pytest.mark.parametrize("size", SIZES)
def test_one_wrong_entry(size: int) -> None:
    """A wrong entry is named by its index, and it alone is doubted."""
    source, hashes = Random(size), LEAVES[:size]
    tiles, root = tiles_of(hashes), root_of(hashes)
    _, right, _, _ = check(list(hashes), tiles, root)
    for at in {0, size - 1, *(source.randrange(size) for _ in range(3))}:
        read: list[bytes | None] = list(hashes)
        read[at] = bytes(32)
        problems, edge, doubted, _ = check(read, tiles, root)
        path = bundle_path("data", at // 256, tile_width(0, at // 256, size))
        assert places(problems) == [("entry-altered", at, f"issuance/{path}")]
        assert (edge, doubted) == (right, {at})
        # A bundle that is not there is the caller's to name.
        read[at] = None
        problems, edge, doubted, _ = check(read, tiles, root)
        first = at // 256 * 256
        assert (problems, edge) == ([], right)
        assert doubted == set(range(first, min(first + 256, size)))


@pytest.mark.parametrize("size", [size for size in SIZES if size > 512])
def test_a_wrong_entry_and_a_wrong_tile(size: int) -> None:
    """An entry and a tile of another bundle are both named, and nothing else."""
    source, hashes = Random(size), LEAVES[:size]
    tiles, root = tiles_of(hashes), root_of(hashes)
    for _ in range(4):
        at, index = source.randrange(size), source.randrange(-(-size // 256))
        if at // 256 == index:
            continue
        read: list[bytes | None] = list(hashes)
        read[at] = bytes(32)
        problems, _, _, _ = check(read, {**tiles, (0, index): altered(tiles[0, index], source)}, root)
        assert sorted((one.code, one.index) for one in problems) == [
            ("entry-altered", at),
            ("tile-altered", None),
        ]


@pytest.mark.parametrize("size", SIZES)
def test_a_bundle_and_its_own_tile(size: int) -> None:
    """Where an entry and its own tile are wrong, both files are named."""
    source, hashes = Random(size), LEAVES[:size]
    tiles, root = tiles_of(hashes), root_of(hashes)
    at = source.randrange(size)
    read: list[bytes | None] = list(hashes)
    read[at] = bytes(32)
    problems, _, _, _ = check(read, {**tiles, (0, at // 256): altered(tiles[0, at // 256], source)}, root)
    width = tile_width(0, at // 256, size)
    named = {one.path for one in problems}
    assert f"issuance/{bundle_path('data', at // 256, width)}" in named
    assert f"issuance/{tile_path(0, at // 256, width)}" in named


@pytest.mark.parametrize("size", SIZES)
def test_another_root(size: int) -> None:
    """A root that is not that of entries and tiles is what is wrong, and no entry is accused."""
    hashes = LEAVES[:size]
    problems, edge, _, _ = check(list(hashes), tiles_of(hashes), bytes(32))
    assert places(problems) == [("root-mismatch", None, "issuance/checkpoint")]
    assert edge is None


def test_nothing_to_reach_the_root_with() -> None:
    """Where entries and tiles are missing, what is missing is for the caller to name: no root is accused."""
    problems, edge, doubted, _ = check([None] * 5, {}, root_of(LEAVES[:5]))
    assert (problems, edge, doubted) == ([], None, set(range(5)))


def test_a_rewritten_past() -> None:
    """A right tree that has other entries where the one before ended is another history."""
    old = LEAVES[:300]
    _, start, _, _ = check(list(old), tiles_of(old), root_of(old))
    assert start is not None
    new = [*old[:299], bytes(32), *LEAVES[300:400]]
    problems, edge, _, rewritten = check(list(new), tiles_of(new), root_of(new), start)
    assert (problems, edge, rewritten) == ([], None, True)
