# SPDX-License-Identifier: Apache-2.0
"""Tile reads: full hash tiles a second, from memory, by wrk (Debian's package) on the same machine.

    python tests/bench/bench_reads.py [--seconds S] [--front-ends F] [--connections C]

Prints one JSON line with the rate and the rate for each second of server CPU: the load client and the server
share the machine, so the second figure is what one core of the server does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.bench_ingest import prepare
from bench.load import Load
from bench.served import serve
from support.world import World


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--front-ends", type=int, default=1)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("KEYSTEAD_BENCH_DIR")) as folder:
        print(json.dumps(measure(Path(folder), arguments)))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Fill one tile, then read it."""
    world = World(folder / "world")
    with serve(folder / "log", world.write_policy(), period_ms=5, front_ends=arguments.front_ends) as server:
        Load.run("127.0.0.1", server.port, prepare(world, 300, 0), 100)
        before = server.processes()
        printed = subprocess.run(
            [
                "wrk",
                "-t1",
                f"-c{arguments.connections}",
                f"-d{arguments.seconds}",
                f"{server.url}/issuance/tile/0/000",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        after = server.processes()
    if "Non-2xx" in printed:
        raise SystemExit(f"the server answered with errors: {printed}")
    count = int(next(line for line in printed.splitlines() if "requests in" in line).split()[0])
    spent = sum(after[name].cpu - before[name].cpu for name in after)
    return {
        "benchmark": "tile reads",
        "per_second": round(count / arguments.seconds, 1),
        "per_second_of_server_cpu": round(count / spent, 1),
        "front_ends": arguments.front_ends,
        "connections": arguments.connections,
    }


if __name__ == "__main__":
    main()
