# SPDX-License-Identifier: Apache-2.0
"""The index of a copied log over HTTP, as the log itself answers, and the files of the copy beside it.

What takes submissions is not here: `trust.json` sends clients to the log for that.
"""

import time
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from keystead_server.index.process import FOLDER
from keystead_server.index.reader import IndexReader, IndexState
from keystead_server.mirror.published import IndexedCopy
from keystead_server.web.answering import answering
from keystead_server.web.device_index import add_index_routes
from keystead_server.web.index_metrics import INDEX_STATE, index_families
from keystead_server.web.metrics import METRICS, RequestMetrics
from keystead_server.web.reads import CHECKPOINT_HEADERS
from keystead_server.web.tiles import BUNDLES, IMMUTABLE, TILES, TileReader, is_bundle, tile_headers

__all__ = ["make_mirror_application"]

_COPY: web.AppKey[IndexedCopy] = web.AppKey("copy", IndexedCopy)
_TILES: web.AppKey[TileReader] = web.AppKey("tiles", TileReader)
_TRUST: web.AppKey[bytes] = web.AppKey("trust", bytes)


def make_mirror_application(data: Path, copy: IndexedCopy, trust: bytes) -> web.Application:
    """The application that serves a copied log and its index.

    Args:
        data: the folder of the copy, where the index lies.
        copy: the copy.
        trust: the `trust.json` to serve.
    """
    app = web.Application(middlewares=[answering], client_max_size=1024)
    app[METRICS] = RequestMetrics()
    app[_COPY], app[_TILES], app[_TRUST] = copy, TileReader(copy.objects), trust
    add_index_routes(app, IndexReader(data / FOLDER), copy)
    router = app.router
    router.add_get("/trust.json", _trust)
    router.add_get("/healthz", _health)
    router.add_get("/metrics", _metrics)
    router.add_get("/{log:issuance|statements}/checkpoint", _checkpoint)
    router.add_get("/issuance/issuer/{digest:[0-9a-f]{64}}", _issuer)
    for log in TILES:
        router.add_get(f"/{log}{{level:[0-9]+}}/{{suffix:.+}}", _tile)
    for bundles in BUNDLES:
        router.add_get(f"/{bundles}{{suffix:.+}}", _tile)
    return app


async def _trust(request: web.Request) -> web.Response:
    return web.Response(
        body=request.app[_TRUST], content_type="application/json", headers={"Cache-Control": "no-cache"}
    )


async def _checkpoint(request: web.Request) -> web.Response:
    heads = request.app[_COPY].log.heads
    note = heads.issuance if request.match_info["log"] == "issuance" else heads.statements
    return web.Response(body=note, headers=CHECKPOINT_HEADERS)


async def _tile(request: web.Request) -> web.Response:
    path = request.path[1:]
    packed = is_bundle(path) and "gzip" in request.headers.get("Accept-Encoding", "")
    data = await request.app[_TILES].read(path, packed=packed)
    if data is None:
        raise web.HTTPNotFound
    return web.Response(body=data, headers=tile_headers(packed=packed))


async def _issuer(request: web.Request) -> web.Response:
    data = await request.app[_COPY].objects.get(f"issuance/issuer/{request.match_info['digest']}")
    if data is None:
        raise web.HTTPNotFound
    return web.Response(body=data, content_type="application/pkix-cert", headers={"Cache-Control": IMMUTABLE})


async def _health(request: web.Request) -> web.Response:
    log, state = request.app[_COPY].log, await request.app[INDEX_STATE]()
    return web.json_response(
        {
            "status": "ok" if state is not None else "building",
            "issuance_size": log.issuance.size,
            "statements_size": log.statements.size,
            "time": log.heads.time,
            "head": None if state is None else state.head.leaf,
        },
        headers={"Cache-Control": "no-store"},
    )


class _CopyCollector(Collector):
    """The copy as it stands at the scrape."""

    def __init__(self, copy: IndexedCopy, index: IndexState | None) -> None:
        self._copy = copy
        self._index = index

    def collect(self) -> list[Metric]:
        """One family a fact."""
        log = self._copy.log
        size = GaugeMetricFamily(
            "keystead_tree_size", "Entries under the published checkpoint.", labels=("log",)
        )
        size.add_metric(("issuance",), log.issuance.size)
        size.add_metric(("statements",), log.statements.size)
        return [size, *index_families(self._index, log.issuance.size, time.time_ns() // 1_000_000)]


async def _metrics(request: web.Request) -> web.Response:
    app = request.app
    app[METRICS].flush()
    facts = CollectorRegistry()
    facts.register(_CopyCollector(app[_COPY], await app[INDEX_STATE]()))
    body = generate_latest(app[METRICS].collected()) + generate_latest(facts)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})
