# SPDX-License-Identifier: Apache-2.0
"""HTTP as bytes on a socket: what no client library would send, and what the server answers to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from keystead_server.web import connections
from keystead_server.web.connections import HTTPServer
from keystead_server.web.limits import BODIES, HEAD_LIMITS, BodyReader
from support.running_log import Answer, RunningLog, running_log

__all__ = [
    "bodies_of",
    "exchange",
    "hasty_log",
    "http_of",
    "open_connection",
    "read_answer",
    "read_answers",
]

_WAIT = 20.0
"""Seconds after which a server that neither answers nor closes has failed the test."""


def http_of(log: RunningLog) -> HTTPServer:
    """The HTTP server of a log that this process serves."""
    assert log.server.http is not None
    return log.server.http


def bodies_of(log: RunningLog) -> BodyReader:
    """What reads its bodies."""
    return http_of(log).app[BODIES]


@asynccontextmanager
async def hasty_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.1, **options: Any
) -> AsyncIterator[RunningLog]:
    """A log that soon gives up who is slow, so that a test need not wait."""
    hasty = {**HEAD_LIMITS, "keepalive_timeout": seconds, "lingering_time": seconds}
    monkeypatch.setattr(connections, "HEAD_LIMITS", hasty)
    async with running_log(folder, **options) as log:
        bodies_of(log).seconds = seconds
        yield log


@asynccontextmanager
async def open_connection(
    url: str, receive_buffer: int = 2**20
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the server of `url`."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=receive_buffer)
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """The next answer, or None where the server has closed.

    Raises:
        AssertionError: what came is no whole HTTP answer.
    """
    async with asyncio.timeout(_WAIT):
        try:
            line = await reader.readline()
        except ConnectionResetError:
            return None
        if not line:
            return None
        version, status, _ = line.split(b" ", 2)
        assert version in {b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9"}, line
        headers: dict[str, str] = {}
        while (field := (await reader.readline()).rstrip(b"\r\n")) != b"":
            name, _, value = field.partition(b":")
            headers[name.decode().title()] = value.strip().decode()
        if status == b"100":
            return await read_answer(reader)
        body = await reader.readexactly(int(headers["Content-Length"]))
        return Answer(int(status), headers, body)


async def read_answers(reader: asyncio.StreamReader) -> list[Answer]:
    """Every answer until the server closes."""
    answers = []
    while (answer := await read_answer(reader)) is not None:
        answers.append(answer)
    return answers


async def exchange(url: str, sent: bytes) -> list[Answer]:
    """Send bytes on a new connection; every answer until the server closes, which its time limits bring about."""
    async with open_connection(url) as (reader, writer):
        writer.write(sent)
        return await read_answers(reader)
