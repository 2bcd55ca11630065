# SPDX-License-Identifier: Apache-2.0
"""Bringing bytes from a log over HTTP (C2SP tlog-tiles and static-ct-api v1.1.0, read side and write side).

The server is not trusted with anything but its patience: sizes are capped before and after decompression,
redirects are not followed (a log has one address, the one that the user trusts), time is bounded, and a
`Retry-After` is honoured up to a limit of our own.

Invariants:

* the only content coding taken is gzip, offered with `identity` as tlog-tiles asks of clients;
* 404 is absence; every other status but 200 is a `FetchError` once patience is used up;
* a request body is sent again only for reads: who submits decides about retries (`submission`).
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from keystead.client.fetcher import MAX_BYTES, check_path
from keystead.encoding.decimal import parse_decimal
from keystead.errors import FetchError, ParseError, UsageError

__all__ = ["PATIENT", "Answer", "HTTPFetcher", "Patience", "parse_base_url"]

_TIMEOUT = aiohttp.ClientTimeout(total=120, connect=15, sock_read=60)
_CHUNK = 65_536
_BUSY = frozenset({429, 503})
_TRANSIENT = frozenset({500, 502, 504})

MAX_ANSWER_BYTES = 1024 * 1024
"""An answer to a submission is a proof and a few identifiers: a few kilobytes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to put up with a log that is busy or failing.

    Attributes:
        attempts: requests made in all for one object.
        busy_s: the most seconds spent, for one object, on waiting as long as `Retry-After` asks.
        pause_s: the first wait after a failure that names no time; it doubles each time.
    """

    attempts: int = 5
    busy_s: float = 300.0
    pause_s: float = 0.5


PATIENT = Patience()
"""What is used where nothing is said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to a submission, whatever it was.

    Attributes:
        status: the HTTP status.
        body: the decoded body.
        retry_after: seconds, where the log asks for them.
    """

    status: int
    body: bytes
    retry_after: int | None


def parse_base_url(text: str) -> str:
    """The base URL of a log without its trailing slash.

    Raises:
        UsageError: no http(s) URL, or one with a user, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        named = None
    if not named or parts.scheme not in {"http", "https"}:
        raise UsageError(f"{text!r} is not the http or https URL of a log")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"{text!r} has more than scheme, host and path; give the log's plain base URL")
    return text.rstrip("/")


class HTTPFetcher:
    """A log behind a base URL. Use it as an asynchronous context manager.

    Args:
        base_url: what the paths are relative to.
        patience: see `Patience`.
        sleep: how to wait; tests give one that does not.
        connections: how many requests may be under way at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        patience: Patience = PATIENT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        connections: int = 16,
    ) -> None:
        self.base_url = parse_base_url(base_url)
        self._patience = patience
        self._sleep = sleep
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # auto_decompress is off because it has no limit; `_body` decodes with one.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=_TIMEOUT,
            auto_decompress=False,
            headers={"Accept-Encoding": "gzip, identity", "User-Agent": "keystead"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`, trying again while `patience` lasts."""
        url = f"{self.base_url}/{check_path(path)}"
        pause = self._patience.pause_s
        waited = 0.0
        failure = FetchError(f"{url} was not asked for", url=url)
        for attempt in range(self._patience.attempts):
            last = attempt + 1 == self._patience.attempts
            delay = pause
            try:
                answer = await self._request("GET", url, None, limit)
            except FetchError as error:
                failure = error
            else:
                if answer.status == 200:
                    return answer.body
                if answer.status == 404:
                    return None
                failure = _failure(url, answer.status)
                if answer.status in _BUSY and answer.retry_after is not None:
                    delay = float(answer.retry_after)
                    if waited + delay > self._patience.busy_s:
                        raise FetchError(
                            f"{url}: the log is busy and asks for {answer.retry_after} s",
                            url=url,
                            status=answer.status,
                        )
                elif answer.status not in _BUSY | _TRANSIENT:
                    raise failure
            if not last:
                await self._sleep(delay)
                waited += delay
                pause *= 2
        raise failure

    async def post(self, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """Send `body` once.

        Raises:
            FetchError: no answer came.
        """
        url = f"{self.base_url}/{check_path(path)}"
        return await self._request("POST", url, (body, content_type), MAX_ANSWER_BYTES)

    async def _request(self, method: str, url: str, sent: tuple[bytes, str] | None, limit: int) -> Answer:
        if self._session is None:
            raise RuntimeError("HTTPFetcher is used outside its context manager")
        data, headers = (None, {}) if sent is None else (sent[0], {"Content-Type": sent[1]})
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                if sent is None and response.status != 200:
                    return Answer(response.status, b"", _retry_after(response))
                return Answer(response.status, await _body(response, url, limit), _retry_after(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise FetchError(f"{url} cannot be reached: {reason}", url=url) from error


def _failure(url: str, status: int) -> FetchError:
    if 300 <= status < 400:
        return FetchError(
            f"{url} redirects elsewhere, which is not followed; give the log's own base URL",
            url=url,
            status=status,
        )
    return FetchError(f"{url} answers with status {status}", url=url, status=status)


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    # RFC 9110 section 10.2.3 also has a date form; logs send seconds, and our own pause covers the rest.
    try:
        return parse_decimal(response.headers.get("Retry-After", ""), "Retry-After", maximum=86_400)
    except ParseError:
        return None


async def _body(response: aiohttp.ClientResponse, url: str, limit: int) -> bytes:
    """The body, never holding more than `limit` bytes before or after decompression.

    Raises:
        FetchError: too large, an unknown content coding, or a broken gzip stream.
    """
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise FetchError(f"{url} comes in the content coding {coding[:32]!r}, which was not offered", url=url)
    received = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        received += chunk
        if len(received) > limit:
            raise FetchError(f"{url} sends more than {limit} bytes", url=url)
    if coding == "identity":
        return bytes(received)
    decoder = zlib.decompressobj(wbits=31)
    try:
        data = decoder.decompress(received, limit + 1)
    except zlib.error as error:
        raise FetchError(f"{url} sends gzip that cannot be read", url=url) from error
    if len(data) > limit:
        raise FetchError(f"{url} decompresses to more than {limit} bytes", url=url)
    if not decoder.eof or decoder.unused_data:
        raise FetchError(f"{url} sends gzip that cannot be read", url=url)
    return data
