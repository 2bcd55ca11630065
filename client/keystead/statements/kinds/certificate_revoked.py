# SPDX-License-Identifier: Apache-2.0
"""`certificate-revoked`: the issuing CA ended a certificate's validity (`specs/statements.md`, section 5.7)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from keystead.encoding.rfc3339 import format_time
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_party
from keystead.statements.certificate_rights import require_own_certificate
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued

__all__ = ["CERTIFICATE_REVOKED", "CertificateRevoked", "RevocationReason"]


class RevocationReason(StrEnum):
    """CRLReason by name (RFC 5280 section 5.3.1), without the two that do not end a validity; and one more."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"
    NOT_ISSUED = "notIssued"
    """A precertificate was logged and its certificate was never made."""


_REASONS = {reason.value: reason for reason in RevocationReason}


@dataclass(frozen=True, slots=True)
class CertificateRevoked(Statement):
    """A certificate is revoked, or was never issued.

    Attributes:
        certificate: certificate id.
        issuance_index: an issuance entry of that certificate.
        on: the date of the revocation, seconds; validity ends when the statement is logged, not before.
        reason: why.
    """

    kind: ClassVar[str] = "certificate-revoked"

    certificate: bytes
    issuance_index: int
    on: int
    reason: RevocationReason

    @classmethod
    def read(cls, members: Members) -> Self:
        return cls(
            *log_and_issued(members),
            certificate=members.digest("certificate"),
            issuance_index=members.integer("issuance_index"),
            on=members.time("on"),
            reason=members.choice("reason", _REASONS),
        )

    def members(self) -> dict[str, Any]:
        return {
            "certificate": self.certificate.hex(),
            "issuance_index": self.issuance_index,
            "on": format_time(self.on),
            "reason": self.reason.value,
        }


def _judge(statement: CertificateRevoked, speaker: Speaker, case: Case) -> None:
    require_own_certificate(statement.certificate, statement.issuance_index, speaker, case)
    # The certificate is there for everybody to see, so that it was not issued cannot be said any more. Where it
    # is logged afterwards, the statement is void.
    if statement.reason is RevocationReason.NOT_ISSUED and case.view.has_final_certificate(
        statement.certificate
    ):
        refuse(
            case, "certificate-was-issued", "the certificate is logged, so it cannot be stated as not issued"
        )


CERTIFICATE_REVOKED = Kind(CertificateRevoked, speaking=speaking_party, judge=_judge)
