# SPDX-License-Identifier: Apache-2.0
"""What anyone may read: checkpoints, tiles, bundles, issuers, evidence and policies.

C2SP tlog-tiles for both logs and static-ct-api v1.1.0 for the issuance log. An object that is not there is 404,
never an empty 200. What can never change says so to caches; a checkpoint says that it may not be stored.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Literal

from aiohttp import web
from multidict import CIMultiDict

from keystead.ct.tile_leaf import decode_data_tile
from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError, RefusedError
from keystead.tlog.tiles import bundle_path, encode_bundle, parse_tile_suffix, tile_path
from keystead_server.web.objects import ObjectReader
from keystead_server.web.service import SERVICE

__all__ = ["add_read_routes"]

_IMMUTABLE = "public, max-age=31536000, immutable"
_MAX_LEVEL = 63
_TILE_HEADERS = CIMultiDict(
    {
        "Content-Type": "application/octet-stream",
        "Cache-Control": _IMMUTABLE,
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_read_routes(app: web.Application) -> None:
    """Add every GET route of this module to `app`."""
    router = app.router
    router.add_get("/issuance/checkpoint", _checkpoint("issuance"))
    router.add_get("/statements/checkpoint", _checkpoint("statements"))
    router.add_get(r"/issuance/tile/data/{suffix:.+}", _issuance_data)
    router.add_get(r"/issuance/tile/entries/{suffix:.+}", _issuance_entries)
    router.add_get(r"/statements/tile/entries/{suffix:.+}", _statement_entries)
    router.add_get(r"/issuance/tile/{level:[0-9]+}/{suffix:.+}", _tile("issuance"))
    router.add_get(r"/statements/tile/{level:[0-9]+}/{suffix:.+}", _tile("statements"))
    router.add_get(
        "/issuance/issuer/{digest:[0-9a-f]{64}}", _named("issuance/issuer", "application/pkix-cert")
    )
    router.add_get("/evidence/{digest:[0-9a-f]{64}}", _named("evidence", "application/octet-stream"))
    router.add_get("/policy/{digest:[0-9a-f]{64}}", _named("policy", "application/json"))
    router.add_get("/policy", _policy)
    router.add_get("/trust.json", _trust)
    router.add_get("/healthz", _health)


def _checkpoint(log: Literal["issuance", "statements"]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        heads = request.app[SERVICE].log.heads
        note = heads.issuance if log == "issuance" else heads.statements
        return web.Response(
            body=note, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "no-store"}
        )

    return handler


def _tile(log: Literal["issuance", "statements"]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        objects = request.app[SERVICE].objects
        # What is in memory was asked for by its one spelling before: no need to read the path again.
        data = objects.held(request.path[1:])
        if data is None:
            match = request.match_info
            try:
                level = parse_decimal(match["level"], "a tile level", _MAX_LEVEL)
            except ParseError as error:
                raise web.HTTPNotFound from error
            data = await objects.get(f"{log}/{tile_path(level, *_suffix(request))}")
            if data is None:
                raise web.HTTPNotFound
        return web.Response(body=data, headers=_TILE_HEADERS)

    return handler


async def _statement_entries(request: web.Request) -> web.Response:
    return await _object(request, f"statements/{bundle_path('entries', *_suffix(request))}", compress=True)


async def _issuance_data(request: web.Request) -> web.Response:
    return await _object(request, f"issuance/{bundle_path('data', *_suffix(request))}", compress=True)


async def _issuance_entries(request: web.Request) -> web.Response:
    """`tile/entries` of the issuance log is made of the data tile: the same leaves, as RFC 6962 hashes them."""
    index, width = _suffix(request)
    objects = request.app[SERVICE].objects
    path = f"issuance/{bundle_path('entries', index, width)}"
    if objects.held(path) is None:
        data = await objects.get(f"issuance/{bundle_path('data', index, width)}")
        if data is None:
            raise web.HTTPNotFound
        derived = encode_bundle([leaf.entry.merkle_tree_leaf() for leaf in decode_data_tile(data, width)])
        objects.keep(path, derived)
    return await _object(request, path, compress=True)


def _suffix(request: web.Request) -> tuple[int, int]:
    try:
        return parse_tile_suffix(request.match_info["suffix"])
    except ParseError as error:
        raise web.HTTPNotFound from error


def _named(folder: str, content_type: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return await _object(request, f"{folder}/{request.match_info['digest']}", content_type=content_type)

    return handler


async def _object(
    request: web.Request,
    path: str,
    *,
    content_type: str = "application/octet-stream",
    compress: bool = False,
) -> web.Response:
    objects: ObjectReader = request.app[SERVICE].objects
    data = await objects.get(path)
    if data is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": _IMMUTABLE}
    if compress and "gzip" in request.headers.get("Accept-Encoding", ""):
        packed = objects.held(f"{path}#gzip")
        if packed is None:
            packed = await asyncio.to_thread(gzip.compress, data, 1, mtime=0)
            objects.keep(f"{path}#gzip", packed)
        data = packed
        headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
    return web.Response(body=data, content_type=content_type, headers=headers)


async def _policy(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    service.log.refresh()
    return web.Response(
        body=service.log.policy.encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-cache", "ETag": f'"{service.log.policy.digest.hex()}"'},
    )


async def _trust(request: web.Request) -> web.Response:
    return web.Response(
        body=request.app[SERVICE].trust,
        content_type="application/json",
        headers={"Cache-Control": "no-cache"},
    )


async def _health(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    health = await service.intake.health()
    if health.waits_for_witnesses is not None:
        raise RefusedError("quorum-missing", health.waits_for_witnesses, status=503, retry_after=1)
    if health.wounded:
        raise RefusedError(
            "log-unavailable", "the log cannot write just now and is recovering", status=503, retry_after=5
        )
    return web.json_response(
        {
            "status": "ok",
            "issuance_size": service.log.issuance.size,
            "statements_size": service.log.statements.size,
            "time": service.log.heads.time,
            "waiting": health.waiting,
            "witnesses": [
                {"name": report.witness, "log": report.log, "failing": report.failing}
                for report in health.witnesses
            ],
        },
        headers={"Cache-Control": "no-store"},
    )
