# SPDX-License-Identifier: Apache-2.0
"""The index of a public log, kept on this machine: one round after another.

A round copies what is new (`copying`), shows it (`published`), and brings the index to the log's newest head through
all heads that are new (`index.replica`): what is computed must be what the log committed to. Answers are under the
log's own heads, so whoever asks here need not trust this machine.

A kill at any instant loses at most work: the next start goes on from what is in the folder.
"""

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust, parse_trust
from keystead.encoding.json import decode_json, encode_json
from keystead.errors import LogMisbehaviourError, ParseError, StoreError, UsageError
from keystead.index.verification import IndexTrust
from keystead_server.index.channel import StoppedError
from keystead_server.index.head_request import Progress
from keystead_server.index.log_tail import LogTail
from keystead_server.index.process import FOLDER
from keystead_server.index.replica import IndexReplica
from keystead_server.listening import bind_address
from keystead_server.mirror.application import make_mirror_application
from keystead_server.mirror.copying import LogCopy
from keystead_server.mirror.published import CopiedTrees, IndexedCopy
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.lock import FolderLock

__all__ = ["IndexMirror", "Round"]

_PROOF = "proof"
"""Where what a log signed is kept when it contradicts itself."""

_DRAIN_SECONDS = 5.0


def _unheard(_done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did.

    Attributes:
        issuance_size, statements_size: entries in the copy.
        heads: heads of the index that were computed again in this round, and compared.
        wrong: what is wrong with some of them, by their leaf indices.
        head: the one that is served; None before there is one.
    """

    issuance_size: int
    statements_size: int
    heads: int
    wrong: dict[int, str]
    head: int | None


class IndexMirror:
    """A copy of one log and its index, in a folder. An asynchronous context manager; one process has a folder.

    Args:
        data: the folder; made where it is absent.
        fetcher: reads the log.
        trust: its keys.

    Attributes:
        url: where the index is served; empty before `serve`.
        progress: is told how many entries of a round were copied, then how many were indexed, of how many; the latter
            from another thread.
    """

    def __init__(self, data: Path, fetcher: Fetcher, trust: Trust) -> None:
        self.url = ""
        self.progress: Progress = _unheard
        self._data = data
        self._trust = trust
        self._fetcher = fetcher
        self._stopping = threading.Event()
        self._copy: IndexedCopy | None = None
        self._runner: web.AppRunner | None = None
        self._told: set[int] = set()

    async def __aenter__(self) -> Self:
        """Take the folder.

        Raises:
            UsageError: it is another log's, or a log's own.
            StoreError: it is in use, or cannot be used.
        """
        data = self._data
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{data} cannot be made a folder: {error.strerror}") from error
        if (data / "keys").exists() or (data / "log.sqlite").exists():
            raise UsageError(f"{data} is the folder of a log, which has its own index: give another folder")
        self._lock = FolderLock(data)
        try:
            self._take_trust()
            self._blobs = DirectoryBlobStore(data)
            self._log = LogCopy(self._fetcher, self._trust, self._blobs, self._tell)
            trusted = self._trust
            keys = IndexTrust(trusted.issuance.key, trusted.statements.key, trusted.statements.statement_key)
            self._replica = await asyncio.to_thread(
                IndexReplica, data / FOLDER, LogTail(self._blobs.get, keys), _now_ms, self._tell
            )
        except BaseException:
            self._lock.close()
            raise
        return self

    def _take_trust(self) -> None:
        path = self._data / "trust.json"
        try:
            known = parse_trust(path.read_bytes()) if path.exists() else None
        except ParseError as error:
            raise StoreError(f"{path} is damaged ({error}): delete it") from error
        if known is not None and known.identity != self._trust.identity:
            raise UsageError(
                f"{self._data} has a copy of {known.name}, or of a log with other keys: give another folder"
            )
        path.write_bytes(self._trust.raw)

    def _tell(self, done: int, total: int) -> None:
        if self._stopping.is_set():
            raise StoppedError
        self.progress(done, total)

    async def copy(self) -> None:
        """Copy what is new, and show it.

        Raises:
            LogMisbehaviourError: the log contradicts itself; what it signed is in the folder `proof`.
            FetchError, ParseError, VerificationError, StoreError: as `LogCopy.round`.
        """
        try:
            await self._log.round()
        except LogMisbehaviourError as error:
            await asyncio.to_thread(self._keep_proof, error)
            raise
        if self._copy is None:
            self._copy = IndexedCopy(
                self._blobs, await asyncio.to_thread(CopiedTrees, self._blobs, self._trust)
            )
        else:
            await asyncio.to_thread(self._copy.log.look)

    async def follow(self) -> Round:
        """Follow the heads in what was copied.

        Raises:
            StoreError: as `IndexReplica.follow`.
        """
        assert self._copy is not None  # noqa: S101 - `copy` comes first
        working = asyncio.ensure_future(asyncio.to_thread(self._replica.follow))
        try:
            heads = await asyncio.shield(working)
        except asyncio.CancelledError:
            # The thread works on files that are about to be closed.
            self._stopping.set()
            await asyncio.wait([working])
            working.exception()
            raise
        wrong = {leaf: why for leaf, why in self._replica.wrong.items() if leaf not in self._told}
        self._told |= set(wrong)
        log, served = self._copy.log, self._replica.served
        return Round(
            log.issuance.size, log.statements.size, heads, wrong, None if served is None else served.leaf
        )

    def _keep_proof(self, error: LogMisbehaviourError) -> None:
        folder = self._data / _PROOF
        folder.mkdir(exist_ok=True)
        for name, data in error.evidence.items():
            (folder / f"{error.check}-{name}").write_bytes(data)

    async def serve(self, listen: str, url: str | None = None) -> None:
        """Serve what was copied and indexed, and what will be.

        Args:
            listen: HOST:PORT.
            url: how clients reach it; the address by default.

        Raises:
            UsageError: it cannot be listened on.
        """
        assert self._copy is not None  # noqa: S101 - `copy` comes first
        listening = bind_address(listen)
        host, port = listening.getsockname()[:2]
        self.url = url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        document = decode_json(self._trust.raw, "trust.json")
        document["index"] = {"url": f"{self.url}/index/v1"}
        app = make_mirror_application(self._data, self._copy, encode_json(document))
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_DRAIN_SECONDS, handle_signals=False
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Bring the index to disk, and let go of the folder."""
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.to_thread(self._replica.close)
        self._blobs.close()
        self._lock.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
