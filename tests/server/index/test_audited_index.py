# SPDX-License-Identifier: Apache-2.0
"""An audit of a log that runs: every head of its index is rebuilt, over HTTP and from its folder, and found right."""

import asyncio
from pathlib import Path

from keystead.audit.run import AuditOptions, audit_log
from keystead.client.fetcher import FolderFetcher
from keystead.client.http import HTTPFetcher
from support.index_replay import check_heads
from support.running_log import RunningLog, running_log


async def log_some(log: RunningLog, first: int, count: int) -> None:
    """Log certificates with evidence, and every third one's precertificate before."""
    for number in range(first, first + count):
        serial = 5_000_001 + number % 4
        leaf = log.world.leaf(f"Company {number}", serial=serial)
        if number % 3 == 0:
            await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, serial)))
        await log.add_chain(leaf.body(leaf.certificate(), log.world.evidence(leaf, serial)))


async def test_every_head(tmp_path: Path) -> None:
    """Continued over HTTP while the log grows, then from the folder at once: all heads are right, each was compared."""
    checked = 0
    async with running_log(tmp_path, index_period_ms=20) as log:
        anchors = log.world.vendor.anchors()
        for round_ in range(3):
            await log_some(log, 10 * round_, 10)
            async with asyncio.timeout(60):
                while (await log.get("/index/v1/policies/")).status != 200:
                    await asyncio.sleep(0.02)
            async with HTTPFetcher(log.server.url) as fetcher:
                report = await audit_log(fetcher, log.trust, AuditOptions(anchors, state=tmp_path / "state"))
            assert report.ok, report.problems
            assert report.kept
            checked += report.heads_checked
        trust = log.trust
    heads = check_heads(tmp_path / "log")
    report = await audit_log(FolderFetcher(tmp_path / "log"), trust, AuditOptions(anchors))
    assert report.ok, report.problems
    assert report.heads_checked == len(heads)
    assert 1 <= checked <= len(heads)
