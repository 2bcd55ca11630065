# SPDX-License-Identifier: Apache-2.0
"""Ingest: distinct precertificates a second, admitted in full, durable, answered with proof.

    python tests/bench/bench_ingest.py [--count N] [--connections C] [--period MS] [--evidence SHARE]

Starts the real server on a folder of its own and loads it from this process, on the same machine. Two-certificate
chains; half of the issuers P-256, half RSA-4096. Prints one JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.load import Load, post
from keystead.testvendor.ca import TestCertificateAuthority
from support.world import World


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=800)
    parser.add_argument("--period", type=int, default=200)
    parser.add_argument("--front-ends", type=int, default=2)
    parser.add_argument("--evidence", type=float, default=0.0, help="share of submissions with evidence")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("KEYSTEAD_BENCH_DIR")) as folder:
        print(json.dumps(measure(Path(folder), arguments)))


@dataclass(frozen=True)
class Process:
    """What the kernel says of one process of the server."""

    cpu: float
    rss_mb: float


def processes(server: int) -> dict[str, Process]:
    """The sequencer's process and its front ends, by name."""
    found = {"sequencer": server}
    for number, task in enumerate(sorted(Path(f"/proc/{server}/task/{server}/children").read_text().split())):
        if b"frontend" in Path(f"/proc/{task}/cmdline").read_bytes():
            found[f"front end {number}"] = int(task)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    measured = {}
    for name, process_id in found.items():
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / ticks
        measured[name] = Process(cpu, round(int(fields[21]) * page / 1e6, 1))
    return measured


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Prepare requests, start the server, load it, stop it."""
    world = World(folder / "world")
    world.south = TestCertificateAuthority("South CA", "DE", key="rsa-4096")
    policy = world.write_policy()
    requests = []
    for number in range(arguments.count):
        authority = world.south if number % 2 else world.north
        leaf = world.leaf(f"Organization {number}", serial=10_000_000 + number // 2, authority=authority)
        with_evidence = number % 1000 < 1000 * arguments.evidence
        evidence = (world.evidence(leaf, 10_000_000 + number // 2),) if with_evidence else ()
        requests.append(
            post("/issuance/ct/v1/add-pre-chain", leaf.body(leaf.precertificate, *evidence), "localhost")
        )
    command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(folder / "log")]
    command += [
        "--listen",
        "127.0.0.1:0",
        "--policy",
        str(policy),
        "--period",
        str(arguments.period),
        "--json",
    ]
    command += ["--front-ends", str(arguments.front_ends)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        port = int(url.rpartition(":")[2])
        before = processes(server.pid)
        load = Load.run("127.0.0.1", port, requests, arguments.connections)
        after = processes(server.pid)
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            size = json.load(answer)["issuance_size"]
        server.terminate()
        server.wait()
    spent = {name: round(after[name].cpu - before[name].cpu, 2) for name in after if name in before}
    return {
        "benchmark": "ingest",
        "per_second": round(arguments.count / load.seconds, 1),
        "count": arguments.count,
        "logged": size,
        "statuses": load.statuses,
        "failures": [failure.decode("utf-8", "replace")[:300] for failure in load.failures],
        "evidence_share": arguments.evidence,
        "connections": arguments.connections,
        "period_ms": arguments.period,
        "p50_ms": round(load.percentile(0.5) * 1000, 1),
        "p99_ms": round(load.percentile(0.99) * 1000, 1),
        "server_cpu_s": spent,
        "server_cpu_us_each": round(sum(spent.values()) / arguments.count * 1e6),
        "server_rss_mb": {name: process.rss_mb for name, process in after.items()},
        "client_cpu_s": round(load.client_cpu, 2),
        "seconds": round(load.seconds, 2),
    }


if __name__ == "__main__":
    main()
