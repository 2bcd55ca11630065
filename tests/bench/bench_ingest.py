# SPDX-License-Identifier: Apache-2.0
"""Ingest: distinct precertificates a second, admitted in full, durable, answered with proof.

    python tests/bench/bench_ingest.py [--count N] [--connections C] [--period MS] [--evidence SHARE]

Starts the real server on a folder of its own and loads it from this process, on the same machine. Two-certificate
chains; half of the issuers P-256, half RSA-4096. Prints one JSON line.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.load import Load, post  # noqa: E402
from support.world import World  # noqa: E402

from keystead.testvendor.ca import TestCertificateAuthority  # noqa: E402


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
    command += ["--listen", "127.0.0.1:0", "--policy", str(policy), "--period", str(arguments.period), "--json"]
    command += ["--front-ends", str(arguments.front_ends)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        port = int(url.rpartition(":")[2])
        load = Load.run("127.0.0.1", port, requests, arguments.connections)
        with urllib.request.urlopen(f"{url}/healthz") as answer:  # noqa: S310 - our own server
            size = json.load(answer)["issuance_size"]
        server.terminate()
        server.wait()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
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
        "server_cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "server_max_rss_mb": round(usage.ru_maxrss / 1024, 1),
        "client_cpu_s": round(load.client_cpu, 2),
        "seconds": round(load.seconds, 2),
    }


if __name__ == "__main__":
    main()
