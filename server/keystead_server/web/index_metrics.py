# SPDX-License-Identifier: Apache-2.0
"""What `/metrics` says of the device index (`specs/api.md`, section "Metrics"): read at each scrape from its files."""

from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from keystead_server.index.reader import IndexState

__all__ = ["INDEX_STATE", "index_families"]

INDEX_STATE: web.AppKey[Callable[[], Awaitable[IndexState | None]]] = web.AppKey("index_state")
"""Reads the state of the index that an application serves; None where there is none yet."""


def index_families(state: IndexState | None, issuance_size: int, now_ms: int) -> Iterator[Metric]:
    """One family a fact; none without an index.

    Args:
        state: of the index.
        issuance_size: of the log that is indexed.
        now_ms: the clock.
    """
    if state is None:
        return
    head, figures = state
    size = GaugeMetricFamily(
        "keystead_index_size", "Entries that the served head of the index covers.", labels=("log",)
    )
    size.add_metric(("issuance",), head.issuance_size)
    size.add_metric(("statements",), head.statements_size)
    yield size
    yield GaugeMetricFamily(
        "keystead_index_lag",
        "Published issuance entries that it does not cover.",
        max(0, issuance_size - head.issuance_size),
    )
    yield GaugeMetricFamily(
        "keystead_index_head_age_seconds", "Since that head was logged.", max(0, now_ms - head.time) / 1000
    )
    yield GaugeMetricFamily("keystead_index_keys", "Keys in the map.", figures.keys)
    yield CounterMetricFamily(
        "keystead_index_batches", "Versions of the map computed since the index was begun.", figures.batches
    )
    yield CounterMetricFamily(
        "keystead_index_batch_seconds", "Time spent in reading entries and computing them.", figures.seconds
    )
