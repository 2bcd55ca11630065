# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics at `/metrics` (`specs/api.md`, section "Metrics").

Requests are counted in the process that answers them. With several front ends they count in files that all of
them map (the library's multi-process mode, which `frontend.pool` turns on), so that each answers for all. What
concerns the log itself is read at each scrape: it has one truth.

Route names, not paths, are labels: strangers choose paths, and each would be a new time series.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from keystead_server.index.reader import IndexState
from keystead_server.intake.interface import Health
from keystead_server.web.index_metrics import INDEX_STATE, index_families
from keystead_server.web.service import SERVICE, LogService
from keystead_server.witness.report import WitnessReport

__all__ = ["METRICS", "RequestMetrics", "add_metrics_route"]

_METHODS = frozenset({"GET", "HEAD", "POST"})
_FLUSH_SECONDS = 1.0
_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class RequestMetrics:
    """What one process counts of the requests that it answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "keystead_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "keystead_request_seconds",
            "From a submission's headers to its answer: it waits for its batch.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.index_answers = Counter(
            "keystead_index_answers",
            "Questions to the index answered.",
            ("outcome",),
            registry=self.registry,
        )
        self._counted: dict[tuple[str, str, int], int] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer.

        In this process first, and only `flush` tells the library: with several front ends its counters lie in
        mapped files, where each step costs as much as a tenth of answering with a tile.
        """
        key = (method if method in _METHODS else "other", route, status)
        self._counted[key] = self._counted.get(key, 0) + 1
        if method == "POST":
            self.seconds.labels(route).observe(seconds)

    def flush(self) -> None:
        """Hand on what was counted since the last time."""
        counted, self._counted = self._counted, {}
        for (method, route, status), number in counted.items():
            self.requests.labels(method, route, str(status)).inc(number)

    def collected(self) -> CollectorRegistry:
        """A registry with the counts of all front ends, or of this process where it is alone."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self.registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


METRICS: web.AppKey[RequestMetrics] = web.AppKey("metrics", RequestMetrics)


class _LogCollector(Collector):
    """The log itself, as it stands at the scrape."""

    def __init__(self, service: LogService, health: Health, index: IndexState | None) -> None:
        self._service = service
        self._health = health
        self._index = index

    def collect(self) -> Iterator[Metric]:
        """One family a fact."""
        log, health = self._service.log, self._health
        size = GaugeMetricFamily(
            "keystead_tree_size", "Entries under the published checkpoint.", labels=("log",)
        )
        size.add_metric(("issuance",), log.issuance.size)
        size.add_metric(("statements",), log.statements.size)
        yield size
        yield GaugeMetricFamily(
            "keystead_last_batch_timestamp_seconds", "The time of the last batch.", log.heads.time / 1000
        )
        yield GaugeMetricFamily(
            "keystead_pool_operations", "Operations waiting to be sequenced.", health.waiting
        )
        yield GaugeMetricFamily(
            "keystead_recovering", "1 while the log cannot write and is recovering.", int(health.wounded)
        )
        yield CounterMetricFamily("keystead_batches", "Batches committed since the start.", health.batches)
        yield CounterMetricFamily(
            "keystead_commit_seconds", "Time spent in building and committing them.", health.commit_seconds
        )
        yield CounterMetricFamily("keystead_recoveries", "Recoveries since the start.", health.recoveries)
        yield GaugeMetricFamily(
            "keystead_quorum_missing",
            "1 while what is committed waits for its witnesses.",
            int(health.waits_for_witnesses is not None),
        )
        yield from _witness_metrics(health.witnesses)
        yield from index_families(self._index, log.issuance.size, time.time_ns() // 1_000_000)


def _witness_metrics(reports: Sequence[WitnessReport]) -> Iterator[Metric]:
    labels = ("witness", "log")
    cosigning = GaugeMetricFamily(
        "keystead_witness_cosigning", "1 while the last request got a cosignature.", labels=labels
    )
    cosignatures = CounterMetricFamily(
        "keystead_witness_cosignatures", "Cosignatures since the start.", labels=labels
    )
    last = GaugeMetricFamily(
        "keystead_witness_last_cosignature_timestamp_seconds",
        "The time of the last cosignature, as the witness states it.",
        labels=labels,
    )
    failures = CounterMetricFamily(
        "keystead_witness_failures", "Requests that got none, since the start.", labels=(*labels, "reason")
    )
    for report in reports:
        who = (report.witness, report.log)
        cosigning.add_metric(who, int(report.failing is None and report.cosignatures > 0))
        cosignatures.add_metric(who, report.cosignatures)
        last.add_metric(who, report.time)
        for reason, count in report.failures:
            failures.add_metric((*who, reason), count)
    yield from (cosigning, cosignatures, last, failures)


def add_metrics_route(app: web.Application) -> None:
    """Add `/metrics` to `app`."""
    app[METRICS] = RequestMetrics()
    app.router.add_get("/metrics", _metrics)
    app.cleanup_ctx.append(_flushing)


async def _flushing(app: web.Application) -> AsyncIterator[None]:
    """Flush every second, so that the other front ends answer for this one, too."""

    async def flush() -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            app[METRICS].flush()

    task = asyncio.create_task(flush())
    yield
    task.cancel()


async def _metrics(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    request.app[METRICS].flush()
    facts = CollectorRegistry()
    index = await request.app[INDEX_STATE]()
    facts.register(_LogCollector(service, await service.intake.health(), index))
    body = generate_latest(request.app[METRICS].collected()) + generate_latest(facts)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})
