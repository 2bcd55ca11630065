# SPDX-License-Identifier: Apache-2.0
"""The tiles and entries of one signed tree, each checked against its root before anybody sees it.

A log's tiles are a stranger's bytes. C2SP tlog-tiles lets a reader check them from the top: the partial tiles
of the right edge together hash to the root, and every full tile hashes to one hash of the tile above it. What
`VerifiedTree` hands out has been followed that way up to the root of a verified checkpoint, so a proof made
from it, or an entry read from it, needs no second look.

Invariants:

* nothing is returned that does not hash to the root; what does not is a `ProofError` that keeps the bytes;
* at most 8 kB a tile is held, of the tiles used last, however large the tree;
* a partial tile or bundle that is gone is looked for in the full one, as the log may delete it once that is
  there (tlog-tiles, "Partial tiles").
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from keystead.client.fetcher import Fetcher
from keystead.client.prefetch import in_order
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.errors import FetchError, ParseError, ProofError
from keystead.tlog.checkpoint import VerifiedCheckpoint
from keystead.tlog.merkle import (
    HASH_SIZE,
    NodeReader,
    hash_leaf,
    make_consistency_proof,
    make_inclusion_proof,
    root_of,
    tree_root,
)
from keystead.tlog.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    TileNodes,
    bundle_path,
    decode_bundle,
    tile_path,
    tile_width,
)

__all__ = ["DATA_TILES", "ENTRY_BUNDLES", "Bundle", "BundleCodec", "VerifiedTree"]

Entry = TypeVar("Entry")

_MAX_TILES = 512
_MAX_TILE_BYTES = TILE_WIDTH * HASH_SIZE


@dataclass(frozen=True, slots=True)
class BundleCodec(Generic[Entry]):
    """How the entries of a log lie in its bundles.

    Attributes:
        kind: the word in the bundle's path.
        decode: bundle bytes and entry count to entries; raises ParseError.
        leaf_hash: an entry to the hash of its leaf.
    """

    kind: Literal["entries", "data"]
    decode: Callable[[bytes, int], list[Entry]]
    leaf_hash: Callable[[Entry], bytes]


def _hash_tile_leaf(leaf: TileLeaf) -> bytes:
    return leaf.entry.leaf_hash()


ENTRY_BUNDLES: BundleCodec[bytes] = BundleCodec("entries", decode_bundle, hash_leaf)
"""`tile/entries` of C2SP tlog-tiles."""

DATA_TILES: BundleCodec[TileLeaf] = BundleCodec("data", decode_data_tile, _hash_tile_leaf)
"""`tile/data` of static-ct-api: with the issuers' fingerprints, which the leaf hash does not cover."""


@dataclass(frozen=True, slots=True)
class Bundle(Generic[Entry]):
    """Consecutive entries that hash to the tree.

    Attributes:
        start: the index of the first one.
        entries: in order, at most 256.
        leaf_hashes: one for each entry.
    """

    start: int
    entries: Sequence[Entry]
    leaf_hashes: Sequence[bytes]


class VerifiedTree:
    """One tree of a log.

    Args:
        fetcher: brings the log's files.
        prefix: where the log lies below the fetcher's base, as `issuance`.
        checkpoint: verified; its size and root are what everything is checked against.
    """

    def __init__(self, fetcher: Fetcher, prefix: str, checkpoint: VerifiedCheckpoint) -> None:
        self.checkpoint = checkpoint
        self.size = checkpoint.checkpoint.size
        self.root = checkpoint.checkpoint.root
        self._fetcher = fetcher
        self._prefix = prefix
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._edge: dict[tuple[int, int], bytes] | None = None
        self._peeked: dict[tuple[str, int], Bundle[Any]] = {}
        # Bundles under way at once need the same tiles: whoever comes second finds them here.
        self._loading = asyncio.Lock()

    def of(self, checkpoint: VerifiedCheckpoint) -> "VerifiedTree":
        """The tree of another checkpoint of the same log."""
        return VerifiedTree(self._fetcher, self._prefix, checkpoint)

    async def inclusion_proof(self, index: int) -> list[bytes]:
        """The audit path of leaf `index`."""
        return await self._from_nodes(lambda node: make_inclusion_proof(index, self.size, node))

    async def consistency_proof(self, old_size: int) -> list[bytes]:
        """The proof that this tree extends its own first `old_size` leaves."""
        return await self._from_nodes(lambda node: make_consistency_proof(old_size, self.size, node))

    async def frontier(self, size: int) -> list[bytes]:
        """The roots of the perfect subtrees of this tree's first `size` leaves, as `CompactRange` takes them."""
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        # The bits above a level count the leaves of the subtrees before.
        return await self._from_nodes(
            lambda node: [node(level, (size >> level + 1) << 1) for level in levels]
        )

    async def root_at(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        return (await self._from_nodes(lambda node: [tree_root(size, node)]))[0]

    async def leaf_hash(self, index: int) -> bytes:
        """The hash of leaf `index`."""
        return (await self._from_nodes(lambda node: [node(0, index)]))[0]

    async def peek(self, codec: BundleCodec[Entry], index: int) -> Bundle[Entry]:
        """As `bundle`, and it need not be fetched again for who reads it next."""
        found = await self.bundle(codec, index)
        self._peeked[codec.kind, index] = found
        return found

    async def bundle(self, codec: BundleCodec[Entry], index: int) -> Bundle[Entry]:
        """All entries of bundle `index` that are in this tree.

        Raises:
            FetchError: the log does not serve it.
            ParseError, ProofError: what it serves is no bundle, or not that of the tree.
        """
        width = tile_width(0, index, self.size)
        peeked = self._peeked.pop((codec.kind, index), None)
        if peeked is not None:
            return peeked
        if width <= 0:
            raise ProofError(f"bundle {index} is not in a tree of {self.size} leaves", check="leaf-in-tree")
        data, stored = await self._fetch(partial(bundle_path, codec.kind, index), width, None)
        entries = codec.decode(data, stored)[:width]
        leaf_hashes = [codec.leaf_hash(entry) for entry in entries]
        # A full bundle is under one hash of level 1, so the 256 hashes of level 0 need not be fetched.
        if width == TILE_WIDTH:
            good = (
                root_of(leaf_hashes) == (await self._from_nodes(lambda node: [node(TILE_HEIGHT, index)]))[0]
            )
        else:
            good = b"".join(leaf_hashes) == (await self._tiles_at([(0, index)]))[0, index]
        if not good:
            raise ProofError(
                f"bundle {index} of {self.checkpoint.checkpoint.origin} does not hash to the log's tree",
                check="bundle",
                evidence={"checkpoint": self.checkpoint.raw, "bundle": data},
            )
        return Bundle(index * TILE_WIDTH, entries, leaf_hashes)

    async def bundles(
        self,
        codec: BundleCodec[Entry],
        start: int,
        end: int | None = None,
        *,
        ahead: int = 8,
        backwards: bool = False,
    ) -> AsyncGenerator[Bundle[Entry], None]:
        """The entries from `start` up to, not including, `end` (the tree's size by default), in order.

        Args:
            codec: how they lie in bundles.
            start: index of the first entry.
            end: index behind the last one.
            ahead: how many bundles may be under way while one is worked on.
            backwards: the last bundle first; within a bundle the order stays.
        """
        stop = self.size if end is None else min(end, self.size)
        indices = range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)) if start < stop else range(0)
        indices = indices[::-1] if backwards else indices
        async with aclosing(in_order(lambda index: self.bundle(codec, index), indices, ahead)) as found:
            async for bundle in found:
                low = max(start - bundle.start, 0)
                high = min(stop - bundle.start, len(bundle.entries))
                yield Bundle(bundle.start + low, bundle.entries[low:high], bundle.leaf_hashes[low:high])

    async def _from_nodes(self, make: Callable[[NodeReader], list[bytes]]) -> list[bytes]:
        # The proof makers are pure and ask for node after node: a first run learns which, a second gets them.
        asked: dict[tuple[int, int], None] = {}

        def learn(level: int, index: int) -> bytes:
            shift = TILE_HEIGHT - level % TILE_HEIGHT
            asked[level // TILE_HEIGHT, index >> shift] = None
            return bytes(HASH_SIZE)

        make(learn)
        tiles = await self._tiles_at(asked)
        return make(TileNodes(self.size, lambda level, index, _width: tiles[level, index]))

    async def _tiles_at(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        async with self._loading:
            return {key: await self._tile(*key) for key in keys}

    async def _tile(self, level: int, index: int) -> bytes:
        """The bytes of a tile, as wide as this tree makes it, checked up to the root."""
        edge = await self._load_edge()
        if (level, index) in edge:
            return edge[level, index]
        known = self._tiles.get((level, index))
        if known is not None:
            self._tiles.move_to_end((level, index))
            return known
        if tile_width(level, index, self.size) != TILE_WIDTH:
            raise ProofError(
                f"tile {level}/{index} is not in a tree of {self.size} leaves", check="leaf-in-tree"
            )
        above = await self._tile(level + 1, index // TILE_WIDTH)
        data, _ = await self._fetch(partial(tile_path, level, index), TILE_WIDTH, _MAX_TILE_BYTES)
        at = index % TILE_WIDTH * HASH_SIZE
        if root_of(_hashes(data)) != above[at : at + HASH_SIZE]:
            raise self._bad_tile(level, index, data)
        self._tiles[level, index] = data
        if len(self._tiles) > _MAX_TILES:
            self._tiles.popitem(last=False)
        return data

    async def _load_edge(self) -> dict[tuple[int, int], bytes]:
        """The partial tiles, which together are all of the root's perfect subtrees."""
        if self._edge is not None:
            return self._edge
        edge: dict[tuple[int, int], bytes] = {}
        level = 0
        while count := self.size >> (TILE_HEIGHT * level):
            if width := count % TILE_WIDTH:
                index = count // TILE_WIDTH
                data, _ = await self._fetch(partial(tile_path, level, index), width, _MAX_TILE_BYTES)
                edge[level, index] = data[: width * HASH_SIZE]
            level += 1
        root = tree_root(self.size, TileNodes(self.size, lambda level, index, _width: edge[level, index]))
        if root != self.root:
            origin = self.checkpoint.checkpoint.origin
            raise ProofError(
                f"the tiles of {origin} do not hash to its root at size {self.size}",
                check="tile",
                evidence={
                    "checkpoint": self.checkpoint.raw,
                    **{f"tile-{at[0]}": data for at, data in edge.items()},
                },
            )
        self._edge = edge
        return edge

    async def _fetch(self, path: Callable[[int], str], width: int, limit: int | None) -> tuple[bytes, int]:
        """The bytes at the path for `width`, or for the full width; and which of the two it was."""
        for wanted in dict.fromkeys((width, TILE_WIDTH)):
            place = f"{self._prefix}/{path(wanted)}"
            data = await (self._fetcher.get(place) if limit is None else self._fetcher.get(place, limit))
            if data is not None:
                if limit is not None and len(data) != wanted * HASH_SIZE:
                    raise ParseError(f"{place} does not have {wanted} hashes")
                return data, wanted
        origin = self.checkpoint.checkpoint.origin
        raise FetchError(
            f"{origin} does not serve {path(width)}, which its checkpoint of size {self.size} promises",
            url=f"{self._prefix}/{path(width)}",
            status=404,
        )

    def _bad_tile(self, level: int, index: int, data: bytes) -> ProofError:
        return ProofError(
            f"tile {level}/{index} of {self.checkpoint.checkpoint.origin} does not hash to the log's tree",
            check="tile",
            evidence={"checkpoint": self.checkpoint.raw, "tile": data},
        )


def _hashes(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
