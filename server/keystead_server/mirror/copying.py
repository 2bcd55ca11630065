# SPDX-License-Identifier: Apache-2.0
"""A public log, copied into a folder of the layout of its URLs (C2SP tlog-tiles, static-ct-api v1.1.0).

The order of one round:

(1) fetch the statement log's checkpoint, then the issuance log's: an honest log publishes them the other way round, so
    every entry that a statement speaks of is in the tree that is seen;
(2) check that each extends the one in the folder;
(3) copy what is new of the issuance log: issuers, bundles and hash tiles, then publish its checkpoint in the folder;
(4) likewise the statement log.

Invariants:

* nothing is written that does not hash to a root which the log signed, or to its own name;
* a checkpoint is in the folder only when all that it promises is; a kill at any instant loses at most work, and bundles
  that are there are not fetched again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, Literal, TypeVar

from keystead.client.fetcher import MAX_BYTES, Fetcher
from keystead.client.log_reader import LogReader, check_extends
from keystead.client.trust import Trust
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES, BundleCodec, VerifiedTree
from keystead.ct.tile_leaf import TileLeaf, encode_data_tile
from keystead.errors import FetchError, StoreError
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.merkle import EMPTY_ROOT
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, encode_bundle
from keystead_server.index.head_request import Progress
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore

__all__ = ["LogCopy"]

Entry = TypeVar("Entry")

_MAX_ISSUER = 1 << 20
_BUNDLES = 32
# Written at a time.


@dataclass(frozen=True, slots=True)
class _Part(Generic[Entry]):
    """One of the two logs in a round.

    Attributes:
        log: where it lies.
        tree: what it shows.
        known: the checkpoint in the folder.
        codec: of its bundles.
        encode: makes a bundle's bytes.
        support: what must be there before entries are, by path.
    """

    log: str
    tree: VerifiedTree
    known: VerifiedCheckpoint | None
    codec: BundleCodec[Entry]
    encode: Callable[[Sequence[Entry]], bytes]
    support: Callable[[Sequence[Entry]], Awaitable[dict[str, bytes]]]


async def _nothing(_entries: Sequence[bytes]) -> dict[str, bytes]:
    return {}


class LogCopy:
    """Copies one log.

    Args:
        fetcher: reads below the log's base.
        trust: its keys, with the quorum of witnesses that is asked for.
        blobs: the folder.
        progress: is told how many entries of both logs were copied in a round, of how many.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        trust: Trust,
        blobs: BlobStore,
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        self._fetcher = fetcher
        self._trust = trust
        self._blobs = blobs
        self._progress = progress
        self._done = self._total = 0
        self._issuers: set[bytes] = set()

    async def round(self) -> bool:
        """Copy what is new; whether anything was.

        Raises:
            LogMisbehaviourError: the log contradicts what it signed before.
            FetchError: it cannot be reached, or does not serve what it promises.
            ParseError, VerificationError: what it serves is not what it signed.
            StoreError: the folder cannot be written, or was altered.
        """
        # (1)
        heads = {
            log: await LogReader(self._fetcher, log, key).checkpoint()
            for log, key in (
                ("statements", self._trust.statements.key),
                ("issuance", self._trust.issuance.key),
            )
        }
        issuance = VerifiedTree(self, "issuance", heads["issuance"])
        statements = VerifiedTree(self, "statements", heads["statements"])
        # (2)
        known = self.known("issuance"), self.known("statements")
        for tree, old in zip((issuance, statements), known, strict=True):
            if old is not None:
                await check_extends(tree, old)
        self._done = 0
        self._total = sum(
            tree.size - (0 if old is None else old.checkpoint.size)
            for tree, old in zip((issuance, statements), known, strict=True)
        )
        # (3), (4)
        await self._copy(
            _Part("issuance", issuance, known[0], DATA_TILES, encode_data_tile, self._issuers_of)
        )
        await self._copy(_Part("statements", statements, known[1], ENTRY_BUNDLES, encode_bundle, _nothing))
        return any(
            old is None or old.raw != tree.checkpoint.raw
            for tree, old in zip((issuance, statements), known, strict=True)
        )

    def known(self, log: Literal["issuance", "statements"]) -> VerifiedCheckpoint | None:
        """The checkpoint of a log in the folder; None before there is one."""
        key: LogKey = self._trust.issuance.key if log == "issuance" else self._trust.statements.key
        raw = self._blobs.get(f"{log}/checkpoint")
        # Whose witnesses are asked for may have changed since.
        return None if raw is None else verify_checkpoint(raw, key.unwitnessed)

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`: what can never change comes from the folder if it is there, and is checked alike."""
        if "/tile/" in path and ".p/" not in path:
            data = await asyncio.to_thread(self._blobs.get, path)
            if data is not None and len(data) <= limit:
                return data
        return await self._fetcher.get(path, limit)

    async def _copy(self, part: _Part[Entry]) -> None:
        head, old = part.tree.checkpoint, part.known
        size, root = (0, EMPTY_ROOT) if old is None else (old.checkpoint.size, old.checkpoint.root)
        tree = Tree.load(self._blobs, f"{part.log}/", size, root)
        objects: dict[str, bytes] = {}
        hashes: list[bytes] = []
        async with aclosing(part.tree.bundles(part.codec, size // TILE_WIDTH * TILE_WIDTH)) as bundles:
            async for bundle in bundles:
                objects |= await part.support(bundle.entries)
                index, width = bundle.start // TILE_WIDTH, len(bundle.entries)
                path = f"{part.log}/{bundle_path(part.codec.kind, index, width)}"
                objects[path] = part.encode(bundle.entries)
                hashes += bundle.leaf_hashes[max(0, tree.size + len(hashes) - bundle.start) :]
                if len(objects) >= _BUNDLES:
                    await self._write(tree, objects, hashes)
                    objects, hashes = {}, []
        await self._write(tree, objects, hashes)
        if (tree.size, tree.root) != (part.tree.size, part.tree.root):
            # Every bundle was checked up to the root.
            raise StoreError(f"the copy of {head.checkpoint.origin} went wrong: check this machine's memory")
        if old is None or old.raw != head.raw:
            await asyncio.to_thread(self._blobs.publish, f"{part.log}/checkpoint", head.raw)

    async def _write(self, tree: Tree, objects: dict[str, bytes], hashes: Sequence[bytes]) -> None:
        growth = tree.grow(hashes)
        await asyncio.to_thread(self._blobs.put, {**objects, **growth.objects})
        tree.accept(growth)
        self._done += len(hashes)
        self._progress(self._done, self._total)

    async def _issuers_of(self, leaves: Sequence[TileLeaf]) -> dict[str, bytes]:
        """The certificates above entries that are not in the folder yet, by path."""
        found: dict[str, bytes] = {}
        for fingerprint in {one for leaf in leaves for one in leaf.fingerprints} - self._issuers:
            path = f"issuance/issuer/{fingerprint.hex()}"
            if await asyncio.to_thread(self._blobs.get, path) is None:
                data = await self._fetcher.get(path, _MAX_ISSUER)
                if data is None or sha256(data).digest() != fingerprint:
                    raise FetchError(
                        f"{self._trust.name} does not serve {path}, which an entry names", url=path
                    )
                found[path] = data
            self._issuers.add(fingerprint)
        return found
