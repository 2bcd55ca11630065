# SPDX-License-Identifier: Apache-2.0
"""The monitor's user in the demonstration: follows the log, with vendor anchors of his own, and looks."""

import time
from collections.abc import Sequence

from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.client.trust import parse_trust
from keystead.demo.folder import DemoFolder
from keystead.demo.story import Chapter
from keystead.monitor.findings import Finding
from keystead.monitor.run import MonitoredLog, monitor_once

__all__ = ["Watch", "findings_chapter", "worded"]


class Watch:
    """One monitor, whose state is in the folder.

    Args:
        folder: of the demonstration.
        url: of its log.
    """

    def __init__(self, folder: DemoFolder, url: str) -> None:
        self._folder = folder
        self._url = url

    async def look(self) -> Sequence[Finding]:
        """Catch up with the log, and judge as of now: all findings, settled ones too.

        Raises:
            KeysteadError: the log could not be followed to its end.
        """
        anchors = own_anchors(self._folder.anchors if self._folder.anchors.exists() else None)
        trust = parse_trust(self._folder.trust.read_bytes())
        async with HTTPFetcher(self._url) as fetcher:
            report = await monitor_once(
                self._folder.monitor,
                [MonitoredLog(trust, fetcher)],
                anchors,
                now_ms=time.time_ns() // 1_000_000,
            )
        for log in report.logs:
            if log.error is not None:
                raise log.error
        return report.findings


def findings_chapter(title: str, text: str, findings: Sequence[Finding]) -> Chapter:
    """A chapter about findings: a line each, and each in its own words below."""
    return Chapter(
        title,
        text,
        ("device", "subscribers", "finding"),
        tuple(
            (
                finding.device_text or "",
                ", ".join(subscriber.name for subscriber in finding.subscribers),
                worded(finding),
            )
            for finding in findings
        ),
        tuple(finding.summary for finding in findings),
    )


def worded(finding: Finding) -> str:
    """A finding's state in a few words."""
    if finding.settlement is not None:
        return f"{finding.state.value}: {finding.settlement.how.value}"
    return f"{finding.state.value}, {finding.severity.text}: {finding.rule}, {finding.reason}"
