# SPDX-License-Identifier: Apache-2.0
"""The device index computed again from a log's folder, in the plainest way: what every head must say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from keystead.ct.leaf import X509_ENTRY
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.index.kinds import Subject, index_key
from keystead.index.mapping import issuer_key_hash, subjects_of_entry, subjects_of_statement
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import IndexHead, parse_statement
from keystead.tlog.checkpoint import parse_checkpoint
from keystead.tlog.merkle import root_of
from keystead.tlog.note import parse_note
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from support.map_model import map_root

__all__ = ["RawLog", "ReplayedHead", "check_heads", "read_raw_log"]


@dataclass(frozen=True)
class RawLog:
    """All entries of both logs."""

    leaves: list[TileLeaf]
    statements: list[bytes]
    issuers: Mapping[bytes, bytes]

    def histories(self, issuance: int, statements: int) -> dict[Subject, list[int]]:
        """What is listed under what, among the first entries."""
        found: dict[Subject, list[int]] = defaultdict(list)
        for index, leaf in enumerate(self.leaves[:issuance]):
            issuer = None
            if leaf.entry.entry_type == X509_ENTRY and leaf.fingerprints:
                issuer = issuer_key_hash(self.issuers[leaf.fingerprints[0]])
            for subject in subjects_of_entry(leaf.entry, issuer):
                found[subject].append(index)
        for index, entry in enumerate(self.statements[:statements]):
            for subject in subjects_of_statement(entry):
                found[subject].append(index)
        return found

    def map_root(self, issuance: int, statements: int) -> bytes:
        """The root of the map over them."""
        content = {}
        for subject, entries in self.histories(issuance, statements).items():
            leaves = [sha256(b"\x00" + entry.to_bytes(8)).digest() for entry in entries]
            content[index_key(subject)] = len(entries).to_bytes(8) + root_of(leaves)
        return map_root(content)


@dataclass(frozen=True)
class ReplayedHead:
    """A head that says what the logs lead to."""

    leaf: int
    timestamp: int
    statement: IndexHead


def read_raw_log(folder: Path) -> RawLog:
    """All entries under the published checkpoints of a log's folder."""

    def size(log: str) -> int:
        return parse_checkpoint(parse_note((folder / log / "checkpoint").read_bytes()).text).size

    leaves: list[TileLeaf] = []
    issuance = size("issuance")
    for index in range(-(-issuance // TILE_WIDTH)):
        width = min(TILE_WIDTH, issuance - index * TILE_WIDTH)
        leaves += decode_data_tile(
            (folder / "issuance" / bundle_path("data", index, width)).read_bytes(), width
        )
    statements: list[bytes] = []
    count = size("statements")
    for index in range(-(-count // TILE_WIDTH)):
        width = min(TILE_WIDTH, count - index * TILE_WIDTH)
        path = folder / "statements" / bundle_path("entries", index, width)
        statements += decode_bundle(path.read_bytes(), width)
    issuers = {
        bytes.fromhex(path.name): path.read_bytes() for path in (folder / "issuance" / "issuer").iterdir()
    }
    return RawLog(leaves, statements, issuers)


def heads_of(statements: Sequence[bytes]) -> list[ReplayedHead]:
    """The heads among statement entries."""
    found = []
    for leaf, entry in enumerate(statements):
        parsed = parse_statement_entry(entry)
        statement = parse_statement(parsed.envelope)
        if isinstance(statement, IndexHead):
            found.append(ReplayedHead(leaf, parsed.timestamp, statement))
    return found


def check_heads(folder: Path) -> list[ReplayedHead]:
    """Every head of a log, each compared with what its entries lead to; sizes never fall from one to the next."""
    log = read_raw_log(folder)
    heads = heads_of(log.statements)
    hashes = [leaf.entry.leaf_hash() for leaf in log.leaves]
    before = (0, 0)
    for head in heads:
        statement = head.statement
        sizes = (statement.issuance_size, statement.statements_size)
        assert statement.issuance_root == root_of(hashes[: sizes[0]])
        assert sizes[1] <= head.leaf
        assert sizes[0] >= before[0]
        assert sizes[1] >= before[1]
        assert statement.map_root == log.map_root(*sizes), f"the head at {head.leaf} is wrong"
        before = sizes
    return heads
