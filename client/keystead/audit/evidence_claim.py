# SPDX-License-Identifier: Apache-2.0
"""A `device-evidence` statement against the evidence that it is about (`specs/log.md`, sections 7 and 12).

The log claims that evidence verified under the anchors of its policy, that it attests the certificate's key, and what
devices it proves. Given the bytes, that is found out again. A piece is a piece of work for another process: bytes in,
values out.

Invariant: nothing is raised on the evidence's content.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from keystead.devices.evidence import parse_evidence
from keystead.devices.result import Attestation
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.statements.payloads import DeviceEvidence
from keystead.statements.policy import Policy, parse_policy

__all__ = ["EvidenceJob", "EvidenceResult", "check_claim", "check_claims"]


class EvidenceJob(NamedTuple):
    """A claim to check.

    Attributes:
        statement: what the log says.
        data: the evidence, which has the digest that the statement names.
        policy: the encoding of the policy in force.
        key_hash: SHA-256 of the certificate's normalized key.
        devices: ids that the certificate's extension lists.
    """

    statement: DeviceEvidence
    data: bytes
    policy: bytes
    key_hash: bytes
    devices: frozenset[bytes]


class EvidenceResult(NamedTuple):
    """What became of a claim.

    Attributes:
        flaws: (code, sentence) of all that is wrong with it.
        anchors: SHA-256 of the anchors that the evidence leads to; empty where it does not verify.
    """

    flaws: tuple[tuple[str, str], ...]
    anchors: tuple[bytes, ...]


@lru_cache(maxsize=16)
def _policy(encoded: bytes) -> Policy:
    return parse_policy(encoded)


def check_claim(job: EvidenceJob) -> EvidenceResult:
    """Verify evidence again, and compare what it proves with what the log says."""
    policy = _policy(job.policy)
    # (1) It is evidence, and verifies under the anchors of the policy in force.
    try:
        attestation = verify_evidence(parse_evidence(job.data), policy.anchors)
    except ParseError as error:
        return EvidenceResult((("evidence-malformed", str(error)),), ())
    except EvidenceError as error:
        # As the log names the refusal.
        return EvidenceResult(((f"evidence-{error.check.removesuffix('-evidence')}", str(error)),), ())
    return EvidenceResult(tuple(_flaws(job, attestation, policy)), attestation.anchors)


def _flaws(job: EvidenceJob, attestation: Attestation, policy: Policy) -> list[tuple[str, str]]:
    statement = job.statement
    flaws = []
    # (2) It rests on no key that was distrusted then.
    if not policy.distrusted.keys().isdisjoint(attestation.rests_on):
        flaws.append(("evidence-distrusted", "it rests on a key that the policy in force distrusts"))
    # (3) The attested key is the certificate's.
    if attestation.key_hash != job.key_hash:
        flaws.append(("evidence-key-mismatch", "it attests another key than the certificate's"))
    # (4) It does not contradict the extension.
    proven = {identity.device_id for identity in attestation.identities}
    if proven and job.devices and proven.isdisjoint(job.devices):
        flaws.append(
            (
                "evidence-contradicts-extension",
                "it proves another device than the certificate's extension lists",
            )
        )
    # (5) The statement says what it proves.
    if attestation.format != statement.format:
        flaws.append(("evidence-other-format", f"it is of the format {attestation.format}"))
    stated = [(device.scheme, device.device_id) for device in statement.devices]
    if stated != [(identity.scheme, identity.device_id) for identity in attestation.identities]:
        shown = ", ".join(f"{one.scheme}:{one.value}" for one in attestation.identities) or "no device"
        flaws.append(("evidence-other-devices", f"it proves {shown}, and the statement says something else"))
    if attestation.anchors != statement.anchors:
        flaws.append(("evidence-other-anchors", "it leads to other anchors than the statement names"))
    return flaws


def check_claims(jobs: Sequence[EvidenceJob]) -> tuple[EvidenceResult, ...]:
    """Several claims, one after the other."""
    return tuple(check_claim(job) for job in jobs)
