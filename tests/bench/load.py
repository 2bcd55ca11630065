# SPDX-License-Identifier: Apache-2.0
"""A lean load client: prepared requests over keep-alive connections, one at a time on each.

Raw protocols on uvloop, no HTTP library: the client must not be what is measured, and it runs on the server's cores.
It reads just enough of an answer to know its status and its end.
"""

import asyncio
import re
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

__all__ = ["Load", "post"]

_HEAD = re.compile(
    rb"HTTP/1\.1 ([0-9]{3}) .*?\r\ncontent-length: ([0-9]+)\r\n.*?\r\n\r\n", re.DOTALL | re.IGNORECASE
)


def post(path: str, body: bytes, host: str) -> bytes:
    """The bytes of one POST request."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Load:
    """What a run found.

    Attributes:
        seconds: wall time from the first request to the last answer.
        latencies: seconds of each request, in order of arrival.
        statuses: how many answers had which status.
        client_cpu: seconds of CPU that this process spent.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    client_cpu: float = 0.0
    failures: list[bytes] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """The latency that `share` of the requests did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @classmethod
    def run(cls, host: str, port: int, requests: Sequence[bytes], connections: int) -> "Load":
        """Send all requests over `connections` connections, as fast as answers come."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(cls()._run(host, port, requests, connections))

    async def _run(self, host: str, port: int, requests: Sequence[bytes], connections: int) -> "Load":
        loop = asyncio.get_running_loop()
        queue = list(reversed(requests))
        finished = [loop.create_future() for _ in range(min(connections, len(queue)))]
        # Every connection is up and answered once before the clock starts: what overflows the listen queue is
        # sent again seconds later by the kernel, which says nothing about the server.
        connections_made = []
        for future in finished:
            connection = _Connection(self, future)
            await loop.create_connection(lambda connection=connection: connection, host, port)
            await connection.greet(f"GET /issuance/checkpoint HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            connections_made.append(connection)
        cpu = _cpu()
        started = time.perf_counter()
        for connection in connections_made:
            connection.begin(queue)
        await asyncio.gather(*finished)
        self.seconds = time.perf_counter() - started
        self.client_cpu = _cpu() - cpu
        return self


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load, finished: "asyncio.Future[None]") -> None:
        self._load = load
        self._queue: list[bytes] = []
        self._finished = finished
        self._greeted: asyncio.Future[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def greet(self, request: bytes) -> None:
        """Send a request that is not counted, and wait for its answer."""
        self._greeted = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._greeted

    def begin(self, queue: list[bytes]) -> None:
        """Send requests from `queue` until it is empty."""
        self._queue = queue
        self._next()

    def _next(self) -> None:
        if not self._queue:
            if not self._finished.done():
                self._finished.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._queue.pop())

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        head = _HEAD.match(data)
        if head is None or len(data) < head.end() + int(head[2]):
            return
        self._buffer = b""
        if self._greeted is not None:
            self._greeted.set_result(None)
            self._greeted = None
            return
        status = int(head[1])
        self._load.latencies.append(time.perf_counter() - self._sent)
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        if status != 200 and len(self._load.failures) < 3:
            self._load.failures.append(data[head.end() :])
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._finished.done():
            self._finished.set_exception(exc or ConnectionError("the server closed a connection"))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
