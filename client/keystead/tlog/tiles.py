# SPDX-License-Identifier: Apache-2.0
"""The layout of C2SP tlog-tiles: which tiles a tree has, their paths, and the bytes in them.

A tile `(level, index)` is a strip of the tree, eight levels high and up to 256 hashes wide: its hash `i` is
the root of the perfect subtree `(8 * level, 256 * index + i)`. A bundle holds the 256 entries that a tile of
level 0 holds the hashes of; static-ct-api calls its own kind of bundle a data tile and lays it out alike.
`TileNodes` reads the hashes of perfect subtrees out of tiles, so that proofs and roots can be made from what
is stored.

Invariants:

* a hash is in a tile only if its subtree is complete; no tile is empty; a tile narrower than 256 has its
  width in its path, so no path ever names two different contents;
* path suffixes are read in their one spelling; whatever else is given raises `ParseError`.

>>> tile_path(0, 1234067, 8), parse_tile_suffix("x001/x234/067.p/8")
('tile/0/x001/x234/067.p/8', (1234067, 8))
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal

from keystead.errors import ParseError, ProofError
from keystead.tlog.merkle import HASH_SIZE

__all__ = [
    "MAX_ENTRY_SIZE",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "TileNodes",
    "TileReader",
    "bundle_path",
    "decode_bundle",
    "decode_tile",
    "edge_tiles",
    "encode_bundle",
    "encode_tile",
    "parse_tile_suffix",
    "tile_path",
    "tile_width",
    "tiles_between",
]

TILE_HEIGHT = 8
"""Levels of the tree in one tile."""

TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a full tile, entries in a full bundle."""

MAX_ENTRY_SIZE = 65_535
"""Bytes in an entry: its length is a uint16."""

# Indices beyond 2^63 leaves do not exist: seven groups of three digits hold every one.
_SUFFIX = re.compile(r"((?:x[0-9]{3}/){0,6})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a hash tile under a log's prefix."""
    return f"tile/{level}/{_suffix(index, width)}"


def bundle_path(kind: Literal["entries", "data"], index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle (`entries`), or of a data tile (`data`) of static-ct-api."""
    return f"tile/{kind}/{_suffix(index, width)}"


def _suffix(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(groups))
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def parse_tile_suffix(suffix: str) -> tuple[int, int]:
    """Read what follows `tile/<level>/`, `tile/entries/` or `tile/data/` in a path.

    Returns:
        The tile's index and its width, 1 to 256.

    Raises:
        ParseError: it is not the one spelling of an index and a width.
    """
    match = _SUFFIX.fullmatch(suffix)
    # A leading group of zeros would be a second spelling; so would `.p/256`.
    if match is None or suffix.startswith("x000/"):
        raise ParseError("this is not the path of a tile")
    groups, last, partial = match.groups()
    index = int(groups.replace("x", "").replace("/", "") + last)
    width = TILE_WIDTH if partial is None else int(partial)
    if partial is not None and width >= TILE_WIDTH:
        raise ParseError("a partial tile is narrower than 256")
    return index, width


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes tile `(level, index)` has in a tree of `size` leaves; none has 0 or fewer."""
    return min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)


def edge_tiles(size: int) -> list[tuple[int, int, int]]:
    """The last tile of each level in a tree of `size` leaves, full or not, as (level, index, width)."""
    tiles = []
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        index = (count - 1) // TILE_WIDTH
        tiles.append((level, index, count - index * TILE_WIDTH))
        level += 1
    return tiles


def tiles_between(old_size: int, new_size: int) -> list[tuple[int, int, int]]:
    """The tiles of the tree of `new_size` leaves that the tree of `old_size` does not have.

    Those of level 0 name the bundles that are new as well.

    Returns:
        (level, index, width), level by level, ascending; full tiles, and at most one partial tile a level.
    """
    tiles = []
    level = 0
    while new_count := new_size >> (TILE_HEIGHT * level):
        old_count = old_size >> (TILE_HEIGHT * level)
        if new_count > old_count:
            first = old_count // TILE_WIDTH
            last = (new_count - 1) // TILE_WIDTH
            tiles += [
                (level, index, min(TILE_WIDTH, new_count - index * TILE_WIDTH))
                for index in range(first, last + 1)
            ]
        level += 1
    return tiles


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """The bytes of a hash tile.

    Raises:
        ParseError: there are no hashes or more than 256, or one is not 32 bytes long.
    """
    if not 0 < len(hashes) <= TILE_WIDTH or any(len(value) != HASH_SIZE for value in hashes):
        raise ParseError("a tile holds 1 to 256 hashes of 32 bytes")
    return b"".join(hashes)


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a hash tile that is `width` wide.

    Raises:
        ParseError: it has another width.
    """
    if not 0 < width <= TILE_WIDTH or len(data) != width * HASH_SIZE:
        raise ParseError(f"a tile of {width} hashes does not have {len(data)} bytes")
    return [data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle.

    Raises:
        ParseError: there are no entries or more than 256, or one is longer than 65,535 bytes.
    """
    if not 0 < len(entries) <= TILE_WIDTH:
        raise ParseError("a bundle holds 1 to 256 entries")
    pieces: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise ParseError(f"an entry of {len(entry)} bytes does not fit into a bundle")
        pieces += (len(entry).to_bytes(2), entry)
    return b"".join(pieces)


def decode_bundle(data: bytes, count: int) -> list[bytes]:
    """The entries of a bundle that holds `count` of them.

    Raises:
        ParseError: it ends early, or holds more.
    """
    if not 0 < count <= TILE_WIDTH:
        raise ParseError("a bundle holds 1 to 256 entries")
    entries = []
    position = 0
    size = len(data)
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[start - 2 : start])
        if position > size:
            raise ParseError("a bundle ends early", offset=size)
        entries.append(data[start:position])
    if position != size:
        raise ParseError("a bundle has trailing bytes", offset=position)
    return entries


TileReader = Callable[[int, int, int], bytes]
"""`(level, index, width)` to the bytes of that tile."""

_Rows = list[bytes]
# A tile's perfect subtrees: row `h` is the concatenated roots of those of height `h`.


class TileNodes:
    """A `NodeReader` over the tiles of one tree size. It belongs to one thread.

    A tile is asked for by the width that it has in that tree. What a tile says is not checked against a
    root: whoever reads a stranger's tiles verifies the proof or root that comes out, and drops the reader if
    that fails.

    Args:
        size: leaves in the tree.
        read_tile: where tiles come from; its errors pass through.
        max_tiles: how many tiles stay in memory; one takes 16 kB.
    """

    __slots__ = ("_cache", "_max_tiles", "_read_tile", "size")

    def __init__(self, size: int, read_tile: TileReader, *, max_tiles: int = 256) -> None:
        self.size = size
        self._read_tile = read_tile
        self._max_tiles = max_tiles
        self._cache: OrderedDict[tuple[int, int, int], _Rows] = OrderedDict()

    def at(self, size: int) -> "TileNodes":
        """A reader of another size of the same tree, which shares this one's cache."""
        other = TileNodes(size, self._read_tile, max_tiles=self._max_tiles)
        other._cache = self._cache
        return other

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the perfect subtree `(level, index)`.

        Raises:
            ProofError: it is not inside the tree.
            ParseError: the tile has another width than the tree gives it.
        """
        if index < 0 or level < 0 or (index + 1) << level > self.size:
            raise ProofError(
                f"the subtree ({level}, {index}) is not complete in a tree of {self.size} leaves",
                check="leaf-in-tree",
            )
        tile_level, height = divmod(level, TILE_HEIGHT)
        # A tile has TILE_WIDTH >> height subtrees of this height.
        tile_index = index >> (TILE_HEIGHT - height)
        start = (index - (tile_index << (TILE_HEIGHT - height))) * HASH_SIZE
        key = (tile_level, tile_index, tile_width(tile_level, tile_index, self.size))
        cache = self._cache
        rows = cache.get(key)
        if rows is None:
            rows = cache[key] = _subtrees(self._read_tile(*key), key[2])
            if len(cache) > self._max_tiles:
                cache.popitem(last=False)
        else:
            cache.move_to_end(key)
        return rows[height][start : start + HASH_SIZE]


def _subtrees(tile: bytes, width: int) -> _Rows:
    if len(tile) != width * HASH_SIZE:
        raise ParseError(f"a tile of {width} hashes does not have {len(tile)} bytes")
    rows = [tile]
    pair = 2 * HASH_SIZE
    for _ in range(1, TILE_HEIGHT):
        row = rows[-1]
        whole = len(row) - len(row) % pair
        rows.append(
            b"".join([sha256(b"\x01" + row[at : at + pair]).digest() for at in range(0, whole, pair)])
        )
    return rows
