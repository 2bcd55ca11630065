# SPDX-License-Identifier: Apache-2.0
"""Was a certificate's signing service audited then, and is it now? (`specs/monitor.md`, section 4)

Of a device all is known, so the answer is whether it is covered for the certificate: named, audited, enrolled. Where
something else was asked for, other certificates on the device are not known, and the answer stops at the audit:
`in-force`, or why none is.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keystead.certificate.name import printable
from keystead.monitor.coverage import Coverage, Reason
from keystead.monitor.found import show_time
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.model import NEVER, CertificateFacts, EntryName
from keystead.statements.service_facts import Standing, StandingCode

__all__ = ["COVERED", "AuditStanding", "device_standing", "service_standing"]

COVERED = "covered"

_BEST = [
    StandingCode.IN_FORCE,
    StandingCode.LAPSED,
    StandingCode.WITHDRAWN,
    StandingCode.NOT_QUALIFYING,
    StandingCode.UNAUDITED,
]


@dataclass(frozen=True, slots=True)
class AuditStanding:
    """How a certificate stood at a moment.

    Attributes:
        at_ms: the moment.
        code: `covered` or `in-force`; else why not, as a finding's `reason` has it.
        service: the service that the certificate names; None where it names none.
        name: of the service, safe to print; None where no audit of it is known.
        auditor: who audited it, safe to print; None where nobody did.
        until_ms: when it ends, by what is known; None where it is not so, or has no end.
        statement: the audit.
    """

    at_ms: int
    code: str
    service: bytes | None = None
    name: str | None = None
    auditor: str | None = None
    until_ms: int | None = None
    statement: EntryName | None = None

    @property
    def good(self) -> bool:
        """Whether a qualifying audit is in force, and covers what is asked about."""
        return self.code in {COVERED, StandingCode.IN_FORCE.value}

    @property
    def text(self) -> str:
        """For people."""
        if self.code == Reason.NO_SERVICE.value:
            return "-"
        by = "" if self.auditor is None else f", {self.auditor}"
        until = "" if self.until_ms is None else f" until {show_time(self.until_ms)[:10]}"
        return f"{self.code}{until}{by}"

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "at": show_time(self.at_ms),
            "standing": self.code,
            "audited": self.good,
            "service": None if self.service is None else self.service.hex(),
            "auditor": self.auditor,
            "until": None if self.until_ms is None else show_time(self.until_ms),
            "statement": None if self.statement is None else self.statement.to_json(),
        }


def device_standing(
    coverage: Coverage, certificate: CertificateFacts, knowledge: Knowledge, at_ms: int
) -> AuditStanding:
    """Whether the device is covered for a certificate at a moment."""
    cover = coverage.cover_at(certificate, at_ms)
    if cover is not None:
        audit = cover.audit
        end = None if cover.span.end >= NEVER else cover.span.end
        name = _name(cover.service, knowledge)
        return AuditStanding(
            at_ms, COVERED, cover.service, name, printable(audit.audit.auditor), end, audit.statement
        )
    why = coverage.why_not(certificate, at_ms)
    service, logged = why.service, why.audit
    return AuditStanding(
        at_ms,
        why.reason.value,
        service,
        None if service is None else _name(service, knowledge),
        None if logged is None else printable(logged.audit.auditor),
        None,
        None if logged is None else logged.statement,
    )


def service_standing(certificate: CertificateFacts, knowledge: Knowledge, at_ms: int) -> AuditStanding:
    """Whether a service that a certificate names is audited at a moment: of several, the one that stands best."""
    named = sorted({claim.service for claim in certificate.services if at_ms in claim.span})
    if not named:
        return AuditStanding(at_ms, Reason.NO_SERVICE.value)
    return min(
        (found for service in named for found in _standings(service, knowledge, at_ms)),
        key=lambda found: (_BEST.index(StandingCode(found.code)), -(found.until_ms or 0)),
    )


def _standings(service_id: bytes, knowledge: Knowledge, at_ms: int) -> Iterable[AuditStanding]:
    services = knowledge.services([service_id])
    if not services:
        yield AuditStanding(at_ms, StandingCode.UNAUDITED.value, service_id)
    for (origin, _), service in sorted(services.items()):
        standing: Standing = service.standing(at_ms)
        audit = standing.audit
        yield AuditStanding(
            at_ms,
            standing.code.value,
            service_id,
            printable(service.name),
            None if audit is None else printable(audit.auditor),
            audit.end_ms if audit is not None and standing.code is StandingCode.IN_FORCE else None,
            None if audit is None else EntryName(origin, audit.index),
        )


def _name(service_id: bytes, knowledge: Knowledge) -> str | None:
    return next((printable(one.name) for one in knowledge.services([service_id]).values()), None)
