# SPDX-License-Identifier: Apache-2.0
"""The intake of certificates: entry and evidence go in together, duplicates come back from their first commit.

A duplicate is answered before any quota is charged. The answer waits until everything that it speaks of is
published: the entry, and the `device-evidence` statements beside it.
"""

from dataclasses import dataclass

from keystead.ct.leaf import PRECERT_ENTRY
from keystead_server.admission.evidence import AdmittedEvidence, Claim, choose_evidence, require_backfill
from keystead_server.admission.quota import FRESH_SECONDS, QuotaBook
from keystead_server.log.clock import Clock
from keystead_server.log.operations import AddEntry, AddEvidence, Operation
from keystead_server.log.records import Placed, RecordedEvidence
from keystead_server.log.sequencer import Sequencer, placed_or_refused

__all__ = ["CertificateIntake", "CertificatePromise", "CertificateSubmission"]


@dataclass(frozen=True, slots=True)
class CertificateSubmission:
    """An admitted certificate and its evidence.

    Attributes:
        entry: the entry that it would be.
        not_before: the certificate's notBefore, in seconds.
        claim: what its device extension claims, if it has one.
        evidence: the pieces beside it, verified.
    """

    entry: AddEntry
    not_before: int
    claim: Claim | None
    evidence: tuple[AdmittedEvidence, ...]


@dataclass(frozen=True, slots=True)
class CertificatePromise:
    """What an SCT and its proof are made of.

    Attributes:
        placed: where the entry stands.
        recorded: the evidence recorded for its certificate.
        path: the audit path of the entry under `checkpoint`.
        checkpoint: the issuance log's checkpoint, as published.
    """

    placed: Placed
    recorded: tuple[RecordedEvidence, ...]
    path: tuple[bytes, ...]
    checkpoint: bytes


class CertificateIntake:
    """Takes admitted certificates for one log.

    Args:
        sequencer: the log's sequencer.
        quotas: what was admitted in the last minute.
        clock: wall time, for quotas.
    """

    def __init__(self, sequencer: Sequencer, quotas: QuotaBook, clock: Clock) -> None:
        self._sequencer = sequencer
        self._log = sequencer.log
        self._quotas = quotas
        self._clock = clock

    async def add(self, submission: CertificateSubmission) -> CertificatePromise:
        """Have the entry and its new evidence sequenced, unless they are; the promise.

        Raises:
            RefusedError: a rule on evidence or quotas refuses it, or it could not be sequenced just now.
        """
        placed, recorded = await self._sequence(submission)
        log = self._log
        return CertificatePromise(
            placed, recorded, tuple(log.issuance.inclusion_proof(placed.index)), log.heads.issuance
        )

    async def _sequence(
        self, submission: CertificateSubmission
    ) -> tuple[Placed, tuple[RecordedEvidence, ...]]:
        sequencer, records = self._sequencer, self._log.records
        entry, policy = submission.entry, self._log.policy
        while True:
            sequencer.refuse_if_wounded()
            placed, recorded = records.submitted(
                entry.known_by, entry.certificate_id, precertificate=entry.entry_type == PRECERT_ENTRY
            )
            chosen = choose_evidence(submission.evidence, submission.claim, recorded)
            require_backfill(policy.backfill, submission.claim, submission.evidence, recorded)
            entry_waits = sequencer.is_pending(entry.key)
            if entry_waits:
                # What is committed but not yet published still waits: its proof is not to be had before.
                placed = None
            additions = [_addition(piece, entry, placed) for piece in chosen]
            keys = {operation.key for operation in additions}
            waiting = set(sequencer.pending_evidence(entry.certificate_id))
            # Evidence that another submission brought may make ours a duplicate, and an entry that is already in
            # the running batch cannot take evidence along: wait for either, then decide anew on what is logged.
            blockers = waiting - keys
            if entry_waits and not keys <= waiting:
                blockers = {*waiting, entry.key}
            if blockers:
                for future in [sequencer.outcome(key) for key in blockers]:
                    placed_or_refused(await future)
                continue
            if placed is not None and not additions:
                return placed, recorded
            operations: list[Operation] = [*([entry] if placed is None else []), *additions]
            if not entry_waits and not waiting:
                self._charge(submission)
            futures = sequencer.submit(operations, policy.limits.pool)
            outcomes = [placed_or_refused(await future) for future in futures]
            if additions:
                recorded = self._log.records.evidence(entry.certificate_id)
            return placed or outcomes[0], recorded

    def _charge(self, submission: CertificateSubmission) -> None:
        limits = self._log.policy.limits
        if not limits.per_issuer and not limits.per_issuer_fresh:
            return
        now_ms = self._clock.now_ms()
        entry = submission.entry
        fresh = entry.entry_type == PRECERT_ENTRY and submission.not_before >= now_ms // 1000 - FRESH_SECONDS
        counter, limit = (
            ("per_issuer_fresh", limits.per_issuer_fresh) if fresh else ("per_issuer", limits.per_issuer)
        )
        self._quotas.charge(counter, entry.issuer_key_hash, limit, now_ms)


def _addition(piece: AdmittedEvidence, entry: AddEntry, placed: Placed | None) -> AddEvidence:
    return AddEvidence(
        certificate_id=entry.certificate_id,
        issuer_key_hash=entry.issuer_key_hash,
        entry=entry.key if placed is None else placed.index,
        evidence=piece.evidence,
        digest=piece.digest,
        devices=piece.devices,
        anchors=piece.anchors,
        policy_index=entry.policy_index,
    )
