# SPDX-License-Identifier: Apache-2.0
"""What anyone may read: checkpoints, tiles, bundles, issuers, evidence and policies.

C2SP tlog-tiles for both logs and static-ct-api v1.1.0 for the issuance log. An object that is not there is 404,
never an empty 200. What can never change says so to caches; a checkpoint says that it may not be stored.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from aiohttp import web

from keystead.errors import RefusedError
from keystead_server.web.service import SERVICE
from keystead_server.web.tiles import BUNDLES, IMMUTABLE, TILES, is_bundle, tile_headers

__all__ = ["CHECKPOINT_HEADERS", "add_read_routes"]

CHECKPOINT_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
"""The headers of a checkpoint."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_read_routes(app: web.Application) -> None:
    """Add every GET route of this module to `app`."""
    router = app.router
    router.add_get("/issuance/checkpoint", _checkpoint("issuance"))
    router.add_get("/statements/checkpoint", _checkpoint("statements"))
    for log in TILES:
        router.add_get(f"/{log}{{level:[0-9]+}}/{{suffix:.+}}", _tile)
    for bundles in BUNDLES:
        router.add_get(f"/{bundles}{{suffix:.+}}", _tile)
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
        return web.Response(body=note, headers=CHECKPOINT_HEADERS)

    return handler


async def _tile(request: web.Request) -> web.Response:
    path = request.path[1:]
    packed = is_bundle(path) and "gzip" in request.headers.get("Accept-Encoding", "")
    data = await request.app[SERVICE].tiles.read(path, packed=packed)
    if data is None:
        raise web.HTTPNotFound
    return web.Response(body=data, headers=tile_headers(packed=packed))


def _named(folder: str, content_type: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return await _object(request, f"{folder}/{request.match_info['digest']}", content_type)

    return handler


async def _object(request: web.Request, path: str, content_type: str) -> web.Response:
    data = await request.app[SERVICE].objects.get(path)
    if data is None:
        raise web.HTTPNotFound
    return web.Response(body=data, content_type=content_type, headers={"Cache-Control": IMMUTABLE})


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
