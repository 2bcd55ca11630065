# SPDX-License-Identifier: Apache-2.0
"""Fetching over HTTP from servers that are slow, busy, wrong or hostile."""

import gzip
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from keystead.client.http import HTTPFetcher, Patience, parse_base_url
from keystead.errors import FetchError, UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_PATIENT = Patience()


class _Naps:
    """Stands in for `asyncio.sleep`: remembers instead of waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def _serve(handler: Handler) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    return server


async def _get(
    handler: Handler, *, limit: int = 1000, patience: Patience = _PATIENT
) -> tuple[bytes | None, _Naps]:
    server = await _serve(handler)
    naps = _Naps()
    try:
        async with HTTPFetcher(str(server.make_url("/base/")), patience=patience, sleep=naps) as fetcher:
            return await fetcher.get("tile/0/000", limit), naps
    finally:
        await server.close()


async def test_an_object_is_fetched_below_the_base() -> None:
    """The path is joined to the base URL; gzip and identity are offered."""
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["Accept-Encoding"]))
        return web.Response(body=b"tile")

    assert (await _get(handler))[0] == b"tile"
    assert seen == [("/base/tile/0/000", "gzip, identity")]


async def test_absence_is_none_and_is_not_asked_for_again() -> None:
    """404 is an answer, not a failure."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=404)

    body, naps = await _get(handler)

    assert body is None
    assert naps.seconds == []


async def test_gzip_is_decoded_up_to_the_limit() -> None:
    """A compressed object is decoded; one that grows beyond the limit is refused without being held."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(1000)), headers={"Content-Encoding": "gzip"})

    assert (await _get(handler))[0] == bytes(1000)
    with pytest.raises(FetchError, match="decompresses to more than 999"):
        await _get(handler, limit=999, patience=Patience(attempts=1))


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b"tile")[:-1], gzip.compress(b"tile") + b"more", b""],
    ids=["other bytes", "cut off", "with more behind", "empty"],
)
async def test_broken_gzip_is_refused(body: bytes) -> None:
    """Garbage, a truncated stream and bytes after it are no object."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    with pytest.raises(FetchError, match="gzip that cannot be read"):
        await _get(handler, patience=Patience(attempts=1))


async def test_a_content_coding_that_was_not_offered_is_refused() -> None:
    """Only gzip and identity are read."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"tile", headers={"Content-Encoding": "br"})

    with pytest.raises(FetchError, match="content coding 'br'"):
        await _get(handler, patience=Patience(attempts=1))


async def test_a_body_above_the_limit_is_refused() -> None:
    """A plain body is counted while it is read."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=bytes(1001))

    with pytest.raises(FetchError, match="more than 1000"):
        await _get(handler, patience=Patience(attempts=1))


async def test_a_redirect_is_not_followed() -> None:
    """A log has one address; elsewhere somebody else may answer."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    with pytest.raises(FetchError, match="redirects elsewhere"):
        await _get(handler)


async def test_retry_after_is_honoured() -> None:
    """A busy log is asked again after exactly the seconds that it named."""
    answers = [web.Response(status=429, headers={"Retry-After": "7"}), web.Response(body=b"tile")]

    async def handler(request: web.Request) -> web.Response:
        return answers.pop(0)

    body, naps = await _get(handler)

    assert body == b"tile"
    assert naps.seconds == [7]


async def test_a_log_that_asks_for_too_much_patience_is_given_up() -> None:
    """The wait that a log may ask for is bounded by the client."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "301"})

    with pytest.raises(FetchError, match="busy and asks for 301 s"):
        await _get(handler)


async def test_passing_failures_are_tried_again_with_growing_pauses() -> None:
    """500 and a busy log without a time are asked again, each pause twice as long, and then given up."""
    count = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=500 if count % 2 else 503)

    with pytest.raises(FetchError, match="status 500"):
        await _get(handler, patience=Patience(attempts=3, pause_s=1))
    assert count == 3


async def test_a_lasting_refusal_is_not_tried_again() -> None:
    """403 will not go away by asking."""
    count = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=403)

    with pytest.raises(FetchError, match="status 403") as caught:
        await _get(handler)
    assert (count, caught.value.status) == (1, 403)


async def test_an_unreachable_log_is_a_fetch_error() -> None:
    """A refused connection is told as one, after the attempts that patience allows."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    server = await _serve(handler)
    url = str(server.make_url("/"))
    await server.close()
    naps = _Naps()

    async with HTTPFetcher(url, patience=Patience(attempts=2), sleep=naps) as fetcher:
        with pytest.raises(FetchError, match="cannot be reached"):
            await fetcher.get("checkpoint")
    assert len(naps.seconds) == 1


async def test_a_submission_is_sent_once_whatever_comes_back() -> None:
    """POST returns status, body and Retry-After, and decides nothing."""
    bodies: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=503, body=b'{"code":"busy"}', headers={"Retry-After": "3"})

    server = await _serve(handler)
    try:
        async with HTTPFetcher(str(server.make_url("/"))) as fetcher:
            answer = await fetcher.post("statements/add", b"{}")
    finally:
        await server.close()

    assert (answer.status, answer.body, answer.retry_after) == (503, b'{"code":"busy"}', 3)
    assert bodies == [b"{}"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "log.example",
        "ftp://log.example",
        "http://",
        "http://u@log.example",
        "http://l/?a",
        "http://l/#a",
        "http://l:x",
    ],
)
def test_only_a_plain_http_url_names_a_log(url: str) -> None:
    """Anything that is not scheme, host and path is a usage error."""
    with pytest.raises(UsageError):
        parse_base_url(url)


def test_the_base_url_loses_its_trailing_slash() -> None:
    """So that joining a path never doubles it."""
    assert parse_base_url("https://log.example:8470/a/") == "https://log.example:8470/a"
