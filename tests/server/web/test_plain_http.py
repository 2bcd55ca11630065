# SPDX-License-Identifier: Apache-2.0
"""Plain requests are recognised, and only where every parser reads the same in them."""

import asyncio
import random

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser

from keystead_server.web.limits import HEAD_LIMITS
from keystead_server.web.plain_http import (
    MAX_PLAIN_BODY,
    PlainRequest,
    Reading,
    header_lines,
    read_plain,
    written,
)

TILE = b"GET /issuance/tile/0/x001/234.p/5 HTTP/1.1\r\nHost: log\r\n"
POST = b"POST /issuance/ct/v1/add-chain HTTP/1.1\r\nHost: log\r\n"


def test_a_read_and_a_submission_are_plain() -> None:
    """With the fields that clients send; the next request begins behind them."""
    read = (
        TILE + b"Accept-Encoding: gzip, deflate\r\nUser-Agent: a/1 (b; c)\r\nConnection: keep-alive\r\n\r\n"
    )
    assert read_plain(read + b"GET") == PlainRequest(
        b"GET", "/issuance/tile/0/x001/234.p/5", True, b"", len(read)
    )
    submission = POST + b"content-length: 2\r\nContent-Type: application/json\r\n\r\n{}"
    assert read_plain(submission + b"{}") == PlainRequest(
        b"POST", "/issuance/ct/v1/add-chain", False, b"{}", len(submission)
    )


def test_a_body_on_its_way_is_waited_for() -> None:
    """As long as it may be plain."""
    assert read_plain(POST + b"Content-Length: 3\r\n\r\n{}") is Reading.PARTIAL
    assert read_plain(POST + b"Content-Length: %d\r\n\r\n" % MAX_PLAIN_BODY) is Reading.PARTIAL
    assert read_plain(POST + b"Content-Length: %d\r\n\r\n" % (MAX_PLAIN_BODY + 1)) is Reading.OTHER


@pytest.mark.parametrize(
    "sent",
    [
        TILE,
        TILE + b"Content-Length: 0\r\n\r\n",
        TILE + b"Host: other\r\n\r\n",
        TILE + b"User-Agent: a\r\nUser-Agent: b\r\n\r\n",
        TILE + b"Accept-Encoding: a\r\naccept-encoding: gzip\r\n\r\n",
        POST + b"Content-Type: a\r\nContent-Length: 1\r\nContent-Type: b\r\n\r\n{",
        TILE + b"Sec-WebSocket-Key1: a\r\n\r\n",
        TILE + b"Connection: close\r\n\r\n",
        TILE + b"Connection: keep-alive, upgrade\r\n\r\n",
        TILE + b"Upgrade: websocket\r\n\r\n",
        TILE + b"Transfer-Encoding: chunked\r\n\r\n",
        TILE + b"X : a\r\n\r\n",
        TILE + b" X: a\r\n\r\n",
        TILE + b"X: a\r\n b\r\n\r\n",
        TILE + b"X: a\n\r\n",
        TILE + b"X: \xff\r\n\r\n",
        TILE + b"X: a\r\n" * 65 + b"\r\n",
        TILE + b"X: " + b"a" * 5000 + b"\r\n\r\n",
        POST + b"\r\n",
        POST + b"Content-Length: +1\r\n\r\n{",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n{",
        POST + b"Content-Length: 1, 1\r\n\r\n{",
        POST + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n{",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: \r\n\r\n",
        b"GET /a HTTP/1.0\r\nHost: log\r\n\r\n",
        b"GET /a?b HTTP/1.1\r\nHost: log\r\n\r\n",
        b"GET /%61 HTTP/1.1\r\nHost: log\r\n\r\n",
        b"GET  /a HTTP/1.1\r\nHost: log\r\n\r\n",
        b"HEAD /a HTTP/1.1\r\nHost: log\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: log\n\n",
        b"\r\nGET /a HTTP/1.1\r\nHost: log\r\n\r\n",
    ],
)
def test_whatever_is_unusual_is_not_plain(sent: bytes) -> None:
    """Malformed or not: somebody else reads it."""
    assert read_plain(sent) is Reading.OTHER


def edited(chance: random.Random, request: bytes) -> bytes:
    """A request with up to three edits, of the bytes on which parsers of HTTP disagree."""
    data = bytearray(request)
    pieces = (
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b"0",
        b"1",
        b"-",
        b"+",
        b"\x80",
        b"a",
        b"",
    )
    for _ in range(chance.randint(0, 3)):
        start = chance.randrange(len(data))
        data[start : start + chance.choice((0, 1, 1, 2))] = chance.choice(pieces)
    return bytes(data)


async def test_what_is_plain_is_the_same_to_another_parser() -> None:
    """Of fifty thousand damaged requests, each that is plain is one request to aiohttp's parser, with the same body."""
    chance = random.Random(11)
    originals = (
        TILE + b"Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n",
        POST + b"Content-Length: 7\r\nConnection: Keep-Alive\r\n\r\nGET / H",
        POST + b"Content-Length: 12\r\nContent-Type: text/plain\r\nX-Length: 5\r\n\r\n{\r\n\r\n\r\n: 5}",
    )
    loop = asyncio.get_running_loop()
    limits = {name: HEAD_LIMITS[name] for name in ("max_line_size", "max_field_size", "max_headers")}
    plain = 0
    for _ in range(50_000):
        sent = edited(chance, chance.choice(originals))
        request = read_plain(sent)
        if not isinstance(request, PlainRequest):
            continue
        plain += 1
        parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16, auto_decompress=False, **limits)
        try:
            messages, upgraded, _ = parser.feed_data(sent[: request.size])
        except HttpProcessingError as error:
            raise AssertionError(sent) from error
        assert not upgraded
        ((message, payload),) = messages
        assert (message.method.encode(), message.path) == (request.method, request.path), sent
        assert not message.should_close, sent
        assert payload.is_eof(), sent
        assert payload.read_nowait() == request.body, sent
    assert plain > 10_000


def test_an_answer_has_its_length_and_date() -> None:
    """And the headers that it was given."""
    head, _, body = written(404, header_lines({"Cache-Control": "no-store"}), b"gone").partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    assert first == "HTTP/1.1 404 Not Found"
    assert fields[:2] == ["Cache-Control: no-store", "Content-Length: 4"]
    assert fields[2].startswith("Date: ")
    assert fields[2].endswith(" GMT")
    assert body == b"gone"
