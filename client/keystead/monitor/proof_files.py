# SPDX-License-Identifier: Apache-2.0
"""The proof of a finding as files: each entry and statement that bears on it, with a tlog-proof, and the evidence.

What is written was verified on the way, and verifies again with the log's keys and nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from keystead.client.log_reader import LogReader
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES
from keystead.devices.evidence import MAX_EVIDENCE_BYTES
from keystead.errors import FetchError, ParseError, StatementError, UsageError
from keystead.monitor.findings import Finding
from keystead.monitor.issuance_entries import MonitoredLog
from keystead.monitor.model import EntryName
from keystead.monitor.named_objects import fetch_named
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import DeviceEvidence, parse_statement
from keystead.tlog.checkpoint import LogKey
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.proof import TlogProof, verify_tlog_proof
from keystead.tlog.tiles import TILE_WIDTH

__all__ = ["save_proofs"]


class _Tree(NamedTuple):
    prefix: str
    key: LogKey


async def save_proofs(finding: Finding, logs: Sequence[MonitoredLog], folder: Path) -> list[Path]:
    """Write what proves a finding into a folder.

    Args:
        finding: which one.
        logs: where its entries are.
        folder: made if need be; files of the same names are replaced.

    Returns:
        What was written, in order.

    Raises:
        UsageError: an entry is in none of the logs.
        FetchError, ParseError, VerificationError: a log does not serve what it promised.
    """
    wanted = {*finding.entries, *finding.statements}
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for log in logs:
        trees = (_Tree("issuance", log.trust.issuance.key), _Tree("statements", log.trust.statements.key))
        for tree in trees:
            named = sorted(name for name in wanted if name.origin == tree.key.origin)
            wanted -= set(named)
            written += await _save(log, tree, named, folder)
    if wanted:
        missing = min(wanted)
        raise UsageError(f"give --log for {missing.origin} as well: entry {missing.index} is in it")
    return written


async def _save(log: MonitoredLog, where: _Tree, named: Sequence[EntryName], folder: Path) -> list[Path]:
    if not named:
        return []
    reader = LogReader(log.fetcher, where.prefix, where.key)
    checkpoint = await reader.checkpoint()
    tree = reader.tree(checkpoint)
    written: list[Path] = []
    for name in named:
        bundle, place = divmod(name.index, TILE_WIDTH)
        if where.prefix == "issuance":
            leaf = (await tree.bundle(DATA_TILES, bundle)).entries[place]
            entry = leaf.entry.merkle_tree_leaf()
        else:
            entry = (await tree.bundle(ENTRY_BUNDLES, bundle)).entries[place]
        proof = TlogProof(name.index, tuple(await tree.inclusion_proof(name.index)), checkpoint.raw)
        verify_tlog_proof(proof, hash_leaf(entry), where.key)
        stem = f"{name.origin.replace('/', '-').replace(':', '-')}-{name.index}"
        written += _write(folder, (f"{stem}.entry", entry), (f"{stem}.tlog-proof", proof.encode().encode()))
        written += await _save_evidence(log, entry, folder) if where.prefix == "statements" else []
    return written


async def _save_evidence(log: MonitoredLog, entry: bytes, folder: Path) -> list[Path]:
    try:
        statement = parse_statement(parse_statement_entry(entry).envelope)
    except (ParseError, StatementError):
        return []
    if not isinstance(statement, DeviceEvidence):
        return []
    digest = statement.evidence_digest
    data = (await fetch_named(log.fetcher, "evidence", [digest], MAX_EVIDENCE_BYTES))[digest]
    if data is None:
        raise FetchError(f"{log.trust.name} does not serve the evidence {digest.hex()}", status=404)
    return _write(folder, (f"evidence-{digest.hex()}", data))


def _write(folder: Path, *files: tuple[str, bytes]) -> list[Path]:
    return [_written(folder / name, data) for name, data in files]


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
