# SPDX-License-Identifier: Apache-2.0
"""Starts the front ends of one log, starts one again that died, and stops them all."""

import asyncio
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable

from keystead.errors import StoreError
from keystead_server.frontend.channel import IntakeHost
from keystead_server.frontend.process import DRAIN_SECONDS, FrontEndSettings
from keystead_server.intake.interface import Intake

__all__ = ["FrontEndPool"]

_logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
_RESTART_SECONDS = 1.0


class FrontEndPool:
    """The front ends of one log.

    Args:
        count: how many.
        intake: what they reach through their channels.
        settings: makes the settings of one, given the file descriptor of its end of the channel.
    """

    def __init__(self, count: int, intake: Intake, settings: Callable[[int], FrontEndSettings]) -> None:
        self._count = count
        self._intake = intake
        self._settings = settings
        self._processes: set[asyncio.subprocess.Process] = set()
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False
        # The front ends count requests in files here, which each of them maps; they are worth nothing afterwards.
        self._metrics = tempfile.TemporaryDirectory(prefix="keystead-metrics-")

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of those that run."""
        return tuple(process.pid for process in self._processes)

    async def start(self) -> None:
        """Start all of them; they listen when this returns.

        Raises:
            StoreError: one did not start.
        """
        started = [self._start_one() for _ in range(self._count)]
        for process, host in await asyncio.gather(*started):
            self._watchers.append(asyncio.create_task(self._watch(process, host)))

    async def stop(self) -> None:
        """Let each finish what it is answering, and end."""
        self._stopping = True
        for process in self._processes:
            if process.returncode is None:
                process.terminate()
        for watcher in self._watchers:
            try:
                await asyncio.wait_for(watcher, DRAIN_SECONDS + 5)
            except TimeoutError:
                _logger.warning("a front end did not stop in time and is killed")
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._metrics.cleanup()

    async def _start_one(self) -> tuple[asyncio.subprocess.Process, IntakeHost]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "keystead_server.frontend.process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": self._metrics.name},
            )
            self._processes.add(process)
            if process.stdin is None or process.stdout is None:
                raise StoreError("a front end has no pipes")
            process.stdin.write(self._settings(theirs.fileno()).encode())
            await process.stdin.drain()
        finally:
            theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        _, host = await loop.create_unix_connection(lambda: IntakeHost(self._intake), sock=ours)
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        if line != b"ready\n":
            host.close()
            await process.wait()
            raise StoreError("a front end did not start; what it printed says why")
        return process, host

    async def _watch(self, process: asyncio.subprocess.Process, host: IntakeHost) -> None:
        """Wait for one to end; unless all are to end, start another in its place."""
        while True:
            code = await process.wait()
            host.close()
            self._processes.discard(process)
            if self._stopping:
                return
            _logger.error("a front end ended with the status %s and is started again", code)
            await asyncio.sleep(_RESTART_SECONDS)
            try:
                process, host = await self._start_one()
            except (StoreError, OSError, TimeoutError):
                _logger.exception("a front end could not be started again; the others go on")
                return
