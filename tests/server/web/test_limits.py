# SPDX-License-Identifier: Apache-2.0
"""What one client may cost: long heads, long and slow bodies, idle connections, answers that nobody reads."""

import asyncio
import json
from pathlib import Path

import pytest

from keystead_server.web.connections import PATIENCE, SLOWEST, Connections
from keystead_server.web.limits import MAX_BODY, ORDINARY_BODY
from support.raw_http import (
    bodies_of,
    exchange,
    hasty_log,
    http_of,
    open_connection,
    read_answer,
    read_answers,
)
from support.running_log import running_log

PRE = b"POST /issuance/ct/v1/add-pre-chain HTTP/1.1\r\nHost: log\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: log\r\n\r\n"


async def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(tmp_path: Path) -> None:
    """The answer is there although not one byte of the body was sent."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        writer.write(PRE + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1))
        answer = await read_answer(reader)
        assert answer is not None
        assert (answer.status, answer.code) == (413, "body-too-large")


async def test_a_body_is_refused_at_the_byte_that_is_too_much(tmp_path: Path) -> None:
    """One that does not say how long it is, and never ends."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        writer.write(PRE + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16)
        writer.write(chunk * (MAX_BODY // 2**16 + 1))
        answer = await read_answer(reader)
        assert answer is not None
        assert (answer.status, answer.code) == (413, "body-too-large")


async def test_the_longest_body_is_read_and_a_statement_may_be_shorter(tmp_path: Path) -> None:
    """Of 1 MiB, what is wrong is what it says; 128 KiB and a byte are too much for a statement."""
    async with running_log(tmp_path) as log:
        longest = await log.add_pre_chain(b" " * MAX_BODY)
        assert (longest.status, longest.code) == (400, "malformed")
        statement = await log.post("/statements/add", b" " * (128 * 1024 + 1))
        assert (statement.status, statement.code) == (413, "body-too-large")


async def test_a_trickling_body_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and the connection ends, while others are answered as ever."""
    async with (
        hasty_log(tmp_path, monkeypatch) as log,
        open_connection(log.server.url) as (reader, writer),
    ):
        writer.write(PRE + b'Content-Length: 100\r\n\r\n{"chain": [')
        leaf = log.world.leaf(serial=7)
        assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        (answer,) = await read_answers(reader)
        assert (answer.status, answer.code) == (408, "body-too-slow")


async def test_a_head_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is owed to who never asked: the connection ends; so does an idle one."""
    async with hasty_log(tmp_path, monkeypatch) as log:
        assert await exchange(log.server.url, b"GET /healthz HTTP/1.1\r\nHost: lo") == []
        assert await exchange(log.server.url, b"") == []
        (answer,) = await exchange(log.server.url, HEALTH + b"GET /tru")
        assert answer.status == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: log\r\n\r\n", 431, "head-too-large"),
        (HEALTH[:-2] + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431, "head-too-large"),
        (HEALTH[:-2] + b"X: a\r\n" * 65 + b"\r\n", 400, "http-error"),
    ],
    ids=["line", "header", "headers"],
)
async def test_a_head_has_its_limits(tmp_path: Path, sent: bytes, status: int, code: str) -> None:
    """Of the request line, of one header, and of how many there are."""
    async with running_log(tmp_path) as log:
        (answer,) = await exchange(log.server.url, sent)
        assert (answer.status, answer.code) == (status, code)


async def test_long_bodies_share_a_budget_and_ordinary_ones_do_not_need_it(tmp_path: Path) -> None:
    """With the budget spent by bodies that do not end, a long one is 503 and a submission is logged."""
    part = PRE + b"Content-Length: %d\r\n\r\n" % MAX_BODY + b" " * 3 * ORDINARY_BODY
    async with (
        running_log(tmp_path) as log,
        open_connection(log.server.url) as (_, holder),
        open_connection(log.server.url) as (reader, writer),
    ):
        bodies = bodies_of(log)
        bodies.budget = 2 * ORDINARY_BODY
        leaf = log.world.leaf(serial=7)
        holder.write(part)
        while bodies.held < 2 * ORDINARY_BODY:
            await asyncio.sleep(0)
        writer.write(part)
        answer = await read_answer(reader)
        assert answer is not None
        assert (answer.status, answer.code) == (503, "server-busy")
        assert answer.headers["Retry-After"] == "5"
        assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        holder.close()
        while bodies.held:
            await asyncio.sleep(0)


async def test_a_connection_too_many_is_answered_and_closed(tmp_path: Path) -> None:
    """503 with `Retry-After`; once another has ended, there is room."""
    async with running_log(tmp_path) as log:
        counted = http_of(log).connections
        counted.maximum = len(counted) + 1
        async with open_connection(log.server.url) as (reader, writer):
            writer.write(HEALTH)
            assert (await read_answer(reader)) is not None
            (refusal,) = await exchange(log.server.url, HEALTH)
            assert (refusal.status, refusal.code) == (503, "server-busy")
            assert refusal.headers["Retry-After"] == "5"
        while len(counted) == counted.maximum:
            await asyncio.sleep(0)
        async with open_connection(log.server.url) as (reader, writer):
            writer.write(HEALTH)
            answer = await read_answer(reader)
            assert answer is not None
            assert answer.status == 200


class Transport(asyncio.Transport):
    """A transport with bytes that wait."""

    def __init__(self, waiting: int) -> None:
        super().__init__()
        self.waiting = waiting
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        """What waits."""
        return self.waiting

    def abort(self) -> None:
        """It is cut off."""
        self.aborted = True


def test_who_reads_nothing_is_cut_off_and_who_reads_slowly_is_not() -> None:
    """Judged over the whole time of patience; one that caught up in between begins anew."""
    counted = Connections(10)
    stuck, slow, done, next_answer = Transport(10**6), Transport(10**6), Transport(500), Transport(500)
    for transport in (stuck, slow, done, next_answer):
        assert counted.admit(transport)
    counted.sweep(0)
    slow.waiting -= int(SLOWEST * PATIENCE)
    done.waiting = 0
    next_answer.waiting = 0
    counted.answering(next_answer)
    next_answer.waiting = 500
    counted.sweep(PATIENCE - 1)
    assert not stuck.aborted
    counted.sweep(PATIENCE)
    assert [each.aborted for each in (stuck, slow, done, next_answer)] == [True, False, False, False]
    counted.sweep(2 * PATIENCE)
    assert slow.aborted
    assert next_answer.aborted
    assert len(counted) == 1


def test_when_unread_answers_hold_too_much_the_greatest_goes() -> None:
    """Only as many as needed, and at once."""
    counted = Connections(10, waiting=1000)
    small, middle, great = Transport(300), Transport(600), Transport(900)
    for transport in (small, middle, great):
        counted.admit(transport)
    counted.sweep(0)
    assert (small.aborted, middle.aborted, great.aborted) == (False, False, True)


async def test_a_client_that_never_reads_is_cut_off_and_holds_nobody_up(tmp_path: Path) -> None:
    """It asks for large answers over and over; the server stops answering it, serves others, and lets go."""
    async with running_log(tmp_path, period_ms=1) as log:
        for number in range(20):
            leaf = log.world.leaf(f"Org {number}", serial=number + 1)
            assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        counted = http_of(log).connections
        ask = b"GET /issuance/ct/v1/get-entries?start=0&end=19 HTTP/1.1\r\nHost: log\r\n\r\n"
        async with open_connection(log.server.url, receive_buffer=1024) as (_, writer):
            behind = None
            while behind is None:
                writer.write(ask * 100)
                assert json.loads((await log.get("/healthz")).body)["status"] == "ok"
                behind = next((each for each in counted._open if each.get_write_buffer_size()), None)
            now = asyncio.get_running_loop().time()
            counted.sweep(now)
            counted.sweep(now + 2 * PATIENCE)
            counted.sweep(now + 4 * PATIENCE)
            assert behind not in counted._open
        assert (await log.get("/healthz")).status == 200
