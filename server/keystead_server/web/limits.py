# SPDX-License-Identifier: Apache-2.0
"""What one request may cost (`specs/api.md`, section "Limits"): the head's size, the body's size and time.

Invariants:

* a body is refused as soon as its length is known to be too great, announced or counted;
* a body that does not arrive in time is refused, so a client that trickles holds nothing for long;
* ordinary bodies are always read. What long ones hold beyond that comes out of one budget, so that they can
  neither fill the memory nor keep ordinary submissions out.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from keystead.errors import RefusedError

__all__ = ["BODIES", "HEAD_LIMITS", "MAX_BODY", "BodyReader"]

MAX_BODY = 1024 * 1024
"""Bytes of a request body: a chain of 128 KiB and four pieces of evidence of 64 KiB each, in base64, and room."""

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

ORDINARY_BODY = 32 * 1024
"""Bytes of each body that are always held: a chain of three and a piece of evidence have about 12 KiB."""

LONG_BODIES = 64 * 1024 * 1024
"""Bytes that all bodies together may hold beyond their first `ORDINARY_BODY`."""

HEAD_LIMITS: Mapping[str, Any] = MappingProxyType(
    {
        # Of a request line or of one header, of all headers, and the seconds in which a whole head must have come,
        # since the connection was made or the last answer was given.
        "max_line_size": 8190,
        "max_field_size": 8190,
        "max_headers": 64,
        "keepalive_timeout": 75.0,
        # The seconds for which what follows an early refusal is read and dropped, so that the refusal is read.
        "lingering_time": 5.0,
        # A body means what was sent: a compressed one is not JSON.
        "auto_decompress": False,
    }
)
"""The limits on a request's head, as aiohttp names them."""


class BodyReader:
    """Reads the bodies of one process's requests.

    Args:
        seconds: how long one may take.
        budget: bytes for what is beyond the first `ordinary` of each.

    Attributes:
        seconds, budget: as above.
        held: bytes that are charged to the budget now.
    """

    def __init__(
        self, *, seconds: float = BODY_SECONDS, ordinary: int = ORDINARY_BODY, budget: int = LONG_BODIES
    ) -> None:
        self.seconds = seconds
        self._ordinary = ordinary
        self.budget = budget
        self.held = 0

    async def read(self, request: web.BaseRequest, maximum: int = MAX_BODY) -> bytes:
        """The whole body.

        Args:
            request: the request; nothing of its body was read yet.
            maximum: bytes that it may have.

        Raises:
            RefusedError: 413 too large, 408 too slow, 503 too many long ones at once, 400 not as HTTP frames it.
        """
        if (request.content_length or 0) > maximum:
            raise _too_large(maximum)
        content = request.content
        try:
            if content.is_eof():
                # It came whole, with the head or before we looked: there is nothing to wait for.
                body = content.read_nowait()
                if len(body) > maximum:
                    raise _too_large(maximum)
                return body
            async with asyncio.timeout(self.seconds):
                return await self._gather(request, maximum)
        except TimeoutError as error:
            raise RefusedError(
                "body-too-slow", f"the body did not arrive in {self.seconds:g} seconds", status=408
            ) from error
        except web.RequestPayloadError as error:
            raise web.HTTPBadRequest(reason="the body is not framed as HTTP/1.1 asks") from error
        except ConnectionError as error:
            # Nobody is there to read this answer.
            raise web.HTTPBadRequest(reason="the connection ended before the body did") from error

    async def _gather(self, request: web.BaseRequest, maximum: int) -> bytes:
        body = bytearray()
        charged = 0
        try:
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > maximum:
                    raise _too_large(maximum)
                beyond = max(0, len(body) - self._ordinary)
                self.held += beyond - charged
                charged = beyond
                if charged and self.held > self.budget:
                    raise RefusedError(
                        "server-busy",
                        "too many long submissions arrive at once; try again",
                        status=503,
                        retry_after=5,
                    )
        finally:
            self.held -= charged
        return bytes(body)


def _too_large(maximum: int) -> RefusedError:
    return RefusedError("body-too-large", f"the body has more than {maximum} bytes", status=413)


BODIES: web.AppKey[BodyReader] = web.AppKey("bodies", BodyReader)
