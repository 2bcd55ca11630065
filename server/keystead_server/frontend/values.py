# SPDX-License-Identifier: Apache-2.0
"""Submissions and promises as the plain values that travel between a front end and the sequencer's process.

Tuples of bytes and integers cost a fifth of pickled objects. The DER of an issuer travels once; after that its
fingerprint stands for it, until the front end says that everything is to be forgotten.
"""

from typing import Final

from keystead.devices.evidence import Evidence
from keystead_server.admission.evidence import AdmittedEvidence, Claim
from keystead_server.intake.certificates import CertificatePromise, CertificateSubmission
from keystead_server.log.operations import AddEntry
from keystead_server.log.records import Placed, RecordedEvidence

__all__ = [
    "IssuerNames",
    "PromiseValues",
    "SubmissionValues",
    "promise_of",
    "promise_values",
    "submission_of",
]

_MAX_ISSUERS: Final = 4096
"""How many issuers a channel knows before it begins anew."""

_HASH: Final = 32

Issuer = tuple[bytes, bytes]
"""SHA-256 and DER."""

_Evidence = tuple[str, bytes, tuple[bytes, ...], bytes, tuple[tuple[str, bytes], ...], tuple[bytes, ...]]

SubmissionValues = tuple[
    int,
    bytes,
    bytes,
    bytes,
    tuple[bytes, ...],
    bytes,
    bytes,
    int,
    tuple[bytes, ...],
    int,
    tuple[bytes | None] | None,
    tuple[_Evidence, ...],
]
"""The members of `AddEntry`, with fingerprints for its chain, and what is beside it."""

PromiseValues = tuple[int, int, tuple[tuple[bytes, int, tuple[bytes, ...]], ...], bytes, bytes]
"""The members of `CertificatePromise`, its path as one string."""


class IssuerNames:
    """Which issuers the other end of a channel knows by fingerprint: the front end's memory."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._new: list[Issuer] = []
        self._forget = False

    def values(self, submission: CertificateSubmission) -> SubmissionValues:
        """A submission as values; what `taken` returns next must travel before it."""
        entry, claim = submission.entry, submission.claim
        fingerprints = []
        for issuer in entry.chain:
            fingerprint = issuer[0]
            if fingerprint not in self._known:
                self._known.add(fingerprint)
                self._new.append(issuer)
            fingerprints.append(fingerprint)
        return (
            entry.entry_type,
            entry.signed,
            entry.issuer_key_hash,
            entry.precertificate,
            tuple(fingerprints),
            entry.certificate_id,
            entry.known_by,
            entry.policy_index,
            entry.devices,
            submission.not_before,
            None if claim is None else (claim.evidence_digest,),
            tuple(
                (
                    piece.evidence.format,
                    piece.evidence.data,
                    piece.evidence.chain,
                    piece.digest,
                    piece.devices,
                    piece.anchors,
                )
                for piece in submission.evidence
            ),
        )

    def taken(self) -> tuple[bool, list[Issuer]]:
        """Whether to forget all that was told before, and the issuers to tell now."""
        told = self._forget, self._new
        self._new = []
        self._forget = len(self._known) > _MAX_ISSUERS
        if self._forget:
            self._known = set()
        return told


def submission_of(values: SubmissionValues, issuers: dict[bytes, Issuer]) -> CertificateSubmission:
    """The submission that these values are of.

    Args:
        issuers: those that were told, by fingerprint.
    """
    devices = values[8]
    entry = AddEntry(
        values[0],
        values[1],
        values[2],
        values[3],
        tuple([issuers[fingerprint] for fingerprint in values[4]]),
        values[5],
        values[6],
        values[7],
        devices,
    )
    claim = values[10]
    return CertificateSubmission(
        entry,
        values[9],
        None if claim is None else Claim(devices, claim[0]),
        tuple(
            AdmittedEvidence(Evidence(format_, data, chain), digest, proven, anchors)
            for format_, data, chain, digest, proven, anchors in values[11]
        ),
    )


def promise_values(promise: CertificatePromise) -> PromiseValues:
    """A promise as values."""
    return (
        promise.placed.index,
        promise.placed.timestamp,
        tuple((piece.digest, piece.statement_index, piece.devices) for piece in promise.recorded),
        b"".join(promise.path),
        promise.checkpoint,
    )


def promise_of(values: PromiseValues) -> CertificatePromise:
    """The promise that these values are of."""
    index, timestamp, recorded, path, checkpoint = values
    return CertificatePromise(
        Placed(index, timestamp),
        tuple(RecordedEvidence(digest, statement, devices) for digest, statement, devices in recorded),
        tuple([path[start : start + _HASH] for start in range(0, len(path), _HASH)]),
        checkpoint,
    )
