# SPDX-License-Identifier: Apache-2.0
"""The real server under a benchmark: started as an operator would, and measured as the kernel sees it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "Served", "serve"]


@dataclass(frozen=True)
class Process:
    """What the kernel says of one process of the server.

    Attributes:
        cpu: seconds, in user and kernel mode.
        rss_mb: memory that it has.
        pss_mb: the same, with each page divided by how many processes have it: these add up.
    """

    cpu: float
    rss_mb: float
    pss_mb: float


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        url: its base URL.
        port: where it listens.
        process_id: of the sequencer's process.
        start_seconds: from the command to its being ready.
    """

    url: str
    port: int
    process_id: int
    start_seconds: float

    def processes(self) -> dict[str, Process]:
        """The sequencer's process, its front ends and its indexer, by name."""
        server = self.process_id
        found = {"sequencer": server}
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for number, task in enumerate(sorted(children)):
            command = Path(f"/proc/{task}/cmdline").read_bytes()
            if b"frontend" in command:
                found[f"front end {number}"] = int(task)
            elif b"keystead_server.index" in command:
                found["indexer"] = int(task)
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        measured = {}
        for name, process_id in found.items():
            fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
            cpu = (int(fields[11]) + int(fields[12])) / ticks
            rollup = Path(f"/proc/{process_id}/smaps_rollup").read_text().split("\n")
            pss = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
            measured[name] = Process(cpu, round(int(fields[21]) * page / 1e6, 1), round(pss * 1024 / 1e6, 1))
        return measured

    def commits(self, since: tuple[int, float] = (0, 0.0)) -> tuple[int, float]:
        """How many batches were committed, and the seconds that building and committing them took."""
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        batches = int(float(figures["keystead_batches_total"]))
        return batches - since[0], float(figures["keystead_commit_seconds_total"]) - since[1]


@contextmanager
def serve(
    folder: Path,
    policy: Path | None,
    *,
    period_ms: int = 200,
    front_ends: int = 2,
    index_period_ms: int = 1000,
) -> Iterator[Served]:
    """`keystead serve` on `folder` until the block ends, on a free port."""
    command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(folder), "--json"]
    command += ["--listen", "127.0.0.1:0", "--period", str(period_ms), "--front-ends", str(front_ends)]
    command += ["--index-period", str(index_period_ms)]
    command += ["--policy", str(policy)] if policy is not None else []
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None:
            raise RuntimeError("the server has no standard output")
        url = json.loads(server.stdout.readline())["url"]
        try:
            yield Served(url, int(url.rpartition(":")[2]), server.pid, time.perf_counter() - started)
        finally:
            server.terminate()
            server.wait()
