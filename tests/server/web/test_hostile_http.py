# SPDX-License-Identifier: Apache-2.0
"""Requests that are not HTTP, or only nearly: refused by a problem, the connection ended, nothing smuggled."""

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support.raw_http import exchange, hasty_log
from support.running_log import Answer

STATEMENT = b"POST /statements/add HTTP/1.1\r\nHost: log\r\n"
READ = b"GET /healthz HTTP/1.1\r\nHost: log\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: log\r\n\r\n"
CHUNKED = STATEMENT + b"Transfer-Encoding: chunked\r\n\r\n"

NOT_HTTP = {
    "a length beside chunks": STATEMENT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks beside a length": STATEMENT + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": STATEMENT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "one length twice": STATEMENT + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": STATEMENT + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": STATEMENT + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": STATEMENT + b"Content-Length: -2\r\n\r\n{}",
    "a length with an underscore": STATEMENT + b"Content-Length: 1_0\r\n\r\n{}12345678",
    "a hexadecimal length": STATEMENT + b"Content-Length: 0x2\r\n\r\n{}",
    "a length in other digits": STATEMENT + b"Content-Length: \xd9\xa2\r\n\r\n{}",
    "no length": STATEMENT + b"Content-Length: \r\n\r\n{}",
    "a length past every integer": STATEMENT + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a folded header": READ + b"X: a\r\n b\r\n\r\n",
    "a folded length": STATEMENT + b"Content-Length:\r\n 2\r\n\r\n{}",
    "a space before the colon": b"GET /healthz HTTP/1.1\r\nHost : log\r\n\r\n",
    "a space before a header": b"GET /healthz HTTP/1.1\r\n Host: log\r\n\r\n",
    "a header without a colon": READ + b"Nothing\r\n\r\n",
    "a header without a name": READ + b": a\r\n\r\n",
    "line feeds alone": b"GET /healthz HTTP/1.1\nHost: log\n\n",
    "carriage returns alone": b"GET /healthz HTTP/1.1\rHost: log\r\r",
    "a null in a header": READ + b"X: a\0b\r\n\r\n",
    "a carriage return in a header": READ + b"X: a\rY: b\r\n\r\n",
    "an unknown coding": STATEMENT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "the identity coding": STATEMENT + b"Transfer-Encoding: identity\r\n\r\n{}",
    "chunked twice": STATEMENT + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": STATEMENT + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "two codings": STATEMENT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a tab in the coding": STATEMENT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\n\r\n",
    "a chunk with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk past every integer": CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "chunks with line feeds": CHUNKED + b"2\n{}\n0\n\n",
    "a chunk that ends elsewhere": CHUNKED + b"2\r\n{}xx0\r\n\r\n",
    "a chunk without a length": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a length among the trailers": CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 3\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": READ + b"Host: other\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\nHost: log\r\n\r\n",
    "another protocol": b"GET /healthz ICY/1.1\r\nHost: log\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\x01" * 100,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "noise": b"\x00\xff\xfe" * 50 + b"\r\n\r\n",
    "a method that is no token": b"G@T /healthz HTTP/1.1\r\nHost: log\r\n\r\n",
    "a method in small letters": b"get /healthz HTTP/1.1\r\nHost: log\r\n\r\n",
    "a method without end": b"X" * 5000 + b" /healthz HTTP/1.1\r\nHost: log\r\n\r\n",
    "no target": b"CONNECT \r\nHost: log\r\n\r\n",
    "a target in raw octets": b"GET /\xff\xfe HTTP/1.1\r\nHost: log\r\n\r\n",
    "a target with a space": b"GET /health z HTTP/1.1\r\nHost: log\r\n\r\n",
    "an address that is none": b"GET http://[::1/healthz HTTP/1.1\r\nHost: log\r\n\r\n",
    "two thousand headers": READ + b"".join(b"X-%d: a\r\n" % number for number in range(2000)) + b"\r\n",
    "a header of 100 KB": READ + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "a line of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: log\r\n\r\n",
}
"""What RFC 9112 forbids, or what no limit allows."""

ODD = {
    "an absolute target": (b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: log\r\n\r\n", [200, 404]),
    "an unknown expectation": (STATEMENT + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", [417, 404]),
    "a hundred-continue": (STATEMENT + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", [400, 404]),
    "an upgrade nobody offers": (
        READ + b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        [200, 404],
    ),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: log\r\n\r\n", [404, 404]),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\nHost: log\r\n\r\n", [405, 404]),
    "OPTIONS of everything": (b"OPTIONS * HTTP/1.1\r\nHost: log\r\n\r\n", [404, 404]),
    "a way out": (b"GET /issuance/../keys/sct.pem HTTP/1.1\r\nHost: log\r\n\r\n", [404, 404]),
    "an escaped way out": (
        b"GET /issuance/%2e%2e/%2e%2e/log.sqlite HTTP/1.1\r\nHost: log\r\n\r\n",
        [404, 404],
    ),
    "an escaped null": (b"GET /evidence/%00 HTTP/1.1\r\nHost: log\r\n\r\n", [404, 404]),
    "escapes that are none": (b"GET /%zz%ff%fe HTTP/1.1\r\nHost: log\r\n\r\n", [404, 404]),
    "a query of raw escapes": (
        b"GET /issuance/ct/v1/get-entries?start=%zz&end=%ff HTTP/1.1\r\nHost: log\r\n\r\n",
        [400, 404],
    ),
    "a huge number": (
        b"GET /issuance/ct/v1/get-entries?start=0&end=" + b"9" * 5000 + b" HTTP/1.1\r\nHost: log\r\n\r\n",
        [400, 404],
    ),
    "a content type that is none": (
        STATEMENT + b"Content-Type: \xff;;;=\r\nContent-Length: 2\r\n\r\n{}",
        [400, 404],
    ),
    "a compressed body": (STATEMENT + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", [400, 404]),
    "a chunk with an extension": (CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", [400, 404]),
    "a read with a body": (READ + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, [200, 404]),
    "fifty at once": (READ * 0 + (READ + b"\r\n") * 50, [200] * 50 + [404]),
    "nothing but line ends": (b"\r\n" * 1000, [404]),
}
"""What is odd but has its answer; each is followed by a request for `/smuggled`, which is the 404 at the end."""


def answered_directly(sent: bytes) -> bytes:
    """The same, on paths that a connection answers itself as long as requests are plain."""
    return sent.replace(b"/statements/add", b"/issuance/ct/v1/add-chain").replace(
        b"/healthz", b"/issuance/checkpoint"
    )


def as_it_is(sent: bytes) -> bytes:
    """On paths that aiohttp answers."""
    return sent


def assert_refused(answer: Answer) -> None:
    """A 4xx that is a problem, and says nothing of what was sent."""
    assert 400 <= answer.status < 500
    assert answer.code
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"smuggled" not in answer.body


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was logged as if something had failed."""
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("on", [as_it_is, answered_directly])
async def test_what_is_not_http_is_refused_and_nothing_after_it_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on: Callable[[bytes], bytes],
) -> None:
    """One problem, and the end of the connection, although a request follows."""
    async with hasty_log(tmp_path, monkeypatch) as log:
        before = await log.sizes()
        exchanges = (exchange(log.server.url, on(sent) + SMUGGLED) for sent in NOT_HTTP.values())
        for what, answers in zip(NOT_HTTP, await asyncio.gather(*exchanges), strict=True):
            assert len(answers) == 1, what
            assert_refused(answers[0])
        assert await log.sizes() == before
    assert_quiet(caplog)


@pytest.mark.parametrize("on", [as_it_is, answered_directly])
async def test_what_is_odd_is_answered_once_and_the_next_request_is_the_next(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on: Callable[[bytes], bytes],
) -> None:
    """The bytes of a body are never a request, and what follows a body is one."""
    async with hasty_log(tmp_path, monkeypatch) as log:
        before = await log.sizes()
        for what, (sent, statuses) in ODD.items():
            answers = await exchange(log.server.url, on(sent) + SMUGGLED)
            assert [answer.status for answer in answers] == statuses, what
            for answer in answers:
                if answer.status != 200:
                    assert_refused(answer)
        assert await log.sizes() == before
    assert_quiet(caplog)


def damage(chance: random.Random, request: bytes) -> bytes:
    """A request with one to four edits, of the bytes on which parsers of HTTP disagree."""
    data = bytearray(request)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 2, 5)))
        data[start:end] = chance.choice(
            (
                b"",
                b"\r",
                b"\n",
                b"\r\n",
                b"\r\n\r\n",
                b" ",
                b"\t",
                b"\0",
                b":",
                b",",
                b";",
                b"0",
                b"-",
                b"\xff",
            )
        )
    return bytes(data)


async def test_thousands_of_damaged_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is answered, refused or given up; never a failure, a word in the log, or a change of state."""
    chance = random.Random(6)
    originals = [
        *(sent for sent, _ in ODD.values() if len(sent) < 1000),
        STATEMENT + b"Content-Length: 2\r\n\r\n{}",
        CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
        READ + b"\r\n",
        READ + b"Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n",
    ]
    originals += [answered_directly(original) for original in originals]
    async with hasty_log(tmp_path, monkeypatch) as log:
        before = await log.sizes()
        statuses: set[int] = set()
        for _ in range(40):
            sent = [damage(chance, chance.choice(originals)) for _ in range(100)]
            for answers in await asyncio.gather(*(exchange(log.server.url, each) for each in sent)):
                for answer in answers:
                    statuses.add(answer.status)
                    if answer.status != 200:
                        assert_refused(answer)
        assert {200, 400, 404, 405, 408} <= statuses
        assert await log.sizes() == before
    assert_quiet(caplog)
