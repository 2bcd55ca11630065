# SPDX-License-Identifier: Apache-2.0
"""Which attestation evidence is recorded for a certificate (specs/log.md, section "Admission of evidence").

1. Each piece is of a format that is not experimental, verifies under the vendor anchors of the policy in force, and
   rests on no key that it distrusts.
2. The key that it attests is the certificate's.
3. It does not contradict the extension: where both name devices, they share one.
4. Where the extension names a digest, a piece submitted or recorded has it.
5. A certificate has at most four pieces, and the one that its extension names always has its place.
6. A certificate without the extension needs what the policy's `backfill` says.

What does not verify is refused with the reason, never downgraded. A piece that proves the same devices as a
recorded one is a duplicate of it; the piece that the extension names is a duplicate only of itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keystead.certificate.extension import SignatureCreationDevice
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.verify import ADMITTED_BY_LOGS, require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError, RefusedError
from keystead_server.admission.submission import MAX_PIECES
from keystead_server.log.records import RecordedEvidence

__all__ = ["AdmittedEvidence", "Claim", "choose_evidence", "claim_of", "judge_evidence", "require_backfill"]


class Claim(NamedTuple):
    """What evidence is held against: the device ids of a certificate's extension, and the digest that it names."""

    devices: tuple[bytes, ...]
    evidence_digest: bytes | None


def claim_of(extension: SignatureCreationDevice | None) -> Claim | None:
    """What an extension claims; None where there is none."""
    if extension is None:
        return None
    return Claim(tuple([device.device_id for device in extension.devices]), extension.evidence_digest)


@dataclass(frozen=True, slots=True)
class AdmittedEvidence:
    """A piece that verified.

    Attributes:
        evidence: the piece; `digest` its SHA-256.
        devices: (scheme, device id) of each identity that it proves.
        anchors: SHA-256 of the anchors' SubjectPublicKeyInfo.
    """

    evidence: Evidence
    digest: bytes
    devices: tuple[tuple[str, bytes], ...]
    anchors: tuple[bytes, ...]

    @property
    def device_ids(self) -> tuple[bytes, ...]:
        """The ids proven, sorted: two pieces with equal ones say the same."""
        return tuple(sorted(device for _, device in self.devices))


def judge_evidence(
    pieces: Sequence[Evidence], spki: bytes, anchors: AnchorSet, distrusted: frozenset[bytes]
) -> tuple[AdmittedEvidence, ...]:
    """Verify each piece (rules 1 and 2).

    Args:
        pieces: as submitted.
        spki: the certificate's SubjectPublicKeyInfo.
        anchors: the vendor anchors of the policy in force.
        distrusted: SHA-256 of the keys that the policy distrusts.

    Raises:
        RefusedError: 400, with the code `evidence-` and the check that failed.
    """
    admitted = []
    for number, piece in enumerate(pieces, 1):
        if piece.format not in ADMITTED_BY_LOGS:
            raise RefusedError(
                "evidence-unknown-format",
                f"evidence {number}: logs admit no evidence of the format '{piece.format}'",
            )
        try:
            attestation = verify_evidence(piece, anchors)
            require_key(attestation, spki)
        except EvidenceError as error:
            code = f"evidence-{error.check.removesuffix('-evidence')}"
            raise RefusedError(code, f"evidence {number}: {error}") from error
        except ParseError as error:
            raise RefusedError("evidence-malformed", f"evidence {number}: {error}") from error
        if not distrusted.isdisjoint(attestation.rests_on):
            raise RefusedError(
                "evidence-distrusted", f"evidence {number} rests on a key that this log's policy distrusts"
            )
        devices = tuple((identity.scheme, identity.device_id) for identity in attestation.identities)
        admitted.append(AdmittedEvidence(piece, piece.digest, devices, attestation.anchors))
    return tuple(admitted)


def choose_evidence(
    admitted: Sequence[AdmittedEvidence],
    claim: Claim | None,
    recorded: Sequence[RecordedEvidence],
) -> tuple[AdmittedEvidence, ...]:
    """The pieces to record anew, the named one first (rules 3 to 5).

    Raises:
        RefusedError: 400, a contradiction or too many pieces.
    """
    named = claim.evidence_digest if claim is not None else None
    if named is None and not admitted:
        return ()
    known = {piece.digest for piece in admitted} | {piece.digest for piece in recorded}
    if named is not None and named not in known:
        raise RefusedError(
            "evidence-missing",
            f"the extension names evidence {named.hex()}, which is neither submitted nor recorded: submit it beside",
        )
    claimed = frozenset(claim.devices) if claim is not None else frozenset()
    for piece in admitted:
        if claimed and piece.devices and claimed.isdisjoint(piece.device_ids):
            raise RefusedError(
                "evidence-contradicts-extension",
                "the evidence proves another device than those that the certificate's extension lists",
            )
    digests = {piece.digest for piece in recorded}
    proven = {tuple(sorted(piece.devices)) for piece in recorded}
    chosen: list[AdmittedEvidence] = []
    for piece in sorted(admitted, key=lambda piece: piece.digest != named):
        if piece.digest in digests or (piece.digest != named and piece.device_ids in proven):
            continue
        digests.add(piece.digest)
        proven.add(piece.device_ids)
        chosen.append(piece)
    # The named piece keeps a place of its own even while it is not there yet; rule 4 lets that happen only for
    # certificates that were logged by a policy without it.
    if len(digests | ({named} if named is not None else set())) > MAX_PIECES:
        raise RefusedError(
            "too-much-evidence", f"a certificate may have {MAX_PIECES} pieces of evidence altogether"
        )
    return tuple(chosen)


def require_backfill(
    rule: str,
    claim: Claim | None,
    admitted: Sequence[AdmittedEvidence],
    recorded: Sequence[RecordedEvidence],
) -> None:
    """Judge a certificate that has no device extension (rule 6).

    Args:
        rule: the policy's `backfill`: `none`, `evidence` or `any`.

    Raises:
        RefusedError: 400, the policy asks for more.
    """
    if claim is not None or rule == "any":
        return
    if rule == "none":
        raise RefusedError(
            "backfill-not-admitted",
            "the certificate has no device extension, and this log admits none without it",
        )
    if not admitted and not recorded:
        raise RefusedError(
            "backfill-needs-evidence",
            "the certificate has no device extension: submit verified evidence for its key beside it",
        )
