# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics at `/metrics` (`specs/api.md`, section "Metrics").

Requests are counted in the process that answers them. With several front ends they count in files that all of
them map (the library's multi-process mode, which `frontend.pool` turns on), so that each answers for all. What
concerns the log itself is read at each scrape: it has one truth.

Route names, not paths, are labels: strangers choose paths, and each would be a new time series.
"""

import os
from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from keystead_server.intake.interface import Health
from keystead_server.web.service import SERVICE, LogService

__all__ = ["METRICS", "RequestMetrics", "add_metrics_route"]

_METHODS = frozenset({"GET", "HEAD", "POST"})
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
            "From a request's headers to its answer; a submission waits for its batch.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. Finding a label's series costs more than counting in it, so they are kept."""
        key = (method if method in _METHODS else "other", route, status)
        series = self._counted.get(key)
        if series is None:
            series = (self.requests.labels(key[0], route, str(status)), self.seconds.labels(route))
            self._counted[key] = series
        series[0].inc()
        series[1].observe(seconds)

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

    def __init__(self, service: LogService, health: Health) -> None:
        self._service = service
        self._health = health

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


def add_metrics_route(app: web.Application) -> None:
    """Add `/metrics` to `app`."""
    app[METRICS] = RequestMetrics()
    app.router.add_get("/metrics", _metrics)


async def _metrics(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    facts = CollectorRegistry()
    facts.register(_LogCollector(service, await service.intake.health()))
    body = generate_latest(request.app[METRICS].collected()) + generate_latest(facts)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})
