# SPDX-License-Identifier: Apache-2.0
"""The plain requests of HTTP/1.1 (RFC 9112), recognised in the bytes as they came, and their answers written.

A log gets a few kinds of request by the thousand a second, and nearly all of them in one shape: a `GET` without a
body, or a `POST` whose body has its length announced. This recognises that shape and nothing else. Whatever is
framed otherwise, malformed, or merely unusual is not judged here: it is aiohttp's to read, and to refuse.

Invariants:

* what is recognised has one meaning to every parser: a request line in full, CRLF line ends, no white space before
  a colon or at the start of a line, no field twice, a `Host`, a `Content-Length` in plain digits if any, no transfer
  coding, no expectation, no upgrade, and a connection that stays open;
* the body is exactly the announced octets, and the next request begins behind them.
"""

import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

__all__ = ["MAX_PLAIN_BODY", "PlainRequest", "Reading", "header_lines", "read_plain", "written"]

MAX_PLAIN_BODY = 32 * 1024
"""Octets of a body that is plain."""

_MAX_HEAD = 4096
_MAX_FIELDS = 64

_LINE = re.compile(rb"(GET|POST) (/[A-Za-z0-9._/-]{0,255}) HTTP/1\.1\r\n")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e]*)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,6}[ \t]*")
_NOT_PLAIN = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"sec-websocket-key1",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class PlainRequest(NamedTuple):
    """A plain request that has come whole.

    Attributes:
        method: `GET` or `POST`.
        path: of the target; it has no query and no escapes.
        gzip: whether the answer may be compressed so.
        body: empty for `GET`.
        size: octets that the request takes, its head included.
    """

    method: bytes
    path: str
    gzip: bool
    body: bytes
    size: int


class Reading(Enum):
    """What else the bytes may be."""

    PARTIAL = "a plain request whose body is still on its way"
    OTHER = "anything else"


class _Fields(NamedTuple):
    """What the fields of a head say: the announced length, or -1, and whether `gzip` is accepted."""

    length: int
    gzip: bool


def read_plain(data: bytes) -> PlainRequest | Reading:
    """What stands at the beginning of `data`, which is not empty."""
    line = _LINE.match(data)
    if line is None:
        return Reading.OTHER
    start = line.end()
    end = data.find(b"\r\n\r\n", start - 2, _MAX_HEAD)
    if end < 0:
        return Reading.OTHER
    fields = _read_fields(data[start : end + 2])
    if fields is None:
        return Reading.OTHER
    method, path = line.groups()
    end += 4
    if method == b"GET":
        if fields.length != -1:
            return Reading.OTHER
        return PlainRequest(method, path.decode("ascii"), fields.gzip, b"", end)
    if not 0 <= fields.length <= MAX_PLAIN_BODY:
        return Reading.OTHER
    stop = end + fields.length
    if len(data) < stop:
        return Reading.PARTIAL
    return PlainRequest(method, path.decode("ascii"), fields.gzip, data[end:stop], stop)


@lru_cache(maxsize=2048)
def _read_fields(block: bytes) -> _Fields | None:
    """Read the fields of a head, each with its line end; None where they are not plain.

    Remembered, because a client sends the same ones with each request.
    """
    position = 0
    count = 0
    fields: dict[bytes, bytes] = {}
    gzip = False
    while position < len(block):
        field = _FIELD.match(block, position)
        count += 1
        if field is None or count > _MAX_FIELDS:
            return None
        name, value = field[1].lower(), field[2]
        if name == b"connection" and value.lower() == b"keep-alive":
            name = b"connection: keep-alive"
        if name in _NOT_PLAIN or name in fields:
            return None
        gzip = gzip or (name == b"accept-encoding" and b"gzip" in value)
        fields[name] = value
        position = field.end()
    if not fields.get(b"host", b"").strip():
        return None
    length = fields.get(b"content-length")
    if length is None:
        return _Fields(-1, gzip)
    return _Fields(int(length), gzip) if _LENGTH.fullmatch(length) else None


def header_lines(headers: Mapping[str, str]) -> str:
    """Headers as `written` takes them: of most answers they are always the same."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def written(status: int, lines: str, body: bytes) -> bytes:
    """An answer as it travels, with its length and date."""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}"
        f"Content-Length: {len(body)}\r\nDate: {_date(int(time.time()))}\r\n\r\n"
    )
    return head.encode("ascii") + body


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """RFC 9110 section 5.6.7."""
    return formatdate(second, usegmt=True)
