# SPDX-License-Identifier: Apache-2.0
"""Check a whole log over HTTP from its raw bundles, whatever happened to it before."""

from dataclasses import dataclass

from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.devices.evidence import parse_evidence
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import DeviceEvidence, parse_statement
from keystead.tlog.checkpoint import verify_checkpoint
from keystead.tlog.merkle import CompactRange, hash_leaf
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from support.running_log import RunningLog

__all__ = ["WholeLog", "read_whole_log"]


@dataclass(frozen=True)
class WholeLog:
    """Everything in both logs.

    Attributes:
        entries: the issuance log's leaves.
        statements: the statement log's entries.
        issuance_roots, statements_roots: the root at every size from 0 on.
    """

    entries: list[TileLeaf]
    statements: list[StatementEntry]
    issuance_roots: list[bytes]
    statements_roots: list[bytes]

    @property
    def evidence(self) -> dict[tuple[bytes, bytes], DeviceEvidence]:
        """Each `device-evidence` statement, by certificate id and digest: never two of one."""
        found: dict[tuple[bytes, bytes], DeviceEvidence] = {}
        for entry in self.statements:
            statement = parse_statement(entry.envelope)
            if isinstance(statement, DeviceEvidence):
                key = (statement.certificate, statement.evidence_digest)
                assert key not in found, "one piece was recorded twice"
                found[key] = statement
        return found


async def read_whole_log(log: RunningLog) -> WholeLog:
    """Read both logs and check them against their signed checkpoints, times and leaf indices."""
    issuance = verify_checkpoint(
        (await log.get("/issuance/checkpoint")).body, log.trust.issuance.key
    ).checkpoint
    statements = verify_checkpoint(
        (await log.get("/statements/checkpoint")).body, log.trust.statements.key
    ).checkpoint
    leaves: list[TileLeaf] = []
    for start in range(0, issuance.size, TILE_WIDTH):
        width = min(TILE_WIDTH, issuance.size - start)
        data = (await log.get("/issuance/" + bundle_path("data", start // TILE_WIDTH, width))).body
        leaves += decode_data_tile(data, width)
    entries: list[bytes] = []
    for start in range(0, statements.size, TILE_WIDTH):
        width = min(TILE_WIDTH, statements.size - start)
        data = (await log.get("/statements/" + bundle_path("entries", start // TILE_WIDTH, width))).body
        entries += decode_bundle(data, width)
    said = [parse_statement_entry(entry) for entry in entries]
    assert [leaf.entry.leaf_index for leaf in leaves] == list(range(issuance.size))
    times = [leaf.entry.timestamp for leaf in leaves]
    assert times == sorted(times)
    assert [entry.timestamp for entry in said] == sorted(entry.timestamp for entry in said)
    whole = WholeLog(
        leaves,
        said,
        _roots([leaf.entry.merkle_tree_leaf() for leaf in leaves]),
        _roots(entries),
    )
    assert whole.issuance_roots[-1] == issuance.root
    assert whole.statements_roots[-1] == statements.root
    for (_, digest), statement in whole.evidence.items():
        assert statement.issuance_index < issuance.size
        piece = parse_evidence((await log.get(f"/evidence/{digest.hex()}")).body)
        assert piece.digest == digest
    return whole


def _roots(entries: list[bytes]) -> list[bytes]:
    tree = CompactRange()
    roots = [tree.root()]
    for entry in entries:
        tree.append(hash_leaf(entry))
        roots.append(tree.root())
    return roots
