# SPDX-License-Identifier: Apache-2.0
"""Frames between a front end and the process of the sequencer, over a socket pair that only the two have.

A frame is a four-byte length and what was pickled. Between a front end and its host that is all that one turn of the
event loop said: issuers and a list of `(number, call, argument)` one way, a list of `(number, result, refusal)`
the other, with submissions and promises as `frontend.values` has them. Pickle is safe here and nowhere else: both
ends run this program, and nobody else can reach the socket; what strangers sent is inside as plain bytes and values.

A refusal travels as the arguments of a `RefusedError`; any other failure of the intake as `internal-error`.
"""

import asyncio
import logging
import pickle
import struct
from collections.abc import Callable
from typing import Any, cast

from keystead.errors import ParseError, RefusedError, VerificationError
from keystead_server.frontend.values import (
    Issuer,
    IssuerNames,
    PromiseValues,
    promise_of,
    promise_values,
    submission_of,
)
from keystead_server.intake.certificates import CertificatePromise, CertificateSubmission
from keystead_server.intake.interface import Health, Intake
from keystead_server.intake.statements import StatementPromise

__all__ = ["ChannelIntake", "Frames", "IntakeHost"]

_logger = logging.getLogger(__name__)

_LENGTH = struct.Struct(">I")

Refusal = tuple[str, str, int, int | None]


class Frames(asyncio.Protocol):
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self, message: object) -> None:
        """Write one frame; after the other end is gone, nothing."""
        if self._transport is not None and not self._transport.is_closing():
            data = pickle.dumps(message, protocol=5)
            self._transport.writelines((_LENGTH.pack(len(data)), data))

    def data_received(self, data: bytes) -> None:
        """Take what came, and hand on every whole frame."""
        self._buffer += data
        position = 0
        while len(self._buffer) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, position)
            end = position + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            frame = memoryview(self._buffer)[position + _LENGTH.size : end]
            message = pickle.loads(frame)  # noqa: S301 - see the module's docstring
            frame.release()
            self.received(message)
            position = end
        del self._buffer[:position]

    def received(self, message: Any) -> None:
        """One whole frame."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()


class _Collected(Frames):
    """Sends what is said in one turn of the event loop as one frame."""

    def __init__(self) -> None:
        super().__init__()
        self._said: list[object] = []

    def say(self, message: object) -> None:
        """Send a message, with the others of this turn."""
        if not self._said:
            asyncio.get_running_loop().call_soon(self._flush)
        self._said.append(message)

    def _flush(self) -> None:
        said, self._said = self._said, []
        self.send(self.frame(said))

    def frame(self, said: list[object]) -> object:
        """What travels for these messages."""
        return said


class IntakeHost(_Collected):
    """The sequencer's end: answers the calls of one front end."""

    def __init__(self, intake: Intake) -> None:
        super().__init__()
        self._intake = intake
        self._issuers: dict[bytes, Issuer] = {}
        self._running: set[asyncio.Task[None]] = set()

    def received(self, message: Any) -> None:
        """Calls: each answered by a task of its own."""
        forget, issuers, calls = message
        if forget:
            self._issuers.clear()
        for issuer in issuers:
            self._issuers[issuer[0]] = issuer
        loop = asyncio.get_running_loop()
        for number, call, argument in calls:
            # Read now: the next frame may say that what was told is to be forgotten.
            asked = submission_of(argument, self._issuers) if call == "certificate" else argument
            task = loop.create_task(self._answer(number, call, asked))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer(self, number: int, call: str, argument: Any) -> None:
        result: object = None
        refusal: Refusal | None = None
        try:
            if call == "certificate":
                result = promise_values(await self._intake.add_certificate(argument))
            elif call == "statement":
                result = await self._intake.add_statement(argument)
            else:
                result = await self._intake.health()
        except RefusedError as error:
            refusal = (error.code, str(error), error.status, error.retry_after)
        except VerificationError as error:
            refusal = (error.check or "verification-failed", str(error), 400, None)
        except ParseError as error:
            refusal = ("malformed", str(error), 400, None)
        except Exception:
            _logger.exception("the intake failed in a way that nobody foresaw")
            refusal = ("internal-error", "the log failed to answer; the operator can see why", 500, None)
        self.say((number, result, refusal))


class ChannelIntake(_Collected):
    """A front end's end: an `Intake` whose calls travel.

    Args:
        lost: called when the sequencer's process is gone.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__()
        self._lost = lost
        self._next = 0
        self._issuers = IssuerNames()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._is_lost = False

    async def add_certificate(self, submission: CertificateSubmission) -> CertificatePromise:
        """Have a certificate and its evidence logged."""
        values: PromiseValues = await self._call("certificate", self._issuers.values(submission))
        return promise_of(values)

    async def add_statement(self, body: bytes) -> StatementPromise:
        """Judge a statement and have it logged."""
        promise: StatementPromise = await self._call("statement", body)
        return promise

    async def health(self) -> Health:
        """How the sequencer is."""
        health: Health = await self._call("health", None)
        return health

    def frame(self, said: list[object]) -> object:
        """The calls of one turn, and the issuers that they are the first to name."""
        return (*self._issuers.taken(), said)

    def _call(self, call: str, argument: object) -> asyncio.Future[Any]:
        if self._is_lost:
            raise _restarting()
        self._next += 1
        future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        self.say((self._next, call, argument))
        return future

    def received(self, message: Any) -> None:
        """Answers: settle who waits for them, if anybody still does."""
        for number, result, refusal in message:
            future = self._waiting.pop(number, None)
            if future is None or future.done():
                continue
            if refusal is None:
                future.set_result(result)
            else:
                code, sentence, status, retry_after = refusal
                future.set_exception(RefusedError(code, sentence, status=status, retry_after=retry_after))

    def connection_lost(self, exc: Exception | None) -> None:
        """The sequencer's process is gone: nothing that waits will be answered."""
        del exc
        self._is_lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_restarting())
        self._lost()


def _restarting() -> RefusedError:
    return RefusedError("log-unavailable", "the log is restarting; try again", status=503, retry_after=5)
