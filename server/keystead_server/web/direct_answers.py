# SPDX-License-Identifier: Apache-2.0
"""The requests that a log gets by the thousand a second, answered without routing: submissions, checkpoints, tiles.

Each is answered as its route of the application answers it, by the same code, with the same headers, problems and
counts (`web.application`).
"""

import time
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import web

from keystead_server.web.issuance import submit_chain
from keystead_server.web.metrics import RequestMetrics
from keystead_server.web.plain_http import PlainRequest, header_lines, written
from keystead_server.web.problem import problem_for
from keystead_server.web.reads import CHECKPOINT_HEADERS
from keystead_server.web.service import LogService
from keystead_server.web.tiles import TILES, is_bundle, tile_headers, tile_route

__all__ = ["DirectAnswers"]

_EVERY: Final = {"X-Content-Type-Options": "nosniff"}
_READ: Final = {**_EVERY, "Access-Control-Allow-Origin": "*"}
_EVERY_LINES: Final = header_lines(_EVERY)
_READ_LINES: Final = header_lines(_READ)
_JSON_LINES: Final = header_lines({"Content-Type": "application/json", **_EVERY})
_CHECKPOINT_LINES: Final = header_lines({**CHECKPOINT_HEADERS, **_READ})
_TILE_LINES: Final = tuple(header_lines({**tile_headers(packed=packed), **_READ}) for packed in (False, True))

_SUBMISSIONS: Final = {"/issuance/ct/v1/add-pre-chain": True, "/issuance/ct/v1/add-chain": False}
"""Whether what is submitted there is a precertificate."""

_CHECKPOINTS: Final = frozenset({"/issuance/checkpoint", "/statements/checkpoint"})
_TILES: Final = tuple(f"/{log}" for log in TILES)


class DirectAnswers:
    """Answers plain requests for one log.

    Args:
        service: the log.
        metrics: where answers are counted.
    """

    def __init__(self, service: LogService, metrics: RequestMetrics) -> None:
        self._service = service
        self._metrics = metrics

    def answer(self, request: PlainRequest) -> bytes | Coroutine[Any, Any, bytes] | None:
        """The answer as it travels, or what will come to it; None for what the application is to answer.

        Neither raises: a failure is an answer, too.
        """
        path = request.path
        if request.method == b"POST":
            precertificate = _SUBMISSIONS.get(path)
            return None if precertificate is None else self._submit(path, request.body, precertificate)
        if path.startswith(_TILES):
            packed = request.gzip and is_bundle(path[1:])
            data = self._service.tiles.held(path[1:], packed=packed)
            if data is None:
                return self._read_tile(path[1:], packed)
            return self._tile(path[1:], packed, data)
        return self._checkpoint(path) if path in _CHECKPOINTS else None

    async def _submit(self, path: str, body: bytes, precertificate: bool) -> bytes:
        started = time.perf_counter()
        try:
            promise = await submit_chain(self._service, body, precertificate=precertificate)
            answer = written(200, _JSON_LINES, promise)
            status = 200
        except Exception as error:  # noqa: BLE001 - `problem_for` logs what nobody foresaw
            status, answer = _problem(error, _EVERY_LINES)
        self._metrics.count("POST", path, status, time.perf_counter() - started)
        return answer

    def _checkpoint(self, path: str) -> bytes:
        status = 200
        try:
            heads = self._service.log.heads
            note = heads.issuance if path == "/issuance/checkpoint" else heads.statements
            answer = written(status, _CHECKPOINT_LINES, note)
        except Exception as error:  # noqa: BLE001 - as above
            status, answer = _problem(error, _READ_LINES)
        self._metrics.count("GET", path, status, 0.0)
        return answer

    async def _read_tile(self, path: str, packed: bool) -> bytes:
        try:
            data = await self._service.tiles.read(path, packed=packed)
            if data is not None:
                return self._tile(path, packed, data)
            raise web.HTTPNotFound
        except Exception as error:  # noqa: BLE001 - as above
            status, answer = _problem(error, _READ_LINES)
        self._metrics.count("GET", tile_route(path), status, 0.0)
        return answer

    def _tile(self, path: str, packed: bool, data: bytes) -> bytes:
        self._metrics.count("GET", tile_route(path), 200, 0.0)
        return written(200, _TILE_LINES[packed], data)


def _problem(error: Exception, lines: str) -> tuple[int, bytes]:
    answer = problem_for(error)
    body = answer.body if isinstance(answer.body, bytes) else b""
    return answer.status, written(answer.status, header_lines(answer.headers) + lines, body)
