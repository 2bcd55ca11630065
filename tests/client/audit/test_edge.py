# SPDX-License-Identifier: Apache-2.0
"""The edge of a tree: what it holds, and what it refuses to be."""

import pytest

from keystead.audit.edge import EMPTY_EDGE, Edge, level_count
from keystead.errors import ParseError
from keystead.tlog.merkle import EMPTY_ROOT, hash_leaf, root_of
from keystead.tlog.tiles import edge_tiles


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 2**40])
def test_levels_are_those_of_tiles(size: int) -> None:
    """A tree has as many levels as tlog-tiles gives it."""
    assert level_count(size) == len(edge_tiles(size))


def test_the_empty_edge() -> None:
    """Nothing has the root of the empty tree."""
    assert EMPTY_EDGE.root() == EMPTY_ROOT
    assert EMPTY_EDGE.tile(3) == b""


@pytest.mark.parametrize("size", [1, 2, 255, 256, 600])
def test_the_root_is_that_of_the_leaves(size: int) -> None:
    """The hashes at the edge are enough for the root."""
    hashes = [hash_leaf(b"%d" % number) for number in range(size)]
    whole = size // 256 * 256
    upper = [root_of(hashes[at : at + 256]) for at in range(0, whole, 256)]
    tiles = (b"".join(hashes[whole:]), b"".join(upper)) if upper else (b"".join(hashes),)
    edge = Edge(size, tiles)
    assert edge.root() == root_of(hashes)
    assert edge.tile(0) == b"".join(hashes[whole:])


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (-1, ()),
        (1, ()),
        (1, (bytes(31),)),
        (1, (bytes(64),)),
        (256, (bytes(32),)),
        (0, (b"",)),
        (2, (bytes(64), b"")),
    ],
)
def test_hashes_that_no_tree_has(size: int, tiles: tuple[bytes, ...]) -> None:
    """An edge with other hashes than a tree of its size has is refused."""
    with pytest.raises(ParseError):
        Edge(size, tiles)
