# SPDX-License-Identifier: Apache-2.0
"""The growing Merkle tree of one log, in the tiles of C2SP tlog-tiles.

A `Tree` stands at one size. It holds its *edge*, the partial tile of each level, in memory; full tiles are
read from a `BlobStore` when a proof needs one, and the newest and the last used stay in a bounded cache.

`grow` computes what more leaves make of the tree and changes nothing; `accept` moves the tree there once that
is committed and published. Between the two, proofs are still under the old size.

Invariants:

* no hash is used that was not checked: the edge leads to the root that the tree was loaded with, and a full
  tile to the hash that the tile above it holds. So a proof that a tree makes verifies, whatever the store
  says;
* the root of a growth is computed twice, from the tiles that will be stored and from a compact range, and
  must come out the same: a bit that flips in memory is not signed;
* memory is bounded: 16 kB for each of at most `max_tiles` full tiles.

Proofs may be made while another thread grows the tree; `accept` and the proofs belong to one thread at a
time.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from keystead.errors import ProofError, StoreError
from keystead.tlog.merkle import (
    HASH_SIZE,
    CompactRange,
    hash_children,
    make_consistency_proof,
    make_inclusion_proof,
)
from keystead.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, edge_tiles, tile_path
from keystead_server.storage.interface import BlobStore

__all__ = ["Growth", "Tree"]

_Rows = tuple[bytes, ...]
# A tile's perfect subtrees: row `h` is the concatenated roots of those of height `h`. An empty tile has no
# rows.

_FULL = TILE_WIDTH * HASH_SIZE


@dataclass(frozen=True, slots=True)
class _Edge:
    """The right edge of a tree: all that its root, and the next growth, depend on.

    Attributes:
        size: leaves.
        rows: for each level of tiles, the partial tile at its end; empty where the level ends in a full one.
        peaks: the roots of the maximal perfect subtrees, the largest first.
        root: the root.
        joins: for the level of each such subtree, the part of an audit path that is outside of it.
    """

    size: int
    rows: tuple[_Rows, ...]
    peaks: tuple[bytes, ...]
    root: bytes
    joins: Mapping[int, tuple[bytes, ...]]

    @classmethod
    def of(cls, size: int, rows: tuple[_Rows, ...]) -> "_Edge":
        peaks: list[tuple[int, bytes]] = []
        for level in range(len(rows) - 1, -1, -1):
            width = size >> (TILE_HEIGHT * level) & (TILE_WIDTH - 1)
            for height in range(TILE_HEIGHT - 1, -1, -1):
                if width >> height & 1:
                    start = ((width >> height) - 1) * HASH_SIZE
                    peak = rows[level][height][start : start + HASH_SIZE]
                    peaks.append((TILE_HEIGHT * level + height, peak))
        hashes = [peak for _, peak in peaks]
        # The tree is (P0, (P1, (P2, ...))): beside Pk stand all after it as one node, then each before it.
        joins = {}
        rest: tuple[bytes, ...] = ()
        for number in range(len(peaks) - 1, -1, -1):
            level, peak = peaks[number]
            joins[level] = rest + tuple(reversed(hashes[:number]))
            rest = (hash_children(peak, rest[0]) if rest else peak,)
        return cls(size, rows, tuple(hashes), rest[0] if rest else CompactRange().root(), joins)


@dataclass(frozen=True, slots=True)
class Growth:
    """What more leaves make of a tree.

    Attributes:
        old_size: the size that it starts from.
        size: the size that it leads to.
        root: the root there.
        objects: the hash tiles to store, by path: the full ones that it completes, and the last of each level
            that it changes.
    """

    old_size: int
    size: int
    root: bytes
    objects: Mapping[str, bytes]
    _edge: _Edge = field(repr=False)
    _full: Mapping[tuple[int, int], _Rows] = field(repr=False)


class Tree:
    """One log's tree at one size; made by `load`."""

    def __init__(self, blobs: BlobStore, prefix: str, edge: _Edge, max_tiles: int) -> None:
        self.prefix = prefix
        self._blobs = blobs
        self._edge = edge
        self._max_tiles = max_tiles
        self._cache: OrderedDict[tuple[int, int], _Rows] = OrderedDict()
        self._cache_lock = threading.Lock()

    @classmethod
    def load(cls, blobs: BlobStore, prefix: str, size: int, root: bytes, *, max_tiles: int = 1024) -> "Tree":
        """The tree of `size` leaves with `root`, from the tiles that are stored.

        Args:
            blobs: the store; it is not trusted.
            prefix: what the log's paths begin with, such as `issuance/`.
            size: leaves in the tree; 0 for a new log, of which nothing is read.
            root: the root in the log's last checkpoint.
            max_tiles: how many full tiles stay in memory.

        Raises:
            StoreError: a tile at the edge is missing, or the edge does not lead to the root.
        """
        rows: list[_Rows] = []
        level = 0
        while count := size >> (TILE_HEIGHT * level):
            width = count % TILE_WIDTH
            path = prefix + tile_path(level, count // TILE_WIDTH, width) if width else ""
            rows.append(_extend((), _read(blobs, path, width)) if width else ())
            level += 1
        edge = _Edge.of(size, tuple(rows))
        if edge.root != root:
            raise StoreError(
                f"the tiles at the end of {prefix}tile do not lead to the signed root of {size} entries: "
                "restore them from a backup or a mirror"
            )
        tree = cls(blobs, prefix, edge, max_tiles)
        for level, index, width in edge_tiles(size):
            # A level that ends in a full tile has nothing at its edge; look at that tile all the same.
            if width == TILE_WIDTH:
                tree._full_tile(level, index)
        return tree

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return self._edge.size

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return self._edge.root

    @property
    def tail_hashes(self) -> tuple[bytes, ...]:
        """The leaf hashes of the partial tile at the end, at most 255: what the last bundle must hash to."""
        row = self._edge.rows[0][0] if self._edge.rows and self._edge.rows[0] else b""
        return tuple(row[start : start + HASH_SIZE] for start in range(0, len(row), HASH_SIZE))

    def grow(self, leaf_hashes: Sequence[bytes]) -> Growth:
        """What the tree becomes with more leaves. The tree does not change.

        Raises:
            StoreError: the two ways to compute the root disagree: memory is not to be relied on.
        """
        old = self._edge
        size = old.size + len(leaf_hashes)
        objects: dict[str, bytes] = {}
        full: dict[tuple[int, int], _Rows] = {}
        rows: list[_Rows] = []
        level = 0
        fresh = b"".join(leaf_hashes)
        while fresh or level < len(old.rows):
            tile = old.rows[level] if level < len(old.rows) else ()
            index = old.size >> (TILE_HEIGHT * (level + 1))
            completed: list[bytes] = []
            position = 0
            while position < len(fresh):
                taken = _FULL - (len(tile[0]) if tile else 0)
                tile = _extend(tile, fresh[position : position + taken])
                position += taken
                width = len(tile[0]) // HASH_SIZE
                objects[self.prefix + tile_path(level, index, width)] = tile[0]
                if width == TILE_WIDTH:
                    full[level, index] = tile
                    completed.append(tile[TILE_HEIGHT])
                    tile = ()
                    index += 1
            rows.append(tile)
            fresh = b"".join(completed)
            level += 1
        edge = _Edge.of(size, tuple(rows))
        second = CompactRange(old.size, old.peaks)
        second.extend(leaf_hashes)
        if second.size != size or second.root() != edge.root:
            raise StoreError(
                f"two computations of the root of {self.prefix} disagree: check this machine's memory"
            )
        return Growth(old.size, size, edge.root, objects, edge, full)

    def accept(self, growth: Growth) -> None:
        """Move the tree to where `growth`, which it made, leads.

        Raises:
            StoreError: the tree has moved since.
        """
        if growth.old_size != self._edge.size:
            raise StoreError(
                f"the tree {self.prefix} has {self.size} leaves, not {growth.old_size}, to grow from"
            )
        for (level, index), rows in growth._full.items():
            self._keep(level, index, rows)
        self._edge = growth._edge

    def node(self, level: int, index: int) -> bytes:
        """The hash of the perfect subtree `(level, index)`: a `NodeReader` for every size up to the tree's.

        Raises:
            ProofError: it is not inside the tree.
            StoreError: its tile is missing or altered.
        """
        edge = self._edge
        if index < 0 or level < 0 or (index + 1) << level > edge.size:
            raise ProofError(
                f"the subtree ({level}, {index}) is not complete in a tree of {edge.size} leaves",
                check="leaf-in-tree",
            )
        tile_level, height = divmod(level, TILE_HEIGHT)
        shift = TILE_HEIGHT - height
        tile_index = index >> shift
        start = (index - (tile_index << shift)) * HASH_SIZE
        return self._rows(edge, tile_level, tile_index)[height][start : start + HASH_SIZE]

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The audit path of leaf `index` in the tree of `size` leaves; by default in the tree as it stands.

        Raises:
            ProofError: the leaf is not in that tree, or the tree is not as large.
            StoreError: a tile is missing or altered.
        """
        edge = self._edge
        if size is not None and size != edge.size:
            self._check_size(size)
            return make_inclusion_proof(index, size, self.node)
        if not 0 <= index < edge.size:
            raise ProofError(f"leaf {index} is not in a tree of {edge.size} leaves", check="leaf-in-tree")
        # The highest bit in which the index and the size differ is the level of the perfect subtree that the
        # leaf is in: inside it, siblings; outside of it, what is the same for all its leaves.
        top = (index ^ edge.size).bit_length() - 1
        path: list[bytes] = []
        for tile_level in range(-(-top // TILE_HEIGHT)):
            # All siblings of eight levels are in one tile.
            tile, place = divmod(index >> TILE_HEIGHT * tile_level, TILE_WIDTH)
            rows = self._rows(edge, tile_level, tile)
            for height in range(min(TILE_HEIGHT, top - TILE_HEIGHT * tile_level)):
                start = (place >> height ^ 1) * HASH_SIZE
                path.append(rows[height][start : start + HASH_SIZE])
        path += edge.joins[top]
        return path

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the tree of `old` leaves is a prefix of that of `new`; by default of the tree as it
        stands.

        Raises:
            ProofError: `old` is greater than `new`, or the tree is not as large.
            StoreError: a tile is missing or altered.
        """
        if new is None:
            new = self._edge.size
        self._check_size(new)
        return make_consistency_proof(old, new, self.node)

    def _check_size(self, size: int) -> None:
        # Not every proof needs the last leaf, so its absence would not show.
        if size > self._edge.size:
            raise ProofError(f"the tree has {self._edge.size} leaves, not yet {size}", check="leaf-in-tree")

    def _rows(self, edge: _Edge, level: int, index: int) -> _Rows:
        """The rows of a tile, the partial one at the edge or a full one."""
        if index == edge.size >> (TILE_HEIGHT * (level + 1)):
            return edge.rows[level]
        return self._full_tile(level, index)

    def _full_tile(self, level: int, index: int) -> _Rows:
        with self._cache_lock:
            rows = self._cache.get((level, index))
            if rows is not None:
                self._cache.move_to_end((level, index))
                return rows
        path = self.prefix + tile_path(level, index)
        rows = _extend((), _read(self._blobs, path, TILE_WIDTH))
        # The root of a full tile stands in the tile above it, which is checked in the same way, up to the
        # edge.
        if rows[TILE_HEIGHT] != self.node(TILE_HEIGHT * (level + 1), index):
            raise StoreError(f"{path} was altered: restore it from a backup or a mirror")
        self._keep(level, index, rows)
        return rows

    def _keep(self, level: int, index: int, rows: _Rows) -> None:
        with self._cache_lock:
            self._cache[level, index] = rows
            self._cache.move_to_end((level, index))
            if len(self._cache) > self._max_tiles:
                self._cache.popitem(last=False)


def _read(blobs: BlobStore, path: str, width: int) -> bytes:
    data = blobs.get(path)
    if data is None:
        raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
    if len(data) != width * HASH_SIZE:
        raise StoreError(
            f"{path} has {len(data)} bytes, not {width} hashes: restore it from a backup or a mirror"
        )
    return data


def _extend(rows: _Rows, hashes: bytes) -> _Rows:
    """The rows of a tile after more hashes at its end."""
    pair = 2 * HASH_SIZE
    extended: list[bytes] = []
    row = rows[0] + hashes if rows else hashes
    while row:
        extended.append(row)
        above = rows[len(extended)] if len(extended) < len(rows) else b""
        # `above` has the parents of the first pairs: go on behind them.
        row = above + b"".join(
            sha256(b"\x01" + row[start : start + pair]).digest()
            for start in range(2 * len(above), len(row) - len(row) % pair, pair)
        )
    return tuple(extended)
