# SPDX-License-Identifier: Apache-2.0
"""The device index at size: the map alone, and with the histories on disk; each figure is a JSON line.

    python tests/bench/bench_index.py [--keys N] [--map-keys N] [--batches N] [--folder DIR]

The map alone is built in memory from keys in any order. Then an index of `--keys` histories is made in a folder, some
of them with many entries, one with a million. A writer process takes a batch of changes a second while a reader process
looks histories up, as front ends do; both are measured. Last the writer is killed, and the index opened again.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from keystead.index.answer import IndexAnswer
from keystead.index.kinds import IndexKind, Subject, index_key
from keystead.index.map_build import build_map
from keystead.index.map_nodes import memory_nodes
from keystead.index.map_update import update_map
from keystead.tlog.merkle import CompactRange
from keystead_server.index.database import HeadRow, IndexDatabase
from keystead_server.index.histories import Histories
from keystead_server.index.log_tail import encode_edge
from keystead_server.index.reader import IndexReader
from keystead_server.index.replica import DATABASE
from keystead_server.index.versions import Versions, new_generation

HOT = 200
"""Keys that grow in every batch: one of a million entries, the others of ten thousand."""

BATCH = 1_000
PREFIXES = 1 << 12
"""Keys are made in so many slices, each sorted by itself, so that ten million need not be sorted at once."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--map-keys", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the index is made; a temporary folder"
    )
    arguments = parser.parse_args()
    tell(map_alone(arguments.map_keys))
    folder = Path(tempfile.mkdtemp(dir=arguments.folder or os.environ.get("KEYSTEAD_BENCH_DIR")))
    try:
        tell(make(folder, arguments.keys))
        for line in work(folder, arguments.keys, arguments.batches):
            tell(line)
        tell(restart(folder, arguments.keys))
    finally:
        shutil.rmtree(folder)


def tell(line: dict[str, Any]) -> None:
    """Print one figure."""
    print(json.dumps({"benchmark": "index", **line}), flush=True)


def memory() -> dict[str, float]:
    """Megabytes of this process: its own, and pages of files that it maps, which the kernel can take back."""
    fields = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
    )
    return {
        name: round(int(fields[field].split()[0]) / 1024, 1)
        for name, field in (("rss_mb", "VmRSS"), ("own_mb", "RssAnon"), ("mapped_mb", "RssFile"))
    }


def map_alone(count: int) -> dict[str, Any]:
    """Keys a second, built from nothing, sorting included; and one batch."""
    chance = random.Random(1)
    content = {chance.randbytes(32): bytes(40) for _ in range(count)}
    nodes = memory_nodes()
    started, cpu = time.perf_counter(), time.process_time()
    version = build_map(nodes, ((key, content[key]) for key in sorted(content)))
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    changes = {chance.randbytes(32): bytes(40) for _ in range(BATCH)}
    cpu = time.process_time()
    update_map(nodes, version, changes)
    return {
        "what": "the map alone, in memory",
        "keys": count,
        "per_second": round(count / seconds),
        "per_cpu_second": round(count / spent),
        "batch_of_1000_ms": round((time.process_time() - cpu) * 1000, 1),
    }


def hot_key(number: int) -> bytes:
    """A key that grows in every batch."""
    return index_key(Subject(IndexKind.DEVICE_CERTIFICATES, number.to_bytes(32)))


def slices(count: int) -> Iterator[list[bytes]]:
    """`count` keys, ascending, some at a time."""
    chance = random.Random(2)
    each = max(1, count // PREFIXES)
    for prefix in range(PREFIXES):
        yield sorted(
            (prefix << 4 | chance.getrandbits(4)).to_bytes(2) + chance.randbytes(30) for _ in range(each)
        )


def make(folder: Path, count: int) -> dict[str, Any]:
    """Fill the histories, build the map over them, and bring it to disk."""
    database = IndexDatabase(folder / DATABASE, writable=True)
    nothing = encode_edge(CompactRange())
    database.write_build(new_generation(), nothing, nothing)
    histories = Histories(database)
    entry = 0
    started = time.perf_counter()
    with database.transaction():
        histories.extend(
            {hot_key(number): range(1_000_000 if number == 0 else 10_000) for number in range(HOT)}
        )
    for keys in slices(count):
        with database.transaction():
            histories.extend({key: [entry + number] for number, key in enumerate(keys)})
        entry += len(keys)
    filled = time.perf_counter()
    versions = Versions(folder, database, database.generation() or "")
    version = build_map(versions.nodes, histories.values())
    built = time.perf_counter()
    versions.adopt(_row(0, version.top, version.root), version, 0)
    versions.make_durable()
    synced = time.perf_counter()
    found = {
        "what": "an index made in a folder",
        "keys": database.figures().keys,
        "histories_seconds": round(filled - started, 1),
        "map_seconds": round(built - filled, 1),
        "map_keys_per_second": round(count / (built - filled)),
        "sync_seconds": round(synced - built, 1),
        "disk_mb": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6),
    }
    versions.close()
    database.close()
    return found


def _row(leaf: int, top: int, root: bytes) -> HeadRow:
    nothing = encode_edge(CompactRange())
    return HeadRow(leaf, leaf * 1000, nothing, nothing, root, top)


def work(folder: Path, count: int, batches: int) -> Iterator[dict[str, Any]]:
    """Batches in one process, lookups in another, at once."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    reader = context.Process(target=look_up, args=(folder, count, theirs))
    reader.start()
    ours.recv()  # it has begun
    ours_too, theirs_too = context.Pipe()
    writer = context.Process(target=write, args=(folder, count, batches, theirs_too))
    writer.start()
    yield ours_too.recv()
    ours.send("stop")
    yield ours.recv()
    reader.join()
    writer.kill()
    writer.join()


def write(folder: Path, count: int, batches: int, tell_to: Connection) -> None:
    """A batch of a thousand keys a second: the hot ones, some that are there, and new ones."""
    database = IndexDatabase(folder / DATABASE, writable=True)
    histories = Histories(database)
    versions = Versions(folder, database, database.generation() or "")
    chance = random.Random(3)
    known = [keys[0] for keys in slices(count)]
    entry = 100_000_000
    walls, cpus, maps = [], [], []
    for number in range(1, batches + 1):
        began = time.perf_counter()
        keys = [hot_key(hot) for hot in range(HOT)]
        keys += chance.sample(known, 300)
        keys += [chance.randbytes(32) for _ in range(BATCH - len(keys))]
        changes = {key: [entry + at] for at, key in enumerate(keys)}
        entry += len(keys)
        wall, cpu = time.perf_counter(), time.process_time()
        with database.transaction():
            values = histories.extend(changes)
        between = time.process_time()
        version = update_map(versions.nodes, versions.version, values)
        maps.append(time.process_time() - between)
        versions.adopt(_row(number, version.top, version.root), version, number * 1000)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        time.sleep(max(0.0, began + 1 - time.perf_counter()))
    tell_to.send(
        {
            "what": "a batch of 1,000 keys, histories and map, while lookups go on",
            "keys": count,
            "hot_keys": HOT,
            "batches": batches,
            **{f"{name}_ms": _spread(values) for name, values in (("wall", walls), ("cpu", cpus))},
            "map_cpu_ms": _spread(maps),
            **memory(),
        }
    )
    time.sleep(600)  # until it is killed


def look_up(folder: Path, count: int, talk: Connection) -> None:
    """Histories, present and absent, short and long, as fast as they come."""
    reader = IndexReader(folder)
    chance = random.Random(4)
    hot = [Subject(IndexKind.DEVICE_CERTIFICATES, number.to_bytes(32)) for number in range(HOT)]
    cpus: list[float] = []
    sizes: list[int] = []
    long: list[float] = []
    talk.send("begun")
    while not talk.poll():
        if chance.random() < 0.5:
            subject = chance.choice(hot)
            first, limit = chance.choice([(None, 100), (chance.randrange(9_000), 100)])
        else:
            subject = Subject(IndexKind.DEVICE_CERTIFICATES, chance.randbytes(32))
            first, limit = None, 100
        cpu = time.process_time()
        answer(reader, subject, first, limit, sizes)
        cpus.append(time.process_time() - cpu)
        cpu = time.process_time()
        answer(reader, hot[0], chance.randrange(999_000), 1000, sizes)
        long.append(time.process_time() - cpu)
        time.sleep(0.005)
    talk.send(
        {
            "what": "lookups while batches go on",
            "keys": count,
            "lookups": len(cpus),
            "cpu_ms": _spread(cpus),
            "page_of_1000_in_a_million_cpu_ms": _spread(long),
            "longest_map_proof_bytes": max(sizes),
            **memory(),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }
    )


def answer(reader: IndexReader, subject: Subject, first: int | None, limit: int, sizes: list[int]) -> bytes:
    """What a front end does for a lookup, beside HTTP: the head's own proofs are the same for every answer."""
    found = reader.find(subject, first, limit, None, 0)
    sizes.append(len(found.map_proof))
    return IndexAnswer(
        subject, found.page, found.map_proof, b"e" * 900, "p" * 2000, b"c" * 400, (bytes(32),) * 20
    ).encode()


def restart(folder: Path, count: int) -> dict[str, Any]:
    """After a kill: from nothing in memory to the first answer, and to the next batch."""
    started = time.perf_counter()
    reader = IndexReader(folder)
    reader.find(Subject(IndexKind.DEVICE_CERTIFICATES, bytes(32)), None, 100, None, 0)
    first = time.perf_counter() - started
    database = IndexDatabase(folder / DATABASE, writable=True)
    versions = Versions(folder, database, database.generation() or "")
    opened = time.perf_counter() - started
    with database.transaction():
        values = Histories(database).extend({hot_key(0): [200_000_000]})
    update_map(versions.nodes, versions.version, values)
    ready = time.perf_counter() - started
    versions.close()
    database.close()
    reader.close()
    return {
        "what": "a restart after a kill",
        "keys": count,
        "first_answer_s": round(first, 3),
        "indexer_open_s": round(opened, 3),
        "first_batch_s": round(ready, 3),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 2),
        "max": round(ordered[-1] * 1000, 2),
    }


if __name__ == "__main__":
    main()
