# SPDX-License-Identifier: Apache-2.0
"""Keeping what a verdict was made from (`specs/check.md`, section 6).

Entries were read out of verified bundles; for a record each gets an inclusion proof of its own, and each tail the
frontier in front of it. All of them are under the checkpoints that the check ended with.
"""

from keystead.check.answer import LogAnswer
from keystead.check.record import LogRecord, RecordedEntry, RecordedStatement, RecordedTree
from keystead.check.whole_log import LiveLog
from keystead.client.verified_tree import VerifiedTree
from keystead.ct.leaf import X509_ENTRY
from keystead.lookup.gathered import Gathered
from keystead.lookup.proven import ProvenEntry
from keystead.statements.payloads import DeviceEvidence, LogPolicy

__all__ = ["record_log"]


async def record_log(log: LiveLog, found: Gathered, answer: LogAnswer, trust_digest: bytes) -> LogRecord:
    """What a log showed.

    Args:
        log: as it was read for the check; its proofs are fetched.
        found: what bore on the question.
        answer: what was made of it.
        trust_digest: SHA-256 of the trust.json that was believed.

    Raises:
        FetchError, ProofError: the log does not serve the tiles that prove what it showed.
    """
    snapshot, head = log.snapshot, log.head.statement
    issuance, statements = snapshot.issuance_tree, snapshot.statement_tree
    entries = [
        _recorded(entry, index, tuple(await issuance.inclusion_proof(index)))
        for index, entry in sorted(log.entries.items())
    ]
    said = [
        RecordedStatement(one.raw, index, tuple(await statements.inclusion_proof(index)))
        for index, one in sorted(log.statements.items())
    ]
    issuers = {
        entry.leaf.fingerprints[0]: entry.issuer.der
        for entry in (*log.entries.values(), *log.entry_tail.values())
        if entry.issuer is not None
    }
    policies, evidence = _objects(found)
    limits = snapshot.index.limits
    return LogRecord(
        origin=answer.origin,
        trust=trust_digest,
        asked_ms=snapshot.asked_ms,
        max_age_ms=limits.max_age_ms,
        max_lag=limits.max_lag,
        answers=tuple(snapshot.documents),
        issuance=await _tree(issuance, head.issuance_size),
        statements=await _tree(statements, head.statements_size),
        entries=tuple(entries),
        entry_tail=tuple(_recorded(entry) for _, entry in sorted(log.entry_tail.items())),
        said=tuple(said),
        statement_tail=tuple(RecordedStatement(one.raw) for _, one in sorted(log.statement_tail.items())),
        issuers=issuers,
        policies=policies,
        evidence=evidence,
        answer=answer.to_json(),
    )


async def _tree(tree: VerifiedTree, covered: int) -> RecordedTree:
    return RecordedTree(tree.checkpoint.raw, tuple(await tree.frontier(covered)))


def _recorded(entry: ProvenEntry, index: int | None = None, proof: tuple[bytes, ...] = ()) -> RecordedEntry:
    leaf = entry.leaf
    issuer = leaf.fingerprints[0] if leaf.entry.entry_type == X509_ENTRY and entry.issuer is not None else b""
    return RecordedEntry(leaf.entry.merkle_tree_leaf(), issuer, index, proof)


def _objects(found: Gathered) -> tuple[dict[bytes, bytes], dict[bytes, bytes | None]]:
    """Policies and evidence, by their digests."""
    policies: dict[bytes, bytes] = {}
    evidence: dict[bytes, bytes | None] = {}
    for said in found.judgeable():
        if isinstance(said.statement, LogPolicy):
            policies[said.statement.policy] = found.objects[said.statement.policy] or b""
        elif isinstance(said.statement, DeviceEvidence):
            digest = said.statement.evidence_digest
            evidence[digest] = found.objects[digest]
    return policies, evidence
