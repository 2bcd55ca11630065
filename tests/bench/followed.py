# SPDX-License-Identifier: Apache-2.0
"""Follows the log in a folder with a new monitor, in a process of its own, and prints what that took: one JSON line.

    python tests/bench/followed.py FOLDER STATE --now MS [--jobs N]

Apart from the process that made the log, so that its memory does not count. With one job it keeps to one core.
"""

import argparse
import asyncio
import json
import os
import resource
import time
from pathlib import Path

from keystead.client.fetcher import FolderFetcher
from keystead.client.trust import parse_trust
from keystead.monitor.run import MonitoredLog, monitor_once
from keystead.monitor.store import DATABASE
from keystead.testvendor.vendor import TestVendor


def main() -> None:
    """Follow and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--now", type=int, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.jobs == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    log = MonitoredLog(
        parse_trust((arguments.folder / "trust.json").read_bytes()), FolderFetcher(arguments.folder)
    )
    anchors = TestVendor("history", key="ec-p256").anchors()  # that of `support.history`
    cpu, started = _cpu_seconds(), time.perf_counter()
    report = asyncio.run(
        monitor_once(arguments.state, [log], anchors, now_ms=arguments.now, jobs=arguments.jobs)
    )
    elapsed, spent = time.perf_counter() - started, _cpu_seconds() - cpu
    assert report.logs[0].error is None, report.logs[0].error
    count = report.logs[0].issuance_size
    # Kilobytes on Linux; of the processes beside this one the largest is known, and all are alike.
    own, others = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        json.dumps(
            {
                "entries": count,
                "findings": len(report.findings),
                "seconds": round(elapsed, 2),
                "cpu_seconds": round(spent, 2),
                "per_second": round(count / elapsed),
                "per_cpu_second": round(count / spent),
                "peak_memory_mb": round((own + others * arguments.jobs * (arguments.jobs > 1)) / 1024),
                "state_bytes_per_entry": round((arguments.state / DATABASE).stat().st_size / count),
            }
        )
    )


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


if __name__ == "__main__":
    main()
