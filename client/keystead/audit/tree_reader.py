# SPDX-License-Identifier: Apache-2.0
"""Reading one tree of a log for its check: upper tiles first, then bundle after bundle, several under way.

What a bundle's entries say is for the caller; here they are hashed, and compared with the tiles (`tree`). A file that
is withheld becomes a problem by its path.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from keystead.audit.edge import EMPTY_EDGE, Edge
from keystead.audit.files import LogFiles, Served
from keystead.audit.problem import Problem
from keystead.audit.tree import TreeCheck, split_tile
from keystead.client.fetcher import MAX_BYTES
from keystead.client.prefetch import in_order
from keystead.tlog.checkpoint import Checkpoint
from keystead.tlog.merkle import HASH_SIZE
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, tile_path

__all__ = ["BundleReading", "ReadBundle", "StoredBundle", "TreeReader"]

Content = TypeVar("Content")

_MAX_TILE = TILE_WIDTH * HASH_SIZE


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle as it is served.

    Attributes:
        index: of the bundle.
        data: its bytes.
        stored: how many entries they are to hold.
        width: how many of them are in the tree.
    """

    index: int
    data: bytes
    stored: int
    width: int


@dataclass(frozen=True, slots=True)
class BundleReading(Generic[Content]):
    """What came of reading a bundle.

    Attributes:
        hashes: of its leaves, one after the other; empty where it cannot be read.
        error: why it cannot.
        content: what it says.
    """

    hashes: bytes
    error: str
    content: Content


@dataclass(frozen=True, slots=True)
class ReadBundle(Generic[Content]):
    """A bundle, compared with the tree.

    Attributes:
        start: index of its first entry.
        width: how many entries it has.
        content: what it says; None where it could not be read.
        doubtful: the places in it whose entries are not the tree's, and say nothing.
    """

    start: int
    width: int
    content: Content | None
    doubtful: frozenset[int]


class TreeReader(Generic[Content]):
    """Reads the tree under a checkpoint.

    Args:
        files: of the log.
        prefix: `issuance` or `statements`.
        kind: of its bundles.
        checkpoint: verified.
        start: the edge of what was checked before.
        read: reads a bundle; other bundles are read meanwhile.
        ahead: how many may be under way.

    Attributes:
        problems: what was found wrong; complete after `finish`.
    """

    def __init__(
        self,
        files: LogFiles,
        prefix: str,
        kind: Literal["entries", "data"],
        checkpoint: Checkpoint,
        read: Callable[[StoredBundle], Awaitable[BundleReading[Content]]],
        *,
        start: Edge = EMPTY_EDGE,
        ahead: int = 8,
    ) -> None:
        self.problems: list[Problem] = []
        self.check = TreeCheck(checkpoint.origin, prefix, kind, checkpoint.size, checkpoint.root, start)
        self._files = files
        self._prefix = prefix
        self._kind: Literal["entries", "data"] = kind
        self._origin = checkpoint.origin
        self._read = read
        self._ahead = ahead
        self._edge_tile: bytes | None = None

    async def bundles(self) -> AsyncGenerator[ReadBundle[Content], None]:
        """Every new bundle in order, the one that was partial before with the entries that it had."""
        upper = self.check.upper_tiles
        async with aclosing(in_order(lambda place: self._tile(*place), upper, 4 * self._ahead)) as tiles:
            at = 0
            async for tile in tiles:
                level, index, _ = upper[at]
                at += 1
                self.check.add_tile(level, index, tile)
                if not level:
                    self._edge_tile = tile
        async with aclosing(in_order(self._bundle, self.check.bundles, self._ahead)) as found:
            async for index, width, reading, tile in found:
                computed = split_tile(reading.hashes) if reading is not None and reading.hashes else None
                served = None if tile is None else split_tile(tile)
                doubtful = self.check.add_bundle(index, computed, served)
                content = None if reading is None or computed is None else reading.content
                yield ReadBundle(index * TILE_WIDTH, width, content, doubtful)

    def finish(self) -> Edge | None:
        """The edge of the tree, where it was reached; `problems` is complete then."""
        problems, edge = self.check.finish()
        self.problems += problems
        if self.check.rewritten:
            sentence = f"{self._origin} has other entries now than when they were checked and signed before"
            path = f"{self._prefix}/checkpoint"
            self.problems.append(Problem("fork", self._origin, sentence, path=path, signed=True))
        return edge

    async def _bundle(
        self, place: tuple[int, int]
    ) -> tuple[int, int, BundleReading[Content] | None, bytes | None]:
        index, width = place
        tile = await self._tile(0, index, width) if width == TILE_WIDTH else self._edge_tile
        name = partial(bundle_path, self._kind, index)
        served, stored = await self._either(name, width, MAX_BYTES)
        if served.data is None:
            self._withheld("bundle-withheld", name(width), served.why)
            return index, width, None, tile
        reading = await self._read(StoredBundle(index, served.data, stored, width))
        if not reading.hashes:
            path = f"{self._prefix}/{name(stored)}"
            sentence = f"{path} cannot be read: {reading.error}"
            self.problems.append(Problem("bundle-altered", self._origin, sentence, path=path))
        return index, width, reading, tile

    async def _tile(self, level: int, index: int, width: int) -> bytes | None:
        name = partial(tile_path, level, index)
        served, stored = await self._either(name, width, _MAX_TILE)
        if served.data is None:
            self._withheld("tile-withheld", name(width), served.why)
            return None
        if len(served.data) != stored * HASH_SIZE:
            path = f"{self._prefix}/{name(stored)}"
            sentence = f"{path} does not have {stored} hashes"
            self.problems.append(Problem("tile-altered", self._origin, sentence, path=path))
            return None
        return served.data[: width * HASH_SIZE]

    async def _either(self, name: Callable[[int], str], width: int, limit: int) -> tuple[Served, int]:
        """A partial file, or the full one that replaced it meanwhile (tlog-tiles, "Partial tiles")."""
        served = await self._files.read(f"{self._prefix}/{name(width)}", limit)
        if served.data is None and width < TILE_WIDTH:
            full = await self._files.read(f"{self._prefix}/{name(TILE_WIDTH)}", limit)
            if full.data is not None:
                return full, TILE_WIDTH
        return served, width

    def _withheld(self, code: str, path: str, why: str) -> None:
        path = f"{self._prefix}/{path}"
        self.problems.append(Problem(code, self._origin, f"{path} is not served: {why}", path=path))
