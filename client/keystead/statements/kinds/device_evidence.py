# SPDX-License-Identifier: Apache-2.0
"""`device-evidence`: the log verified evidence for the key of a logged certificate (`specs/statements.md`, 5.2).

The evidence itself is served by its digest, so the statement is a claim that anybody can check again.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError
from keystead.statements.case import Case, Kind, Speaker, refuse
from keystead.statements.members import Members
from keystead.statements.statement import (
    DeviceReference,
    Statement,
    log_and_issued,
    read_devices,
    require_distinct,
)

__all__ = ["DEVICE_EVIDENCE", "DeviceEvidence"]


@dataclass(frozen=True, slots=True)
class DeviceEvidence(Statement):
    """Evidence verified, and its attested key is the certificate's.

    Attributes:
        certificate: certificate id.
        issuance_index: an issuance entry of that certificate.
        evidence_digest: SHA-256 of the evidence's encoding.
        format: of the evidence.
        devices: what it proves; empty for evidence of hardware without an identity.
        anchors: SHA-256 of the SubjectPublicKeyInfo of each anchor that it led to, in the order of its paths.
        policy_index: leaf index of the `log-policy` statement in force.
    """

    kind: ClassVar[str] = "device-evidence"

    certificate: bytes
    issuance_index: int
    evidence_digest: bytes
    format: str
    devices: tuple[DeviceReference, ...]
    anchors: tuple[bytes, ...]
    policy_index: int

    def __post_init__(self) -> None:
        require_distinct(self.devices, "the device-evidence statement")

    @classmethod
    def read(cls, members: Members) -> Self:
        anchors = members.strings("anchors", decode_digest)
        if not anchors:
            raise ParseError("the device-evidence statement names no anchor")
        return cls(
            *log_and_issued(members),
            certificate=members.digest("certificate"),
            issuance_index=members.integer("issuance_index"),
            evidence_digest=members.digest("evidence_digest"),
            format=members.name("format"),
            devices=read_devices(members, "devices"),
            anchors=anchors,
            policy_index=members.integer("policy_index"),
        )

    def members(self) -> dict[str, Any]:
        return {
            "certificate": self.certificate.hex(),
            "issuance_index": self.issuance_index,
            "evidence_digest": self.evidence_digest.hex(),
            "format": self.format,
            "devices": [device.to_json() for device in self.devices],
            "anchors": [anchor.hex() for anchor in self.anchors],
            "policy_index": self.policy_index,
        }


def _judge(statement: DeviceEvidence, _speaker: Speaker, case: Case) -> None:
    """What can be judged without the evidence, which is for whoever can fetch it to verify again."""
    # (1) The certificate is the one at the index.
    logged = case.view.certificate_at(statement.issuance_index)
    if logged is None or logged.certificate_id != statement.certificate:
        refuse(
            case, "certificate-not-logged", "the issuance entry is not one of the certificate that is named"
        )
    # (2) The policy named is the one in force.
    if case.policy_index not in {None, statement.policy_index}:
        refuse(
            case,
            "wrong-policy-index",
            f"the policy in force is at {case.policy_index}, not {statement.policy_index}",
        )
    # (3) It pins each anchor for this format, and does not distrust it.
    for key_hash in statement.anchors:
        anchor = case.policy.anchors.by_key_hash(key_hash)
        if anchor is None or statement.format not in anchor.formats:
            refuse(
                case,
                "anchor-not-in-policy",
                f"the policy in force does not let the anchor {key_hash.hex()} attest {statement.format}",
            )
        if case.policy.distrusts(key_hash):
            refuse(case, "distrusted-key", f"the policy in force distrusts the anchor {key_hash.hex()}")


DEVICE_EVIDENCE = Kind(DeviceEvidence, speaking=None, judge=_judge)
