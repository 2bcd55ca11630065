# SPDX-License-Identifier: Apache-2.0
"""The connections of one process: how many there may be, and how slowly answers may be read.

aiohttp bounds the heads of requests (`limits.HEAD_LIMITS`); it neither counts connections nor ends one whose
client does not read its answer. This does both:

* a connection beyond the greatest number is answered 503 and closed;
* a client takes at least `SLOWEST` bytes a second of an answer that waits for it, over `PATIENCE` seconds;
* all answers that wait may hold `WAITING_ANSWERS` bytes together: beyond that, whoever is furthest behind is cut off.

What is not HTTP is answered with problem details too, and nothing of it is quoted or logged.
"""

import asyncio
import logging
import resource
import socket
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from keystead_server.web.direct import DirectConnection
from keystead_server.web.direct_answers import DirectAnswers
from keystead_server.web.limits import HEAD_LIMITS
from keystead_server.web.metrics import METRICS
from keystead_server.web.problem import problem, problem_of
from keystead_server.web.service import SERVICE

__all__ = ["Connections", "HTTPServer"]

_logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 4096
"""Connections of one process at once, where the number of open files allows as many."""

PATIENCE = 30.0
"""The seconds over which a client's reading is judged."""

SLOWEST = 1024
"""Bytes a second that a client takes at least."""

WAITING_ANSWERS = 64 * 1024 * 1024
"""Bytes that the answers of all connections may hold together while they wait to be read."""

_SWEEP_SECONDS = 1.0

_DRAINED_SECONDS = 0.01
# How often to look whether the last answers were read.

_OTHER_FILES = 256
"""Files that the process keeps open beside connections, and room."""

_NOT_HTTP = "the request is not as HTTP/1.1 asks (RFC 9112)"


def _raw(answer: web.Response) -> bytes:
    """An answer as it travels, where no request is there to answer: the last on its connection."""
    body = cast("bytes", answer.body)
    head = {**answer.headers, "X-Content-Type-Options": "nosniff", "Connection": "close"}
    lines = [
        f"HTTP/1.1 {answer.status} {answer.reason}",
        *(f"{name}: {value}" for name, value in head.items()),
    ]
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body


class Connections:
    """Counts the connections of one process, and cuts off those that do not read.

    Args:
        maximum: how many there may be; None takes as many as the limit on open files leaves room for.
        waiting: bytes that their unread answers may hold together.
    """

    def __init__(self, maximum: int | None = None, *, waiting: int = WAITING_ANSWERS) -> None:
        self.maximum = maximum if maximum is not None else _allowed()
        self._waiting = waiting
        self._open: dict[asyncio.Transport, tuple[float, int] | None] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def admit(self, transport: asyncio.Transport) -> bool:
        """Whether a new connection may stay. One that may not was answered, and is closing."""
        if len(self._open) < self.maximum:
            self._open[transport] = None
            return True
        full = problem("server-busy", "too many connections are open; try again", status=503, retry_after=5)
        transport.write(_raw(full))
        transport.close()
        return False

    def forget(self, transport: asyncio.Transport) -> None:
        """A connection ended."""
        self._open.pop(transport, None)

    def answering(self, transport: asyncio.Transport) -> None:
        """Another answer is about to be written: who has read all before is not behind, however slow."""
        if self._open.get(transport) is not None and not transport.get_write_buffer_size():
            self._open[transport] = None

    def sweep(self, now: float) -> None:
        """Cut off who has read too little, and who holds most while all together hold too much.

        Args:
            now: monotonic seconds.
        """
        behind: list[tuple[int, asyncio.Transport]] = []
        for transport, judged in list(self._open.items()):
            size = transport.get_write_buffer_size()
            if not size:
                self._open[transport] = None
                continue
            if judged is None:
                self._open[transport] = (now, size)
            else:
                since, was = judged
                if now - since >= PATIENCE:
                    # More than before waits only where what waited had been read and another answer was written.
                    if was - SLOWEST * PATIENCE < size <= was:
                        self._cut_off(transport)
                        continue
                    self._open[transport] = (now, size)
            behind.append((size, transport))
        held = sum(size for size, _ in behind)
        for size, transport in sorted(behind, key=lambda each: -each[0]):
            if held <= self._waiting:
                break
            self._cut_off(transport)
            held -= size

    def _cut_off(self, transport: asyncio.Transport) -> None:
        self.forget(transport)
        transport.abort()


def _allowed() -> int:
    """How many connections the limit on open files leaves room for; the limit is raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft) - _OTHER_FILES)


class Connection(web.RequestHandler):
    """One connection, counted, whose errors of HTTP are problems."""

    __slots__ = ("_connections", "_counted")

    def __init__(
        self, server: web.Server, connections: Connections, loop: asyncio.AbstractEventLoop, **options: Any
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._connections = connections
        # Kept beside `transport`, which is None from the moment the server closes, while answers still wait.
        self._counted: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, if there is room."""
        if self._connections.admit(cast("asyncio.Transport", transport)):
            self._counted = cast("asyncio.Transport", transport)
            super().connection_made(transport)
        else:
            self.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ended."""
        if self._counted is not None:
            self._connections.forget(self._counted)
            self._counted = None
        super().connection_lost(exc)

    async def start(self) -> None:
        """Answer one request after the other."""
        try:
            await super().start()
        except Exception:
            # Its parser lets some targets pass of which aiohttp then makes no request (`CONNECT` and nothing),
            # and would leave the connection open for ever.
            _logger.debug("a request could not be read", exc_info=True)
            if self.transport is not None:
                bad = HTTPStatus.BAD_REQUEST
                self.transport.write(_raw(problem("http-error", _NOT_HTTP, status=bad)))
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is not HTTP (RFC 9112), or to a failure before any handler ran."""
        del request, message  # the sentence would quote what was sent
        if isinstance(exc, ConnectionError):
            raise exc  # nobody is there to read an answer
        if isinstance(exc, UnicodeError):
            status = 400  # octets that are no text in a header that aiohttp itself reads, `Expect` for one
        if status >= 500:
            _logger.error("a request failed before it was handled", exc_info=exc)
            answer = problem(
                "internal-error", "the log failed to answer; the operator can see why", status=500
            )
        elif isinstance(exc, LineTooLong):
            answer = problem("head-too-large", "the request line or a header is too long", status=431)
        else:
            answer = problem("http-error", _NOT_HTTP, status=status)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.force_close()
        return answer

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Send an answer; one that aiohttp made where no middleware saw it becomes a problem."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = problem_of(resp)
            resp.headers["X-Content-Type-Options"] = "nosniff"
        if self._counted is not None:
            self._connections.answering(self._counted)
        return super().finish_response(request, resp, start_time)


class HTTPServer:
    """One application on one socket, within the limits.

    Args:
        app: the application.
        drain_seconds: how long stopping waits for the last answers to be read.
        connections: the counter of connections.
        head_limits: what `aiohttp.web.RequestHandler` is to allow, where it is not `HEAD_LIMITS`.

    Attributes:
        app: the application.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        drain_seconds: float,
        connections: Connections | None = None,
        **head_limits: Any,
    ) -> None:
        self.app = app
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=drain_seconds, handle_signals=False
        )
        self._head_limits = {**HEAD_LIMITS, **head_limits}
        self._drain_seconds = drain_seconds
        self._direct: set[DirectConnection] = set()
        self.connections = connections if connections is not None else Connections()
        self._sweeper: asyncio.TimerHandle | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> None:
        """Serve what connects to a bound socket."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        server = cast("web.Server", self._runner.server)
        answers = DirectAnswers(self.app[SERVICE], self.app[METRICS])
        idle_seconds = self._head_limits["keepalive_timeout"]

        def other() -> Connection:
            return Connection(server, self.connections, loop, access_log=None, **self._head_limits)

        self._listener = await loop.create_server(
            lambda: DirectConnection(answers, self.connections, other, idle_seconds, self._direct),
            sock=listening,
            backlog=1024,
        )
        self._sweep(loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.connections.sweep(loop.time())
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep, loop)

    async def stop(self) -> None:
        """Take no new connections, finish what is being answered, close."""
        if self._listener is not None:
            self._listener.close()
        await asyncio.gather(self._runner.cleanup(), self._end_direct())
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _end_direct(self) -> None:
        until = asyncio.get_running_loop().time() + self._drain_seconds
        while self._direct and asyncio.get_running_loop().time() < until:
            # Each time all of them: what was taken just before the socket closed may come up only now.
            for connection in [*self._direct]:
                connection.stop()
            await asyncio.sleep(_DRAINED_SECONDS)
