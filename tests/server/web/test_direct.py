# SPDX-License-Identifier: Apache-2.0
"""Connections that are answered without aiohttp as long as their requests are plain, and handed over where not."""

import asyncio
import socket
from pathlib import Path

import pytest

from keystead_server.web import direct
from keystead_server.web.direct_answers import DirectAnswers
from keystead_server.web.metrics import METRICS
from keystead_server.web.plain_http import PlainRequest, Reading, read_plain
from keystead_server.web.service import SERVICE
from support.raw_http import hasty_log, http_of, open_connection, read_answer, read_answers
from support.running_log import Answer, RunningLog, running_log

PRE = "/issuance/ct/v1/add-pre-chain"


def get(path: str, *fields: str) -> bytes:
    """A plain read."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: log", *fields, "", ""]).encode()


def post(path: str, body: bytes) -> bytes:
    """A plain submission."""
    return f"POST {path} HTTP/1.1\r\nHost: log\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def submission(log: RunningLog, number: int = 7) -> bytes:
    """A precertificate that was not submitted before, as a request."""
    leaf = log.world.leaf(f"Org {number}", serial=number)
    return post(PRE, leaf.body(leaf.precertificate))


async def answer_of(reader: asyncio.StreamReader) -> Answer:
    """The next answer; there must be one."""
    answer = await read_answer(reader)
    assert answer is not None
    return answer


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What came on each connection that was handed over, as it was handed over."""
    received: list[bytes] = []
    hand_over = direct.DirectConnection._hand_over

    def noticed(connection: direct.DirectConnection) -> None:
        received.append(connection._received)
        hand_over(connection)

    monkeypatch.setattr(direct.DirectConnection, "_hand_over", noticed)
    return received


async def test_submissions_checkpoints_and_tiles_are_answered_as_their_routes_answer(
    tmp_path: Path, handed_over: list[bytes]
) -> None:
    """Status, headers and body are those that aiohttp gives to the same request; only it names itself."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        requests = [
            submission(log),
            post(PRE, b"{}"),
            post("/issuance/ct/v1/add-chain", b"[" * 100),
            *(
                get(path, "Accept-Encoding: " + coding)
                for path in (
                    "/issuance/checkpoint",
                    "/statements/checkpoint",
                    "/issuance/tile/0/000.p/1",
                    "/issuance/tile/data/000.p/1",
                    "/issuance/tile/entries/000.p/1",
                    "/statements/tile/entries/000.p/1",
                    "/issuance/tile/0/000.p/9",
                    "/statements/tile/data/000.p/1",
                    "/issuance/tile/x/000",
                )
                for coding in ("gzip", "identity", "gzip")
            ),
        ]
        for request in requests:
            writer.write(request)
            answer = await answer_of(reader)
            assert not handed_over
            # A field that is not plain is enough for aiohttp to have it.
            async with open_connection(log.server.url) as (other_reader, other_writer):
                other_writer.write(request.replace(b"Host: log", b"Host: log\r\nConnection: close"))
                (other,) = await read_answers(other_reader)
            handed_over.clear()
            for headers in (answer.headers, other.headers):
                headers.pop("Date")
                for of_aiohttp in ("Server", "Connection"):
                    headers.pop(of_aiohttp, None)
            assert answer == other, request


async def test_answers_are_counted_under_the_names_of_routes(tmp_path: Path) -> None:
    """As those of the application are."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        tile = get("/issuance/tile/0/000.p/1")
        for request in (submission(log), post(PRE, b""), tile, tile, get("/issuance/checkpoint")):
            writer.write(request)
            await answer_of(reader)
        metrics = (await log.get("/metrics")).body.decode()
        for line in (
            f'keystead_requests_total{{method="POST",route="{PRE}",status="200"}} 1.0',
            f'keystead_requests_total{{method="POST",route="{PRE}",status="400"}} 1.0',
            'keystead_requests_total{method="GET",route="/issuance/tile/{level}/{suffix}",status="200"} 2.0',
            'keystead_requests_total{method="GET",route="/issuance/checkpoint",status="200"} 1.0',
            f'keystead_request_seconds_count{{route="{PRE}"}} 2.0',
        ):
            assert line in metrics


async def test_requests_that_come_together_are_answered_in_their_order(
    tmp_path: Path, handed_over: list[bytes]
) -> None:
    """A submission waits for its batch, and what came behind it waits for that; the last one is aiohttp's."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        first, second = submission(log, 1), submission(log, 2)
        last = get("/trust.json")
        writer.write(first + get("/issuance/checkpoint") + second + get("/issuance/checkpoint") + last)
        indices = []
        for number in (1, 2):
            indices.append((await answer_of(reader)).json["leaf_index"])
            size = int((await answer_of(reader)).body.split(b"\n")[1])
            assert size == number
        assert indices == [0, 1]
        assert (await answer_of(reader)).json["version"] == 1
        assert handed_over == [last]


async def test_a_body_may_come_in_pieces(tmp_path: Path, handed_over: list[bytes]) -> None:
    """As over a network: the head, then the body, then what follows."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        request = submission(log)
        cut = request.index(b"\r\n\r\n") + 4
        for piece in (request[:cut], request[cut:-20], request[-20:] + get("/issuance/checkpoint")):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answer_of(reader)).status == 200
        assert (await answer_of(reader)).body.split(b"\n")[1] == b"1"
        assert not handed_over


async def test_a_body_that_does_not_come_is_handed_over(tmp_path: Path, handed_over: list[bytes]) -> None:
    """And answered once it has come."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        request = submission(log)
        writer.write(request[:-20])
        while not handed_over:
            await asyncio.sleep(0.01)
        writer.write(request[-20:])
        assert (await answer_of(reader)).status == 200


async def test_an_idle_connection_ends_and_a_busy_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time begins with its last answer, which may take longer."""
    async with (
        hasty_log(tmp_path, monkeypatch, seconds=0.1, period_ms=500) as log,
        open_connection(log.server.url) as (reader, writer),
    ):
        # The first batch starts at once, the second waits for its period.
        for number in (1, 2):
            writer.write(submission(log, number))
            assert (await answer_of(reader)).status == 200
        assert await read_answer(reader) is None


async def test_a_client_that_does_not_read_is_not_answered_on(tmp_path: Path) -> None:
    """Its requests wait with it; once it reads, all are answered."""
    async with (
        running_log(tmp_path) as log,
        open_connection(log.server.url, receive_buffer=1024) as (reader, writer),
    ):
        service = http_of(log).app[SERVICE]
        service.objects.keep("issuance/tile/0/000", b"t" * 8192)
        count = 5_000
        writer.write(get("/issuance/tile/0/000") * count)
        connections = http_of(log).connections
        while not any(each.get_write_buffer_size() for each in connections._open):
            await asyncio.sleep(0)
        assert (await log.get("/healthz")).status == 200
        assert sum(each.get_write_buffer_size() for each in connections._open) < 2**20
        for _ in range(count):
            assert (await answer_of(reader)).status == 200


async def test_what_waits_behind_an_answer_stays_little(tmp_path: Path) -> None:
    """However many short requests are answered, and however many come behind them."""
    async with running_log(tmp_path) as log, open_connection(log.server.url) as (reader, writer):
        writer.write(get("/issuance/tile/0/009") * 100_000)
        for _ in range(30):
            assert (await answer_of(reader)).status == 404
            (connection,) = http_of(log)._direct
            # What may wait, and what one read of a socket brings.
            assert len(connection._received) <= direct._HELD + 2**18
        writer.transport.abort()


async def test_a_paused_connection_is_read_from_once_it_is_handed_over(
    tmp_path: Path, handed_over: list[bytes]
) -> None:
    """More came behind a submission than may wait; what comes after it is read, too."""
    async with (
        running_log(tmp_path, period_ms=300) as log,
        open_connection(log.server.url) as (reader, writer),
    ):
        writer.write(submission(log, 1))
        await answer_of(reader)
        writer.write(submission(log, 2))
        while not log.server.sequencer.waiting:
            await asyncio.sleep(0)
        (connection,) = http_of(log)._direct
        # Few and long, so that aiohttp has no reason to pause and to go on.
        writer.write(get("/trust.json", "X: " + "a" * 8000) * 9)
        while not connection._reading_paused:
            await asyncio.sleep(0)
        writer.write(get("/trust.json"))
        for _ in range(11):
            assert (await answer_of(reader)).status == 200
        assert len(handed_over) == 1


async def test_a_client_that_is_gone_is_not_answered_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is a word said of it."""
    async with running_log(tmp_path) as log:
        async with open_connection(log.server.url) as (_, writer):
            writer.write(get("/issuance/checkpoint") * 1000)
        while not (connections := http_of(log)._direct):
            await asyncio.sleep(0)
        while connections:
            await asyncio.sleep(0)
        metrics = (await log.get("/metrics")).body.decode()
        answered = float(metrics.partition('route="/issuance/checkpoint",status="200"} ')[2].split()[0])
        assert answered < 100
    assert not caplog.records


async def test_a_stopping_server_answers_what_it_was_asked(tmp_path: Path) -> None:
    """What waits for its batch is answered; idle connections end."""
    async with (
        running_log(tmp_path, period_ms=300) as log,
        open_connection(log.server.url) as (idle, _),
        open_connection(log.server.url) as (reader, writer),
    ):
        writer.write(submission(log, 1))
        await answer_of(reader)
        writer.write(submission(log, 2))
        while not log.server.sequencer.waiting:
            await asyncio.sleep(0)
        await http_of(log).stop()
        assert (await answer_of(reader)).json["leaf_index"] == 1
        assert await read_answer(reader) is None
        assert await read_answer(idle) is None


async def test_a_stopping_server_ends_what_connects_as_it_stops(tmp_path: Path) -> None:
    """What was taken before the socket closed comes up after the others were told to end."""
    async with running_log(tmp_path, period_ms=300) as log, open_connection(log.server.url) as (_, writer):
        http = http_of(log)
        writer.write(submission(log, 1) + submission(log, 2))
        while not log.server.sequencer.waiting:
            await asyncio.sleep(0)
        stopping = asyncio.create_task(http.stop())
        await asyncio.sleep(0)
        app = http.app
        late = direct.DirectConnection(
            DirectAnswers(app[SERVICE], app[METRICS]), http.connections, asyncio.Protocol, 75.0, http._direct
        )
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: late, ours)
            async with asyncio.timeout(5):
                await stopping
            assert theirs.recv(1) == b""


async def test_what_nobody_foresaw_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 and a word in the log, and the connection goes on."""
    async with running_log(tmp_path) as log:
        app = http_of(log).app
        answers = DirectAnswers(app[SERVICE], app[METRICS])
        monkeypatch.setattr(app[SERVICE].tiles, "read", None)
        request = read_plain(get("/issuance/tile/0/001"))
        assert not isinstance(request, Reading)
        answer = answers.answer(PlainRequest(*request))
        assert answer is not None
        assert not isinstance(answer, bytes)
        assert (await answer).startswith(b"HTTP/1.1 500 ")
        assert "nobody foresaw" in caplog.text
