# SPDX-License-Identifier: Apache-2.0
"""`audit-withdrawal`: an auditor says that its audit no longer stands (`specs/statements.md`, section 5.5)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.encoding.rfc3339 import format_time
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_party
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued

__all__ = ["AUDIT_WITHDRAWAL", "AuditWithdrawal"]


@dataclass(frozen=True, slots=True)
class AuditWithdrawal(Statement):
    """An audit is withdrawn.

    Attributes:
        audit: SHA-256 of the payload of the `service-audit`, as it was signed.
        service: the service that the audit is about.
        from_: the first second in which the audit does not stand any more, before or after this is logged.
        reason: in words.
    """

    kind: ClassVar[str] = "audit-withdrawal"

    audit: bytes
    service: bytes
    from_: int
    reason: str

    @classmethod
    def read(cls, members: Members) -> Self:
        return cls(
            *log_and_issued(members),
            audit=members.digest("audit"),
            service=members.digest("service"),
            from_=members.time("from"),
            reason=members.long_text("reason"),
        )

    def members(self) -> dict[str, Any]:
        return {
            "audit": self.audit.hex(),
            "service": self.service.hex(),
            "from": format_time(self.from_),
            "reason": self.reason,
        }


def _judge(statement: AuditWithdrawal, speaker: Speaker, case: Case) -> None:
    service = case.view.service(statement.service)
    audits = () if service is None else service.audits_of(statement.audit)
    if not audits:
        refuse(case, "unknown-audit", "no such audit of this service is logged")
    # Names, not keys, so that an auditor with a new key can still withdraw what it signed with the old one.
    if speaker.party is None or all(audit.auditor != speaker.party.name for audit in audits):
        refuse(case, "not-the-auditor", "the audit was signed by another auditor, who alone can withdraw it")


AUDIT_WITHDRAWAL = Kind(AuditWithdrawal, speaking=speaking_party, judge=_judge)
