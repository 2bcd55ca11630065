# SPDX-License-Identifier: Apache-2.0
"""The channel between a front end and the sequencer's process, both ends in one process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from keystead.errors import ParseError, RefusedError, VerificationError
from keystead_server.frontend.channel import ChannelIntake, IntakeHost
from keystead_server.intake.interface import Health

HEALTH = Health(1, False, 2, 0.5, 0)


class Asked:
    """An intake that notes what it was asked, and fails as it is told.

    Attributes:
        bodies: the statements, in the order in which they came.
        failure: what each of them is answered with.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.failure: Exception = RefusedError("some-code", "a sentence", status=429, retry_after=7)

    async def add_statement(self, body: bytes) -> Any:
        """Note it and fail."""
        self.bodies.append(body)
        raise self.failure

    async def health(self) -> Health:
        """Always the same."""
        return HEALTH


@asynccontextmanager
async def channel(asked: Any) -> AsyncIterator[tuple[ChannelIntake, IntakeHost]]:
    """Both ends, connected."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, host = await loop.create_unix_connection(lambda: IntakeHost(asked), sock=ours)
    _, intake = await loop.create_unix_connection(lambda: ChannelIntake(lambda: None), sock=theirs)
    try:
        yield intake, host
    finally:
        intake.close()
        host.close()
        await asyncio.sleep(0)


async def test_what_is_said_in_one_turn_travels_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one frame, in its order; each is answered."""
    asked = Asked()
    frames: list[object] = []
    async with channel(asked) as (intake, _):
        send = intake.send

        def noticed(message: object) -> None:
            frames.append(message)
            send(message)

        monkeypatch.setattr(intake, "send", noticed)
        bodies = [b"%d" % number for number in range(100)]
        calls = [intake.add_statement(body) for body in bodies]
        answers = await asyncio.gather(intake.health(), *calls, return_exceptions=True)
    assert answers[0] == HEALTH
    assert all(isinstance(answer, RefusedError) for answer in answers[1:])
    assert asked.bodies == bodies
    assert len(frames) == 1


@pytest.mark.parametrize(
    ("failure", "code", "status", "retry_after"),
    [
        (RefusedError("some-code", "a sentence", status=429, retry_after=7), "some-code", 429, 7),
        (VerificationError("a sentence", check="some-check"), "some-check", 400, None),
        (ParseError("a sentence"), "malformed", 400, None),
        (OSError("a secret"), "internal-error", 500, None),
    ],
)
async def test_a_failure_arrives_as_a_refusal(
    failure: Exception, code: str, status: int, retry_after: int | None
) -> None:
    """With its code; of what nobody foresaw nothing is told."""
    asked = Asked()
    asked.failure = failure
    async with channel(asked) as (intake, _):
        with pytest.raises(RefusedError) as refused:
            await intake.add_statement(b"")
    assert (refused.value.code, refused.value.status, refused.value.retry_after) == (
        code,
        status,
        retry_after,
    )
    assert "secret" not in str(refused.value)


async def test_without_the_sequencer_every_call_is_refused() -> None:
    """Those that wait and those that come later."""
    asked = Asked()
    never = asyncio.Event()
    asked.health = never.wait  # type: ignore[method-assign, assignment]
    async with channel(asked) as (intake, host):
        waiting = asyncio.create_task(intake.health())
        while not host._running:
            await asyncio.sleep(0)
        host.close()
        for call in (waiting, intake.health()):
            with pytest.raises(RefusedError) as refused:
                await call
            assert (refused.value.code, refused.value.status) == ("log-unavailable", 503)
        never.set()
