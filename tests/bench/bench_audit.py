# SPDX-License-Identifier: Apache-2.0
"""Audit: entries a second, for hashing and tiles alone and with everything checked. Prints one JSON line.

    python tests/bench/bench_audit.py [--hashed N] [--checked N] [--evidence SHARE] [--batch N] [--every K] [--jobs J]

Audits logs from folders, with the code that the command line runs. `hashed`: entries of the size of precertificates
with two-certificate chains, hashed and compared with the tiles of every level. `checked`: distinct precertificates,
half of their issuers P-256 and half RSA-4096, with a share of evidence, signatures and certificates checked in full,
and the device index rebuilt where there are heads: one after each batch, of which every K-th is compared.
CPU seconds are of all processes, so entries by CPU second are by core.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keystead.audit.run import AuditOptions, audit_log
from keystead.client.fetcher import FolderFetcher
from keystead.testvendor.ca import TestCertificateAuthority
from support.audited_history import AuditedHistory
from support.indexed_log import IndexedLog
from support.log_folder import files_of, write_folder
from support.memory_log import MemoryLog


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hashed", type=int, default=200_000)
    parser.add_argument("--checked", type=int, default=8_000)
    parser.add_argument("--evidence", type=float, default=0.0, help="share of entries with evidence")
    parser.add_argument(
        "--batch", type=int, default=0, help="entries that a head of the index covers; 0: no heads"
    )
    parser.add_argument("--every", type=int, default=1, help="compare every so many heads")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"benchmark": "audit", "jobs": arguments.jobs}
    with tempfile.TemporaryDirectory() as folder:
        log = large_log(arguments.hashed)
        figures["hashed"] = measure(log, Path(folder) / "large", arguments.jobs, hashes_only=True)
        log = checked_log(arguments.checked, arguments.evidence, arguments.batch)
        figures["checked"] = measure(
            log, Path(folder) / "checked", arguments.jobs, hashes_only=False, every=arguments.every
        )
        figures["evidence_share"] = arguments.evidence
    print(json.dumps(figures))


def large_log(count: int) -> MemoryLog:
    """A log of many entries of the usual size; what they hold is not looked at."""
    history = AuditedHistory("bench.example")
    with history.one_batch():
        issued = history.certificate("Bench AB", serial=1, precertificate=True, evidence=False)
        leaf = history.log.issuance.leaves[0]
        for _ in range(count - 1):
            history.log.add_leaf(
                leaf.entry.signed,
                leaf.fingerprints,
                precertificate=leaf.precertificate,
                issuer_key_hash=issued.ca.issuer_key_hash,
            )
    return history.log


def checked_log(count: int, evidence: float, batch: int) -> MemoryLog:
    """A log of distinct precertificates, and of heads over batches of them."""
    rsa = TestCertificateAuthority("Bench RSA", "DE", key="rsa-4096")
    history = AuditedHistory("bench.example", authorities=(AuditedHistory.north, rsa))
    index = IndexedLog(history.log)
    for start in range(0, count, batch or count):
        with history.one_batch():
            for number in range(start, min(start + (batch or count), count)):
                history.certificate(
                    f"Organization {number}",
                    serial=10_000_000 + number,
                    ca=rsa if number % 2 else history.north,
                    evidence=number % 1000 < 1000 * evidence,
                    precertificate=True,
                )
        if batch:
            index.commit()
    return history.log


def measure(
    log: MemoryLog, folder: Path, jobs: int, *, hashes_only: bool, every: int = 1
) -> dict[str, object]:
    """Audit a log from a folder."""
    write_folder(files_of(log), folder)
    options = AuditOptions(
        AuditedHistory.vendor.anchors(), jobs=jobs, hashes_only=hashes_only, heads_every=every
    )
    cpu, started = cpu_seconds(), time.perf_counter()
    report = asyncio.run(audit_log(FolderFetcher(folder), log.trust, options))
    elapsed, spent = time.perf_counter() - started, cpu_seconds() - cpu
    assert report.ok, report.problems[:3]
    count = report.issuance_size
    return {
        "entries": count,
        "statements": report.statements_size,
        "evidence": report.evidence_checked,
        "heads": report.heads_checked,
        "per_second": round(count / elapsed, 1),
        "per_cpu_second": round(count / spent, 1),
        "seconds": round(elapsed, 2),
    }


def cpu_seconds() -> float:
    """CPU time of this process and of those that it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


if __name__ == "__main__":
    main()
