# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping a log: from the command line, or embedded in a demo or a test.

Start: bind the address, lock the folder, create or open the log, recover, put a changed policy into force, write
`trust.json`, serve. Stop (SIGTERM or SIGINT): take nothing new, sequence what waits, answer it, let go. SIGHUP
reads the policy file again.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from keystead.errors import KeysteadError, RefusedError, StoreError, UsageError
from keystead_server.configuration import Configuration, default_configuration, read_policy_file
from keystead_server.frontend.pool import FrontEndPool
from keystead_server.frontend.process import DRAIN_SECONDS, FrontEndSettings
from keystead_server.housekeeping import keep_house
from keystead_server.index.supervision import Indexing, start_indexer
from keystead_server.intake.local import LocalIntake
from keystead_server.listening import bind_address
from keystead_server.log.batch import LogIdentity
from keystead_server.log.clock import Clock, SystemClock
from keystead_server.log.creation import SETTINGS, create_log, is_created
from keystead_server.log.keys import load_keys
from keystead_server.log.open_log import OpenLog
from keystead_server.log.publication import NO_WITNESSES
from keystead_server.log.sequencer import Sequencer
from keystead_server.log.snapshot import Stores
from keystead_server.log.steps import PointHook, no_hook
from keystead_server.memory import collect_seldom
from keystead_server.policy_change import PolicyChange
from keystead_server.settings import Settings, check_name, check_url, read_settings, trust_document
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.lock import FolderLock
from keystead_server.storage.sqlite import SQLiteHeadStore
from keystead_server.web.application import make_application
from keystead_server.web.connections import HTTPServer
from keystead_server.web.service import LogService
from keystead_server.witness.collector import WitnessCollector

__all__ = ["EmbeddedLog", "run_server"]

_logger = logging.getLogger(__name__)


class EmbeddedLog:
    """One log served by this process, as an asynchronous context manager.

    Args:
        data: the log's folder, absent or empty for a new log.
        policy: the policy file; None keeps the policy in force, and starts a new log without roots.
        listen: HOST:PORT; port 0 takes a free one.
        name: the log's name; by default what it was created with, for a new log `localhost:PORT`.
        url: how clients reach it; by default the address that it listens on.
        period_ms: milliseconds between two batches.
        front_ends: processes that speak HTTP beside this one; 0 serves in this process.
        index_period_ms: milliseconds between two heads of the device index; None keeps no index.
        clock: wall and monotonic time.
        hook: called at each durable step of a commit.

    Attributes:
        url: the base URL.
        name: the log's name.
        trust: the bytes of `trust.json`.
        pool: the front ends, where there are any.
        http: the HTTP server, where this process serves.
    """

    def __init__(
        self,
        data: Path,
        *,
        policy: Path | None = None,
        listen: str = "127.0.0.1:0",
        name: str | None = None,
        url: str | None = None,
        period_ms: int = 200,
        front_ends: int = 0,
        index_period_ms: int | None = None,
        clock: Clock | None = None,
        hook: PointHook = no_hook,
    ) -> None:
        self._data = data
        self._policy = policy
        self._listen = listen
        self._asked_name = name
        self._asked_url = url
        self._period = period_ms / 1000
        self._front_ends = front_ends
        self._index_period_ms = index_period_ms
        self._clock = clock or SystemClock()
        self._hook = hook
        self.pool: FrontEndPool | None = None
        self.indexer: Indexing | None = None
        self.http: HTTPServer | None = None
        self._witnesses: WitnessCollector | None = None
        self.url = ""
        self.name = ""
        self.trust = b""

    async def __aenter__(self) -> Self:
        """Start serving.

        Raises:
            UsageError, StoreError: the address, the policy file or the folder cannot be used.
        """
        configuration = read_policy_file(self._policy) if self._policy is not None else None
        self._socket = bind_address(self._listen)
        try:
            self._lock = _lock(self._data)
            try:
                await self._open(configuration)
            except BaseException:
                self._lock.close()
                raise
        except BaseException:
            self._socket.close()
            raise
        return self

    async def _open(self, configuration: Configuration | None) -> None:
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        here = check_url(self._asked_url or f"http://{shown}:{port}")
        settings = await asyncio.to_thread(self._settings, here, port, configuration)
        self.name, self.url = settings.name, settings.url
        identity = LogIdentity(settings.name, load_keys(self._data / "keys"))
        self.trust = trust_document(identity, settings.url, settings.witnesses)
        cosigner = NO_WITNESSES
        if settings.witnesses is not None:
            cosigner = self._witnesses = WitnessCollector(settings.witnesses)
            await self._witnesses.start()
        try:
            self.log = await asyncio.to_thread(OpenLog, identity, self._open_stores, self._hook, cosigner)
            await self._run(identity, settings, configuration, host, port)
        except BaseException:
            await self._stop_witnesses()
            raise

    async def _run(
        self,
        identity: LogIdentity,
        settings: Settings,
        configuration: Configuration | None,
        host: str,
        port: int,
    ) -> None:
        _replace(self._data / "trust.json", self.trust)
        if self.log.unpublished is not None:
            _logger.warning("the log serves what is published already: %s", self.log.unpublished)
        self.sequencer = Sequencer(self.log, self._clock, self._period)
        self.sequencer.start()
        self._change = PolicyChange(self._policy, self.log, self.sequencer, self._clock, settings.witnesses)
        self._house = asyncio.create_task(keep_house(self.log, self._clock))
        try:
            if configuration is not None:
                with suppress(RefusedError):  # the log waits for witnesses, and serves what is published
                    await self._change.put_into_force(configuration)
            self.indexer = await start_indexer(
                self._data, self.trust, self.sequencer, self._clock, self._index_period_ms, self._front_ends
            )
            await self._serve(identity, host, port)
        except BaseException:
            self._house.cancel()
            self._change.close()
            await self.sequencer.close()
            self.log.close()
            raise

    async def _serve(self, identity: LogIdentity, host: str, port: int) -> None:
        reports = tuple if self._witnesses is None else self._witnesses.reports
        intake = LocalIntake(self.sequencer, self._clock, reports)
        if self._front_ends:
            data, name, trust = str(self._data), self.name, self.trust.decode()
            self.pool = FrontEndPool(
                self._front_ends,
                intake,
                lambda channel: FrontEndSettings(data, name, trust, host, port, channel),
            )
            await self.pool.start()
            return
        service = LogService(
            self.log, intake, sct_key=identity.keys.sct, log_id=identity.keys.log_id, trust=self.trust
        )
        self.http = HTTPServer(make_application(service, self._data), drain_seconds=DRAIN_SECONDS)
        await self.http.start(self._socket)

    def _settings(self, here: str, port: int, configuration: Configuration | None) -> Settings:
        path = self._data / SETTINGS
        if is_created(self._data):
            settings = read_settings(path)
            if self._asked_name is not None and self._asked_name != settings.name:
                raise UsageError(
                    f"the log in {self._data} is named {settings.name}, and a log keeps its name: "
                    "leave --name out, or give another folder"
                )
            # Like the policy in force, the witnesses stay where no file is given.
            witnesses = settings.witnesses if configuration is None else configuration.witnesses
            changed = Settings(settings.name, here, witnesses)
            if changed != settings:
                _replace(path, changed.encode())
            return changed
        witnesses = None if configuration is None else configuration.witnesses
        settings = Settings(check_name(self._asked_name or f"localhost:{port}"), here, witnesses)
        create_log(
            self._data,
            settings,
            configuration or default_configuration(),
            self._create_stores,
            self._clock.now_ms(),
        )
        return settings

    def _create_stores(self) -> Stores:
        return Stores(DirectoryBlobStore(self._data), SQLiteHeadStore.create(self._data / "log.sqlite"))

    def _open_stores(self) -> Stores:
        return Stores(DirectoryBlobStore(self._data), SQLiteHeadStore(self._data / "log.sqlite"))

    async def reload_policy(self) -> bool:
        """Read the policy file again and put it into force if it changed; whether it did.

        Raises:
            UsageError, RefusedError, StoreError: as `PolicyChange.reload`.
        """
        return await self._change.reload()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drain: sequence what waits, let its answers be read, and let go of the folder."""
        self._house.cancel()
        self._change.close()
        if self.indexer is not None:
            await self.indexer.stop()
        # Then the sequencer: it refuses what is new and settles what waits, so that handlers can finish.
        await self.sequencer.close()
        if self.pool is not None:
            await self.pool.stop()
        if self.http is not None:
            await self.http.stop()
        await self._stop_witnesses()
        self._socket.close()
        self.log.close()
        self._lock.close()

    async def _stop_witnesses(self) -> None:
        if self._witnesses is not None:
            await self._witnesses.close()


async def run_server(
    *,
    data: Path,
    listen: str,
    name: str | None,
    url: str | None,
    policy: Path | None,
    period_ms: int,
    front_ends: int = 0,
    index_period_ms: int | None = None,
    ready: Callable[[EmbeddedLog], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        ready: called once the log serves.

    Raises:
        UsageError, StoreError: it could not start, or another process took the log over.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with EmbeddedLog(
        data,
        policy=policy,
        listen=listen,
        name=name,
        url=url,
        period_ms=period_ms,
        front_ends=front_ends,
        index_period_ms=index_period_ms,
    ) as server:
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(_reload(server))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        collect_seldom()
        if ready is not None:
            ready(server)
        lost = asyncio.create_task(server.sequencer.lost.wait())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({lost, stopping}, return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        stopping.cancel()
    if server.sequencer.lost.is_set():
        raise StoreError(f"another process has taken over the log in {data}: this one stopped")


async def _reload(server: EmbeddedLog) -> None:
    try:
        changed = await server.reload_policy()
    except KeysteadError as error:
        _logger.error("the policy file was not put into force: %s", error)
    else:
        _logger.warning(
            "the policy file was read again; it %s", "is in force" if changed else "had not changed"
        )


def _lock(folder: Path) -> FolderLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made a folder: {error.strerror}") from error
    return FolderLock(folder)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
