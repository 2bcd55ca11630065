# SPDX-License-Identifier: Apache-2.0
"""Reading the index as a client does, every proof checked; each figure is a JSON line.

    python tests/bench/bench_lookup.py [--entries N] [--certificates N]

First a whole history of `--entries` page by page, which costs the page and no more memory than that. Then everything
about a device with `--certificates` certificates, attested each: histories, entries, statements, evidence, all judged.
Answers are made in the same process; what that costs is told apart.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keystead.index.answer import IndexAnswer
from keystead.index.kinds import IndexKind, Subject, index_key
from keystead.index.map_build import build_map
from keystead.index.map_nodes import memory_nodes
from keystead.index.map_prove import prove
from keystead.lookup.log_index import LogIndex
from keystead.lookup.look_up import look_up
from keystead.lookup.questions import Question, QuestionKind
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import IndexHead, sign_statement
from keystead.tlog.checkpoint import Checkpoint, sign_checkpoint
from keystead_server.index.database import IndexDatabase
from keystead_server.index.histories import Histories
from support.audited_history import AuditedHistory
from support.history import yubikey
from support.looked_up import index_of
from support.memory_log import MemoryLog

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x01" * 32)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--certificates", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long = LongHistory(Path(folder), arguments.entries)
        tell(asyncio.run(read_history(long)))
        tell(asyncio.run(read_memory(long)))
    tell(asyncio.run(read_device(arguments.certificates)))


def tell(line: dict[str, Any]) -> None:
    """Print one figure."""
    print(json.dumps({"benchmark": "lookup", **line}), flush=True)


class LongHistory:
    """A log whose index has one long history: every other issuance entry.

    The entries themselves are not there: the head and the checkpoint name a root that nobody asks about.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.count = count
        self.seconds = 0.0
        database = IndexDatabase(folder / "index.sqlite", writable=True)
        self._histories = Histories(database)
        with database.transaction():
            for start in range(0, count, 100_000):
                entries = list(range(2 * start, 2 * min(count, start + 100_000), 2))
                values = self._histories.extend({index_key(DEVICE): entries})
        nodes = memory_nodes()
        version = build_map(nodes, list(values.items()))
        self._proof = prove(nodes, version.top, index_key(DEVICE)).proof
        self.log = log = MemoryLog()
        log.add_statement_entry(b"something")
        head = IndexHead(
            log=log.statements.origin,
            issued=log.now_ms // 1000,
            issuance_origin=log.issuance.origin,
            issuance_size=2 * count,
            issuance_root=bytes(32),
            statements_size=1,
            map_root=version.root,
        )
        self._head = StatementEntry(log.now_ms, sign_statement(log.statement_key, head)).encode()
        place = log.add_statement_entry(self._head)
        log.publish()
        self._head_proof = log.statements.proof(place).encode()
        self._checkpoint = sign_checkpoint(
            Checkpoint(log.issuance.origin, 2 * count, bytes(32)),
            log.issuance.key,
            sct_key=log.sct_key,
            timestamp=log.now_ms,
        )

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        """An answer."""
        started = time.process_time()
        asked = dict(parse_qsl(urlsplit(path).query))
        size = int(asked["limit"])
        first = int(asked.get("from", max(0, self.count - size)))
        page = self._histories.page(index_key(DEVICE), self.count, first, size)
        answer = IndexAnswer(
            DEVICE, page, self._proof, self._head, self._head_proof, self._checkpoint, ()
        ).encode()
        self.seconds += time.process_time() - started
        return answer

    async def read(self) -> int:
        """Read all of it; how many pages."""
        index = LogIndex(self.log.trust, self, clock=lambda: self.log.now_ms)
        snapshot = await index.open(DEVICE, keep=False)
        pages = seen = 0
        async for answer in snapshot.pages(DEVICE):
            pages += 1
            seen += len(answer.answer.page.entries)
        assert seen == self.count
        return pages


async def read_history(long: LongHistory) -> dict[str, Any]:
    """The client's time for all pages."""
    started, long.seconds = time.process_time(), 0.0
    pages = await long.read()
    seconds = time.process_time() - started - long.seconds
    return {
        "what": "a whole history, verified page by page",
        "entries": long.count,
        "pages": pages,
        "client_cpu_s": round(seconds, 2),
        "ms_a_page": round(seconds / pages * 1000, 2),
        "entries_a_second": round(long.count / seconds),
    }


async def read_memory(long: LongHistory) -> dict[str, Any]:
    """The greatest memory that reading it takes, of client and answers together."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await long.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "what": "memory for a whole history",
        "entries": long.count,
        "peak_kb": round((peak - before) / 1000),
    }


async def read_device(count: int) -> dict[str, Any]:
    """Everything about a busy device."""
    history = AuditedHistory()
    with history.one_batch():
        for number in range(count):
            history.certificate(f"Company {number}", serial=1)
    _, index = index_of(history)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    report = await look_up(Question(QuestionKind.DEVICE, yubikey(1)), [index], history.anchors)
    seconds = time.process_time() - started
    assert report.good
    assert len(report.certificates) == count
    return {
        "what": "everything about a device, judged; with the answers made",
        "certificates": count,
        "cpu_s": round(seconds, 2),
        "ms_a_certificate": round(seconds / count * 1000, 2),
        "memory_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000),
    }


if __name__ == "__main__":
    main()
