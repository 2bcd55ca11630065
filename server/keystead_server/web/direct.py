# SPDX-License-Identifier: Apache-2.0
"""A connection as it begins: plain requests are answered here, one after the other; anything else is for aiohttp.

aiohttp makes a task, a request, a match of routes and a response of each request. For those that a log gets by the
thousand (`direct_answers`) that costs more than to answer them. So each connection is read here first. The first
request that is not plain (`plain_http`), or not one of those, hands the connection over with all that came since the
last answer, and aiohttp has it from then on. Nothing is refused or judged here.

The limits of `web.limits` and `web.connections` hold: connections are counted, an idle one ends, a client that does
not read its answers is not read from, and a body that does not come at once is aiohttp's to wait for.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from keystead_server.web.plain_http import PlainRequest, Reading, read_plain

__all__ = ["Admission", "Answers", "DirectConnection"]

_logger = logging.getLogger(__name__)

_BODY_SECONDS = 0.25
"""How long the rest of a body may be on its way."""

_HELD = 64 * 1024
"""Octets that may wait behind a request that is being answered."""


class Answers(Protocol):
    """Who answers plain requests."""

    def answer(self, request: PlainRequest) -> bytes | Coroutine[Any, Any, bytes] | None:
        """The answer as it travels, or what will come to it; None for what is not answered here."""


class Admission(Protocol):
    """Who counts connections."""

    def admit(self, transport: asyncio.Transport) -> bool:
        """Whether a new connection may stay. One that may not was answered, and is closing."""

    def forget(self, transport: asyncio.Transport) -> None:
        """A connection ended, or is another's to count."""

    def answering(self, transport: asyncio.Transport) -> None:
        """Another answer is about to be written."""


class DirectConnection(asyncio.Protocol):
    """One connection until it is handed over.

    Args:
        answers: who answers plain requests.
        admission: who counts connections.
        other: makes the protocol that it is handed over to.
        idle_seconds: after so many without a request it ends.
        mine: the connections that are open and not handed over; this one enters and leaves.
    """

    def __init__(
        self,
        answers: Answers,
        admission: Admission,
        other: Callable[[], asyncio.Protocol],
        idle_seconds: float,
        mine: "set[DirectConnection]",
    ) -> None:
        self._answers = answers
        self._admission = admission
        self._other = other
        self._idle_seconds = idle_seconds
        self._mine = mine
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answering: asyncio.Task[bytes] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self._stopping = False
        self._since = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, if there is room."""
        taken = cast("asyncio.Transport", transport)
        if self._admission.admit(taken):
            self._transport = taken
            self._mine.add(self)
            self._since = self._loop.time()
            self._idle = self._loop.call_later(self._idle_seconds, self._end_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended. What is being answered goes on: it may be logged."""
        del exc
        if self._transport is not None:
            self._admission.forget(self._transport)
        self._let_go()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._transport is None:
            return
        self._received = self._received + data if self._received else data
        if self._answering is None and not self._writing_paused:
            self._read(self._transport)
        elif len(self._received) > _HELD and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read: answer nothing more."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It has read."""
        self._writing_paused = False
        self._go_on()

    def stop(self) -> None:
        """End once what is being answered is."""
        self._stopping = True
        if self._transport is not None and self._answering is None:
            self._transport.close()

    def _read(self, transport: asyncio.Transport) -> None:
        while self._received and self._may_answer(transport):
            request = read_plain(self._received)
            if request is Reading.PARTIAL:
                if self._late is None:
                    self._late = self._loop.call_later(_BODY_SECONDS, self._hand_over)
                return
            answer = self._answers.answer(request) if isinstance(request, PlainRequest) else None
            if not isinstance(request, PlainRequest) or answer is None:
                self._hand_over()
                return
            if self._late is not None:
                self._late.cancel()
                self._late = None
            self._received = self._received[request.size :]
            if isinstance(answer, bytes):
                self._write(transport, answer)
            else:
                self._answering = self._loop.create_task(answer)
                self._answering.add_done_callback(self._answered)

    def _may_answer(self, transport: asyncio.Transport) -> bool:
        """Whether the next request's turn has come, and somebody is there to be answered."""
        return not (
            self._answering is not None or self._writing_paused or self._stopping or transport.is_closing()
        )

    def _answered(self, task: "asyncio.Task[bytes]") -> None:
        self._answering = None
        transport = self._transport
        if transport is None:
            return
        if task.cancelled() or task.exception() is not None:
            _logger.error(
                "a request ended without an answer", exc_info=None if task.cancelled() else task.exception()
            )
            transport.abort()
            return
        self._write(transport, task.result())
        if self._stopping:
            transport.close()
        else:
            self._go_on()

    def _write(self, transport: asyncio.Transport, answer: bytes) -> None:
        self._admission.answering(transport)
        transport.write(answer)
        self._since = self._loop.time()

    def _go_on(self) -> None:
        transport = self._transport
        if transport is None:
            return
        self._read(transport)
        # Not before what waits is little: each answer would let in more than it took.
        if self._reading_paused and len(self._received) <= _HELD:
            self._reading_paused = False
            transport.resume_reading()

    def _end_if_idle(self) -> None:
        if self._transport is None:
            return
        busy = self._answering or self._received or self._transport.get_write_buffer_size()
        rest = self._idle_seconds - (0.0 if busy else self._loop.time() - self._since)
        if rest > 0:
            self._idle = self._loop.call_later(rest, self._end_if_idle)
        else:
            self._transport.close()

    def _hand_over(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        received = self._received
        self._let_go()
        # The one who takes it over counts it again.
        self._admission.forget(transport)
        protocol = self._other()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        # Neither answers wait nor is one written now, so writing is not paused; reading may be.
        if self._reading_paused:
            self._reading_paused = False
            transport.resume_reading()
        protocol.data_received(received)

    def _let_go(self) -> None:
        self._transport = None
        self._received = b""
        self._mine.discard(self)
        for timer in (self._idle, self._late):
            if timer is not None:
                timer.cancel()
