# SPDX-License-Identifier: Apache-2.0
"""Log and indexer together: how far the index lies behind while certificates with evidence come.

    python tests/bench/bench_indexed_ingest.py [--count N] [--rate N] [--connections C] [--evidence SHARE]

Starts the real server and loads it from this process at `--rate` certificates a second (0: as fast as it answers),
while a second thread asks the index for its head. The lag is the age of the oldest entry that is published and not
covered by the head that is served. Prints one JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.bench_ingest import prepare
from bench.load import Load
from bench.served import serve
from keystead.testvendor.ca import TestCertificateAuthority
from support.world import World

_POLL_S = 0.2


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--front-ends", type=int, default=2)
    parser.add_argument("--evidence", type=float, default=0.5, help="share of submissions with evidence")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("KEYSTEAD_BENCH_DIR")) as folder:
        print(json.dumps(measure(Path(folder), arguments)))


class Follower(threading.Thread):
    """Watches what is published and what the index covers."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._sizes: list[tuple[float, int]] = []
        self.lags: list[float] = []
        self.heads: set[int] = set()
        self.covered = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        """Poll until stopped."""
        while not self.stopped.wait(_POLL_S):
            try:
                with urllib.request.urlopen(f"{self._url}/index/v1/undecodable/", timeout=30) as answer:
                    document = json.load(answer)
            except urllib.error.HTTPError:
                continue  # it is being built
            now = time.monotonic()
            size = int(document["issuance"]["checkpoint"].split("\n")[1])
            head = document["head"]["proof"].split("index ")[1].split("\n")[0]
            self.heads.add(int(head))
            self.covered = self._covered(document["head"]["entry"])
            self._sizes.append((now, size))
            uncovered = [when for when, published in self._sizes if published > self.covered]
            self.lags.append(now - uncovered[0] if uncovered else 0.0)

    @staticmethod
    def _covered(entry: str) -> int:
        payload = json.loads(b64decode(json.loads(b64decode(entry)[9:])["payload"]))
        return int(payload["issuance"]["size"])


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Prepare requests, start the server, load it, and wait until the index has everything."""
    world = World(folder / "world")
    world.south = TestCertificateAuthority("South CA", "DE", key="rsa-4096")
    policy = world.write_policy()
    requests = prepare(world, arguments.count, arguments.evidence)
    with serve(folder / "log", policy, front_ends=arguments.front_ends) as server:
        follower = Follower(server.url)
        follower.start()
        before = server.processes()
        started = time.perf_counter()
        latencies: list[float] = []
        statuses: dict[int, int] = {}
        # A slice a second at most: what is to be seen is a lag that grows.
        each = arguments.rate or arguments.count
        for first in range(0, arguments.count, each):
            began = time.perf_counter()
            load = Load.run("127.0.0.1", server.port, requests[first : first + each], arguments.connections)
            latencies += load.latencies
            for status, number in load.statuses.items():
                statuses[status] = statuses.get(status, 0) + number
            if arguments.rate:
                time.sleep(max(0.0, began + 1 - time.perf_counter()))
        seconds = time.perf_counter() - started
        ended = time.perf_counter()
        while follower.covered < arguments.count and time.perf_counter() < ended + 120:
            time.sleep(_POLL_S)
        behind = time.perf_counter() - ended
        after = server.processes()
        follower.stopped.set()
        follower.join()
    lags = sorted(follower.lags)
    latencies.sort()
    return {
        "benchmark": "indexed ingest",
        "count": arguments.count,
        "per_second": round(arguments.count / seconds, 1),
        "evidence_share": arguments.evidence,
        "statuses": statuses,
        "p99_ms": round(latencies[int(0.99 * (len(latencies) - 1))] * 1000, 1),
        "heads": len(follower.heads),
        "lag_p50_s": round(lags[len(lags) // 2], 2),
        "lag_max_s": round(lags[-1], 2),
        "all_covered_after_s": round(behind, 2),
        "server_cpu_s": {
            name: round(after[name].cpu - before[name].cpu, 2) for name in after if name in before
        },
        "server_rss_mb": {name: process.rss_mb for name, process in after.items()},
        "server_memory_mb": round(sum(process.pss_mb for process in after.values())),
    }


if __name__ == "__main__":
    main()
