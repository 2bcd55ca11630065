# SPDX-License-Identifier: Apache-2.0
"""`service-audit`: an auditor audited a signing service (`specs/statements.md`, section 5.4).

A service is known from its first audit on. Its id is made from the operator's founding key and the service's
name, so an audit can only speak of the service of whoever held that key first. Whether an audit *qualifies* is
another question (`qualification`): what does not is recorded all the same.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Self

from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import StatementError
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_party
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued

__all__ = ["SERVICE_AUDIT", "ServiceAudit", "service_id_of"]

_SCHEMES = {scheme.value: scheme for scheme in AuditScheme}
_SERVICE_ID = b"keystead/service/v1\n"


def service_id_of(founding_key: bytes, service_name: str) -> bytes:
    """The id of the service that was founded with a key (DER SubjectPublicKeyInfo) under a name."""
    return sha256(_SERVICE_ID + sha256(founding_key).digest() + service_name.encode()).digest()


@dataclass(frozen=True, slots=True)
class ServiceAudit(Statement):
    """A service, run by an operator with a statement key, was audited under a scheme.

    Attributes:
        service: service id.
        service_name: the name in the service id.
        founding_key: DER SubjectPublicKeyInfo in the service id.
        operator_name: who runs the service.
        operator_key: DER SubjectPublicKeyInfo of the operator's statement key, as the auditor knows it.
        scheme: of the audit.
        auditor: the signing party's name in the policy.
        not_before: first second in which the audit is in force.
        not_after: last second in which it is.
        period_start: first second of the audited period, if stated.
        period_end: last second of it, if stated.
        report: where the report is, or what it is called.
    """

    kind: ClassVar[str] = "service-audit"

    service: bytes
    service_name: str
    founding_key: bytes
    operator_name: str
    operator_key: bytes
    scheme: AuditScheme
    auditor: str
    not_before: int
    not_after: int
    period_start: int | None = None
    period_end: int | None = None
    report: str | None = None

    def __post_init__(self) -> None:
        if self.service != service_id_of(self.founding_key, self.service_name):
            raise StatementError(
                "the service's id is not made from the founding key and the service name that the audit states",
                check="service-id-mismatch",
            )
        if self.not_after < self.not_before:
            raise StatementError("the audit ends before it begins", check="audit-ends-before-it-begins")
        if (
            self.period_start is not None
            and self.period_end is not None
            and self.period_end < self.period_start
        ):
            raise StatementError(
                "the audited period ends before it begins", check="audit-ends-before-it-begins"
            )

    @classmethod
    def read(cls, members: Members) -> Self:
        operator_name, operator_key = members.object("operator", _operator)
        return cls(
            *log_and_issued(members),
            service=members.digest("service"),
            service_name=members.text("service_name"),
            founding_key=members.key("founding_key"),
            operator_name=operator_name,
            operator_key=operator_key,
            scheme=members.choice("scheme", _SCHEMES),
            auditor=members.text("auditor"),
            not_before=members.time("not_before"),
            not_after=members.time("not_after"),
            period_start=members.optional("period_start", members.time),
            period_end=members.optional("period_end", members.time),
            report=members.optional("report", members.long_text),
        )

    def members(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "service": self.service.hex(),
            "service_name": self.service_name,
            "founding_key": encode_base64(self.founding_key),
            "operator": {"name": self.operator_name, "key": encode_base64(self.operator_key)},
            "scheme": self.scheme.value,
            "auditor": self.auditor,
            "not_before": format_time(self.not_before),
            "not_after": format_time(self.not_after),
        }
        if self.period_start is not None:
            value["period_start"] = format_time(self.period_start)
        if self.period_end is not None:
            value["period_end"] = format_time(self.period_end)
        if self.report is not None:
            value["report"] = self.report
        return value


def _operator(members: Members) -> tuple[str, bytes]:
    return members.text("name"), members.key("key")


def _judge(statement: ServiceAudit, speaker: Speaker, case: Case) -> None:
    if speaker.party is None or statement.auditor != speaker.party.name:
        refuse(case, "auditor-not-signer", "the audit names another auditor than the party that signed it")


SERVICE_AUDIT = Kind(ServiceAudit, speaking=speaking_party, judge=_judge)
