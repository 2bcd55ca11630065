# SPDX-License-Identifier: Apache-2.0
"""Ingest: precertificates a second, admitted in full, durable, answered with proof.

    python tests/bench/bench_ingest.py [--count N] [--connections C] [--period MS] [--front-ends F]
                                       [--index-period MS] [--evidence SHARE] [--duplicates]

Starts the real server on a folder of its own and loads it from this process, on the same machine, with requests
that were made beforehand. Two-certificate chains; half of the issuers P-256, half RSA-4096. With `--duplicates`,
everything is sent three times first, so that most front ends have answered most of it, and what is measured is
sending it five times more. Prints one JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.load import Load, post
from bench.served import serve
from keystead.testvendor.ca import TestCertificateAuthority
from support.world import World


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--period", type=int, default=200)
    parser.add_argument("--front-ends", type=int, default=2)
    parser.add_argument("--index-period", type=int, default=1000, help="0: no indexer beside the log")
    parser.add_argument("--evidence", type=float, default=0.0, help="share of submissions with evidence")
    parser.add_argument("--duplicates", action="store_true", help="measure logging everything a second time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("KEYSTEAD_BENCH_DIR")) as folder:
        print(json.dumps(measure(Path(folder), arguments)))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Prepare requests, start the server, load it, stop it."""
    world = World(folder / "world")
    world.south = TestCertificateAuthority("South CA", "DE", key="rsa-4096")
    policy = world.write_policy()
    requests = prepare(world, arguments.count, arguments.evidence)
    with serve(
        folder / "log",
        policy,
        period_ms=arguments.period,
        front_ends=arguments.front_ends,
        index_period_ms=arguments.index_period,
    ) as server:
        if arguments.duplicates:
            for _ in range(3):
                Load.run("127.0.0.1", server.port, requests, arguments.connections)
            requests *= 5
        before, commits = server.processes(), server.commits()
        load = Load.run("127.0.0.1", server.port, requests, arguments.connections)
        after, batches, commit_seconds = server.processes(), *server.commits(commits)
        with urllib.request.urlopen(f"{server.url}/healthz") as answer:
            size = json.load(answer)["issuance_size"]
    spent = {name: round(after[name].cpu - before[name].cpu, 2) for name in after if name in before}
    return {
        "benchmark": "duplicates" if arguments.duplicates else "ingest",
        "per_second": round(len(requests) / load.seconds, 1),
        "count": len(requests),
        "logged": size,
        "statuses": load.statuses,
        "failures": [failure.decode("utf-8", "replace")[:300] for failure in load.failures],
        "evidence_share": arguments.evidence,
        "connections": arguments.connections,
        "period_ms": arguments.period,
        "index_period_ms": arguments.index_period,
        "batches": batches,
        "commit_ms": round(commit_seconds / max(batches, 1) * 1000, 1),
        "p50_ms": round(load.percentile(0.5) * 1000, 1),
        "p99_ms": round(load.percentile(0.99) * 1000, 1),
        "server_cpu_s": spent,
        "server_cpu_us_each": round(sum(spent.values()) / len(requests) * 1e6),
        "server_rss_mb": {name: process.rss_mb for name, process in after.items()},
        "server_memory_mb": round(sum(process.pss_mb for process in after.values())),
        "client_cpu_s": round(load.client_cpu, 2),
        "seconds": round(load.seconds, 2),
    }


def prepare(world: World, count: int, evidence_share: float) -> list[bytes]:
    """Distinct submissions: two certificates a device, the CAs in turn."""
    requests = []
    for number in range(count):
        authority = world.south if number % 2 else world.north
        serial = 10_000_000 + number // 2
        leaf = world.leaf(f"Organization {number}", serial=serial, authority=authority)
        with_evidence = number % 1000 < 1000 * evidence_share
        evidence = (world.evidence(leaf, serial),) if with_evidence else ()
        body = leaf.body(leaf.precertificate, *evidence)
        requests.append(post("/issuance/ct/v1/add-pre-chain", body, "localhost"))
    return requests


if __name__ == "__main__":
    main()
