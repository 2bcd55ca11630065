# SPDX-License-Identifier: Apache-2.0
"""A large log: how long a restart takes, and how much memory the server has.

    python tests/bench/bench_restart.py [--entries N]

Fills a log through the engine (batches of 5,000 entries, without HTTP and admission), then starts the real server
on it. Prints one JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.served import serve
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead_server.configuration import read_policy_file
from keystead_server.log.batch import LogIdentity
from keystead_server.log.creation import create_log
from keystead_server.log.keys import load_keys
from keystead_server.log.open_log import OpenLog
from keystead_server.log.operations import AddEntry
from keystead_server.log.snapshot import Stores
from keystead_server.settings import Settings
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.sqlite import SQLiteHeadStore
from support.world import World

BATCH = 5_000


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("KEYSTEAD_BENCH_DIR")) as folder:
        print(json.dumps(measure(Path(folder), arguments.entries)))


def measure(folder: Path, count: int) -> dict[str, object]:
    """Fill, start, look."""
    world = World(folder / "world")
    policy = world.write_policy()
    data = folder / "log"
    data.mkdir()

    def open_stores() -> Stores:
        path = data / "log.sqlite"
        heads = SQLiteHeadStore(path) if path.exists() else SQLiteHeadStore.create(path)
        return Stores(DirectoryBlobStore(data), heads)

    create_log(
        data,
        Settings("bench.example", "http://bench.example"),
        read_policy_file(policy),
        open_stores,
        time.time_ns() // 1_000_000,
    )
    log = OpenLog(LogIdentity("bench.example", load_keys(data / "keys")), open_stores)
    entries = template(world)
    started = time.perf_counter()
    for start in range(0, count, BATCH):
        batch = log.commit(
            [entries(number) for number in range(start, start + BATCH)], time.time_ns() // 1_000_000
        )
        log.apply(batch)
        if sys.stderr.isatty():
            print(f"\r{start + BATCH:,} of {count:,}", end="", file=sys.stderr)
    filled = time.perf_counter() - started
    log.close()
    with serve(data, policy, front_ends=2) as server:
        processes = server.processes()
        seconds = server.start_seconds
    return {
        "benchmark": "restart",
        "entries": count,
        "restart_seconds": round(seconds, 2),
        "restart_cpu_s": {name: round(process.cpu, 2) for name, process in processes.items()},
        "server_rss_mb": {name: process.rss_mb for name, process in processes.items()},
        "server_memory_mb": round(sum(process.pss_mb for process in processes.values())),
        "fill_per_second": round(count / filled),
    }


def template(world: World):
    """Entries that differ in eight bytes of their subject."""
    leaf = world.leaf("Organization 00000000", serial=7)
    certificate = parse_certificate(leaf.precertificate)
    tbs = log_tbs(certificate)
    issuer = leaf.authority.issuer_key_hash
    chain = tuple((sha256(der).digest(), der) for der in leaf.authority.chain)

    def entry(number: int) -> AddEntry:
        changed = tbs.replace(b"00000000", b"%08d" % number)
        identity = certificate_id(issuer, changed)
        return AddEntry(1, changed, issuer, leaf.precertificate, chain, identity, identity, 0)

    return entry


if __name__ == "__main__":
    main()
