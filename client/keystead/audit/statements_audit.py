# SPDX-License-Identifier: Apache-2.0
"""The statement log, read whole: its tree, every statement judged, every policy and piece of evidence fetched.

Statements are judged in order (`judge`). What one names must be had before: policies and their roots, which the next
statements are judged by, and evidence, which is verified in other processes where there are some. So a bundle is taken
in parts that each end with a policy.
"""

import asyncio
from collections.abc import Iterable, Sequence

from keystead.audit.device_index.heads import HeadCheck
from keystead.audit.evidence_claim import EvidenceJob, EvidenceResult, check_claims
from keystead.audit.files import LogFiles, Served
from keystead.audit.issuers import Issuers
from keystead.audit.judge import Judge
from keystead.audit.problem import Problem
from keystead.audit.progress import Progress
from keystead.audit.read_statement import ReadStatement, UnreadableStatement, read_statement
from keystead.audit.state import STATEMENTS, AuditState
from keystead.audit.tree_reader import BundleReading, ReadBundle, StoredBundle, TreeReader
from keystead.client.trust import StatementsTrust
from keystead.client.workers import Workers
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import MAX_EVIDENCE_BYTES
from keystead.errors import ParseError, SignatureError
from keystead.statements.dsse import verify_envelope
from keystead.statements.payloads import DeviceEvidence, IndexHead, LogPolicy
from keystead.statements.policy import MAX_POLICY_BYTES, Policy, parse_policy
from keystead.tlog.checkpoint import VerifiedCheckpoint
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.tiles import decode_bundle

__all__ = ["StatementsAudit"]

_FETCHES = 16
_CLAIMS = 16
# Pieces of evidence that one process verifies at a time.

_NO_HEAD = frozenset({"wrong-log", "duplicate-statement"})
# What makes a head one that the log did not commit to here, or not once more.


class StatementsAudit:
    """The audit of one statement log; the issuance log was read before.

    Args:
        files: of the log.
        trust: its keys.
        state: the facts so far, which statements are added to.
        index: what statements are listed under is told to it, and every head.
        issuers: where roots are found.
        workers: where evidence is verified.
        anchors: the auditor's own.
        progress: is told of each statement.

    Attributes:
        judge: judges the statements.
        problems: what is wrong.
        evidence_checked, evidence_under_own_anchors: as in `AuditReport`.
    """

    def __init__(
        self,
        files: LogFiles,
        trust: StatementsTrust,
        state: AuditState,
        index: HeadCheck,
        issuers: Issuers,
        workers: Workers,
        anchors: AnchorSet,
        progress: Progress,
        *,
        hashes_only: bool,
    ) -> None:
        self.judge = Judge(state, trust)
        self.problems: list[Problem] = []
        self.evidence_checked = 0
        self.evidence_under_own_anchors = 0
        self._files = files
        self._origin = trust.key.origin
        self._statement_key = trust.statement_key
        self._state = state
        self._index = index
        self._issuers = issuers
        self._workers = workers
        self._anchors = anchors
        self._progress = progress
        self._hashes_only = hashes_only
        self._old_size = state.edge(STATEMENTS).size
        self._slots = asyncio.Semaphore(_FETCHES)

    async def run(self, head: VerifiedCheckpoint) -> bool:
        """Read every new statement under a checkpoint; whether the tree was reached whole."""
        reader = TreeReader(
            self._files,
            "statements",
            "entries",
            head.checkpoint,
            _read_bundle,
            start=self._state.edge(STATEMENTS),
            ahead=4,
        )
        async for bundle in reader.bundles():
            if not self._hashes_only:
                await self._take_bundle(bundle)
            self._progress.advance(bundle.start + bundle.width - max(bundle.start, self._old_size))
        edge = reader.finish()
        self.problems += reader.problems
        self._state.set_number("statements_time", max(self.judge.last_time, 0))
        if edge is not None:
            self._state.set_tree(STATEMENTS, head.raw, edge)
        return edge is not None

    async def _take_bundle(self, bundle: ReadBundle[Sequence[bytes]]) -> None:
        part: list[ReadStatement | UnreadableStatement | None] = []
        start = max(bundle.start, self._old_size)
        for index in range(start, bundle.start + bundle.width):
            at = index - bundle.start
            lost = bundle.content is None or at in bundle.doubtful
            part.append(None if lost or bundle.content is None else read_statement(index, bundle.content[at]))
            if isinstance(part[-1], ReadStatement) and isinstance(part[-1].statement, LogPolicy):
                await self._take(start, part)
                start, part = index + 1, []
        await self._take(start, part)

    async def _take(self, start: int, part: Sequence[ReadStatement | UnreadableStatement | None]) -> None:
        """Judge consecutive statements, of which only the last may be a policy.

        Args:
            start: index of the first one.
            part: the statements; None for those that could not be had.
        """
        results = await self._check_evidence([one for one in part if isinstance(one, ReadStatement)])
        for index, read in enumerate(part, start):
            self._list(index, read)
            if read is None:
                self.judge.lose()
            elif isinstance(read, UnreadableStatement):
                self.problems += self.judge.take_unreadable(read)
            else:
                policy = None
                if isinstance(read.statement, LogPolicy):
                    policy = await self._policy(read.index, read.statement)
                found = self.judge.take(read, policy, results.get(read.index))
                if isinstance(read.statement, IndexHead) and self._commits(read, found):
                    found += self._index.take(read.index, read.statement)
                self.problems += found

    def _commits(self, read: ReadStatement, found: Iterable[Problem]) -> bool:
        """Whether the log signed a head. Its judge does not ask of one that is refused, or unjudged, before that."""
        if _NO_HEAD & {one.code for one in found}:
            return False
        try:
            verify_envelope(read.entry.envelope, self._statement_key)
        except SignatureError:
            return False
        return True

    def _list(self, index: int, read: ReadStatement | UnreadableStatement | None) -> None:
        """Tell the index; it compares a head when that is taken, behind this."""
        if read is None:
            self._index.lose_statement(index)
        else:
            self._index.list_statement(index, read.statement if isinstance(read, ReadStatement) else None)

    async def _policy(self, index: int, statement: LogPolicy) -> Policy | None:
        served = await self._files.named("policy", statement.policy, MAX_POLICY_BYTES)
        path = f"policy/{statement.policy.hex()}"
        if served.data is None:
            self._missing("policy", path, served, index)
            return None
        try:
            policy = parse_policy(served.data)
        except ParseError as error:
            sentence = f"{path}, which statement {index} names, is no policy: {error}"
            self.problems.append(
                Problem("policy-malformed", self._origin, sentence, index, path=path, signed=True)
            )
            return None
        await self._issuers.require_roots(policy.roots, f"policy {statement.policy.hex()}")
        return policy

    async def _check_evidence(self, part: Iterable[ReadStatement]) -> dict[int, EvidenceResult]:
        """Fetch the evidence that statements name, and verify it again; what came of it by the statement's index."""
        named = {
            read.index: read.statement.evidence_digest
            for read in part
            if isinstance(read.statement, DeviceEvidence)
        }
        digests = list(dict.fromkeys(named.values()))
        served = dict(zip(digests, await asyncio.gather(*map(self._evidence, digests)), strict=True))
        jobs: dict[int, EvidenceJob] = {}
        for read in part:
            digest = named.get(read.index)
            if digest is None:
                continue
            found = served[digest]
            if found.data is None:
                self._missing("evidence", f"evidence/{digest.hex()}", found, read.index)
                continue
            job = self.judge.evidence_job(read, found.data)
            if job is not None:
                jobs[read.index] = job
        indices = list(jobs)
        batches = [indices[at : at + _CLAIMS] for at in range(0, len(indices), _CLAIMS)]
        checked = await asyncio.gather(
            *(self._workers.run(check_claims, tuple(jobs[index] for index in batch)) for batch in batches)
        )
        results = dict(zip(indices, (one for batch in checked for one in batch), strict=True))
        for index, result in results.items():
            self._count(jobs[index], result)
        return results

    async def _evidence(self, digest: bytes) -> Served:
        async with self._slots:
            return await self._files.named("evidence", digest, MAX_EVIDENCE_BYTES)

    def _count(self, job: EvidenceJob, result: EvidenceResult) -> None:
        self.evidence_checked += 1
        own = [self._anchors.by_key_hash(anchor) for anchor in result.anchors]
        self.evidence_under_own_anchors += bool(own) and all(
            anchor is not None and job.statement.format in anchor.formats for anchor in own
        )

    def _missing(self, what: str, path: str, served: Served, index: int) -> None:
        code = f"{what}-altered" if served.altered else f"{what}-withheld"
        sentence = f"{path}, which statement {index} names, is not served: {served.why}"
        self.problems.append(Problem(code, self._origin, sentence, index, path=path))


async def _read_bundle(stored: StoredBundle) -> BundleReading[Sequence[bytes]]:
    try:
        entries = decode_bundle(stored.data, stored.stored)[: stored.width]
    except ParseError as error:
        return BundleReading(b"", str(error), ())
    return BundleReading(b"".join([hash_leaf(entry) for entry in entries]), "", entries)
