# SPDX-License-Identifier: Apache-2.0
"""Starts the indexer of a log, starts it again when it ends, stops it.

Beside front ends it is a process of its own, so that hashing does not hold the sequencer up; where one process does
all, it is a thread.
"""

import asyncio
import logging
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from keystead.errors import RefusedError
from keystead_server.frontend.channel import Frames
from keystead_server.index.appending import append_head
from keystead_server.index.channel import StoppedError
from keystead_server.index.head_request import HeadRequest
from keystead_server.index.process import IndexerSettings, work
from keystead_server.log.clock import Clock
from keystead_server.log.sequencer import Sequencer

__all__ = ["IndexerProcess", "IndexerThread", "Indexing", "start_indexer"]

_logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
_STOP_SECONDS = 30.0


class Indexing(Protocol):
    """An indexer that works beside the sequencer."""

    async def start(self) -> None:
        """Start it; it begins by catching up."""

    async def stop(self) -> None:
        """Let it bring its files to disk, and end."""


async def start_indexer(
    data: Path, trust: bytes, sequencer: Sequencer, clock: Clock, period_ms: int | None, front_ends: int
) -> Indexing | None:
    """Start the indexer of the log in `data`: a process where there are front ends, too, else a thread.

    Args:
        period_ms: milliseconds between two looks at the logs; None for no index.
    """
    if period_ms is None:
        return None
    indexing: Indexing
    if front_ends:
        indexing = IndexerProcess(data, trust, sequencer, period_ms / 1000)
    else:
        indexing = IndexerThread(data, trust, sequencer, clock, period_ms / 1000)
    await indexing.start()
    return indexing


class _HeadHost(Frames):
    """The sequencer's end of an indexer's channel."""

    def __init__(self, sequencer: Sequencer) -> None:
        super().__init__()
        self._sequencer = sequencer
        self._running: set[asyncio.Task[None]] = set()

    def received(self, message: Any) -> None:
        """A request: answered by a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, request: HeadRequest) -> None:
        placed, refusal = None, None
        try:
            placed = await append_head(self._sequencer, request)
        except RefusedError as error:
            refusal = (error.code, str(error), error.status, error.retry_after)
        except Exception:
            _logger.exception("a head of the index could not be appended")
            refusal = ("internal-error", "the log failed to append the head", 500, None)
        self.send((placed, refusal))


class IndexerProcess:
    """The indexer as a process.

    Args:
        data: the log's folder.
        trust: its `trust.json`.
        sequencer: appends heads.
        period: seconds between two looks at the logs.
    """

    def __init__(self, data: Path, trust: bytes, sequencer: Sequencer, period: float) -> None:
        self._data = data
        self._trust = trust
        self._sequencer = sequencer
        self._period = period
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it; it begins by catching up."""
        host = await self._start()
        self._watcher = asyncio.create_task(self._watch(host))

    async def stop(self) -> None:
        """Let it bring its files to disk, and end."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        if self._watcher is not None:
            try:
                await asyncio.wait_for(self._watcher, _STOP_SECONDS)
            except TimeoutError:
                _logger.warning("the indexer did not stop in time and is killed")
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _start(self) -> _HeadHost:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "keystead_server.index.process",
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
            )
            self._process = process
            settings = IndexerSettings(str(self._data), self._trust.decode(), self._period, theirs.fileno())
            assert process.stdin is not None  # noqa: S101 - it was asked for
            process.stdin.write(settings.encode())
            await process.stdin.drain()
        finally:
            theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        _, host = await loop.create_unix_connection(lambda: _HeadHost(self._sequencer), sock=ours)
        return host

    async def _watch(self, host: _HeadHost) -> None:
        while self._process is not None:
            code = await self._process.wait()
            host.close()
            if self._stopping.is_set():
                return
            _logger.error("the indexer ended with the status %s and is started again", code)
            await asyncio.sleep(_RESTART_SECONDS)
            if self._stopping.is_set():
                return
            try:
                host = await self._start()
            except OSError:
                _logger.exception("the indexer could not be started again")
                return


class IndexerThread:
    """The indexer as a thread of this process.

    Args:
        data: the log's folder.
        trust: its `trust.json`.
        sequencer: appends heads, on the running event loop.
        clock: wall time.
        period: seconds between two looks at the logs.
    """

    def __init__(self, data: Path, trust: bytes, sequencer: Sequencer, clock: Clock, period: float) -> None:
        self._data = data
        self._trust = trust
        self._sequencer = sequencer
        self._clock = clock
        self._period = period
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start it; it begins by catching up."""
        loop = asyncio.get_running_loop()

        def append(request: HeadRequest) -> tuple[int, int]:
            return asyncio.run_coroutine_threadsafe(append_head(self._sequencer, request), loop).result()

        def wait(seconds: float) -> None:
            if self._stop.wait(seconds):
                raise StoppedError

        self._thread = threading.Thread(
            target=work,
            args=(self._data, self._trust, append, self._clock.now_ms, self._period, wait),
            name="indexer",
        )
        self._thread.start()

    async def stop(self) -> None:
        """Let it bring its files to disk, and end."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
