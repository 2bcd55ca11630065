# SPDX-License-Identifier: Apache-2.0
"""The right edge of a tree, in tiles: what must be kept of a tree to go on from it, and to check its new tiles.

A compact range is enough to append, but a tile that was partial and grows holds hashes from before as well. So the
edge keeps, level by level, the hashes of the tile that is not full yet (C2SP tlog-tiles): at most 255 a level.

Invariant: an `Edge` that exists has exactly the hashes that a tree of its size has there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keystead.errors import ParseError
from keystead.tlog.merkle import EMPTY_ROOT, HASH_SIZE, tree_root
from keystead.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, TileNodes

__all__ = ["EMPTY_EDGE", "Edge", "edge_root", "level_count"]


def level_count(size: int) -> int:
    """How many levels of tiles a tree has."""
    return -(-size.bit_length() // TILE_HEIGHT)


@dataclass(frozen=True, slots=True)
class Edge:
    """The tiles at the right edge that are not full.

    Attributes:
        size: leaves in the tree.
        tiles: for each level the hashes of its last tile, one after the other; empty where that is full.

    Raises:
        ParseError: there are more or fewer hashes than a tree of that size has.
    """

    size: int
    tiles: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        widths = [(self.size >> TILE_HEIGHT * level) % TILE_WIDTH for level in range(level_count(self.size))]
        if self.size < 0 or [len(tile) for tile in self.tiles] != [HASH_SIZE * width for width in widths]:
            raise ParseError(f"these are not the tiles at the edge of a tree of {self.size} leaves")

    def tile(self, level: int) -> bytes:
        """The hashes at a level, which the tree need not have."""
        return self.tiles[level] if level < len(self.tiles) else b""

    def root(self) -> bytes:
        """The root of the tree."""
        return edge_root(self.size, dict(enumerate(self.tiles)))


EMPTY_EDGE = Edge(0)
"""Of the tree without leaves."""


def edge_root(size: int, tiles: Mapping[int, bytes] | Sequence[bytes]) -> bytes:
    """The root of a tree, from the hashes of its partial tiles by level."""
    if not size:
        return EMPTY_ROOT
    # Every perfect subtree that the root is made of ends at the edge, inside a partial tile.
    return tree_root(size, TileNodes(size, lambda level, _index, _width: tiles[level]))
