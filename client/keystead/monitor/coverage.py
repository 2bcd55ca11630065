# SPDX-License-Identifier: Apache-2.0
"""When an audited signing service covers a device for a certificate (`specs/monitor.md`, section 4).

A device is covered at a moment, for a certificate, when the certificate names a service then, a qualifying audit
of that service is in force then, and the device belongs to the service then; audit and enrolment are in the
same statement log. The spans that come in already count what acquits from when it was logged.

Where several services enrolled a device, it belongs to the one whose enrolment is the earliest, among those that
an attested certificate on the device names, or among all if none is named: nobody takes a device over by
enrolling it, and nobody loses one to a stranger who was quicker.

Invariants: spans of one certificate's coverage do not overlap and do not touch; a certificate that is not
covered at a moment has exactly one reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from keystead.monitor.model import (
    ALWAYS,
    NEVER,
    Assurance,
    CertificateFacts,
    DeviceView,
    EntryName,
    LoggedEnrolment,
    Span,
)
from keystead.statements.service_facts import Audit, StandingCode
from keystead.statements.services import Service

__all__ = ["Cover", "Coverage", "Reason", "Uncovered"]


class Reason(StrEnum):
    """Why a certificate is not covered: in this order, the first that applies."""

    NO_SERVICE = "no-service"
    UNAUDITED = "unaudited"
    NOT_QUALIFYING = "not-qualifying"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    NOT_ENROLLED = "not-enrolled"


_ORDER = list(Reason)
_OF_STANDING = {
    StandingCode.UNAUDITED: Reason.UNAUDITED,
    StandingCode.NOT_QUALIFYING: Reason.NOT_QUALIFYING,
    StandingCode.WITHDRAWN: Reason.WITHDRAWN,
    StandingCode.LAPSED: Reason.LAPSED,
    StandingCode.IN_FORCE: Reason.NOT_ENROLLED,
}


@dataclass(frozen=True, slots=True)
class LoggedAudit:
    """An audit in its log.

    Attributes:
        origin: of the statement log.
        audit: what it says.
    """

    origin: str
    audit: Audit

    @property
    def statement(self) -> EntryName:
        """Where it is logged."""
        return EntryName(self.origin, self.audit.index)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Why, and what it is about.

    Attributes:
        reason: the rule.
        service: the service that the certificate names; None where it names none.
        audit: the audit that comes closest to counting; None where there is none.
    """

    reason: Reason
    service: bytes | None = None
    audit: LoggedAudit | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """What covers a certificate over a span, as it is: an operator's word under an auditor's.

    Attributes:
        span: when.
        service: service id.
        audit: in force then.
        enrolment: of the device, then.
    """

    span: Span
    service: bytes
    audit: LoggedAudit
    enrolment: LoggedEnrolment


class Coverage:
    """The coverage of one device.

    Args:
        view: all that bears on the device.
    """

    def __init__(self, view: DeviceView) -> None:
        self._holdings = _holdings(view)
        self._services: dict[bytes, list[tuple[str, Service]]] = {}
        for (origin, service_id), service in sorted(view.services.items()):
            self._services.setdefault(service_id, []).append((origin, service))
        self._covers: dict[bytes, list[Cover]] = {}

    def covers(self, certificate: CertificateFacts) -> list[Cover]:
        """Everything that covers a certificate, at any time; the spans may overlap."""
        known = self._covers.get(certificate.certificate_id)
        if known is None:
            known = list(self._find(certificate))
            self._covers[certificate.certificate_id] = known
        return known

    def spans(self, certificate: CertificateFacts) -> list[Span]:
        """When a certificate is covered: disjoint spans, ascending."""
        merged: list[Span] = []
        for span in sorted((cover.span for cover in self.covers(certificate)), key=lambda span: span.start):
            if merged and span.start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
            else:
                merged.append(span)
        return merged

    def cover_at(self, certificate: CertificateFacts, moment: int) -> Cover | None:
        """What covers a certificate at a moment: of several, the one that lasts longest."""
        found = [cover for cover in self.covers(certificate) if moment in cover.span]
        return max(found, key=lambda cover: (cover.span.end, cover.audit.statement), default=None)

    def why_not(self, certificate: CertificateFacts, moment: int) -> Uncovered:
        """Why a certificate that is not covered at a moment is not.

        Where it names several services, or several logs know the one, what comes closest counts: any would do.
        """
        named = sorted({claim.service for claim in certificate.services if moment in claim.span})
        if not named:
            return Uncovered(Reason.NO_SERVICE)
        return max(
            (found for service_id in named for found in self._why_not(service_id, moment)),
            key=lambda found: _ORDER.index(found.reason),
        )

    def boundaries(self, certificate: CertificateFacts) -> Iterable[int]:
        """Moments at which the coverage of a certificate, or the reason why not, may change."""
        for claim in certificate.services:
            yield from (claim.span.start, claim.span.end)
            for _, service in self._services.get(claim.service, ()):
                for audit in service.audits:
                    yield from (audit.start_ms, audit.end_ms, audit.planned_end_ms)
        for span, _ in self._holdings:
            yield from (span.start, span.end)

    def _find(self, certificate: CertificateFacts) -> Iterable[Cover]:
        for claim in certificate.services:
            for origin, service in self._services.get(claim.service, ()):
                audits = [audit for audit in service.audits if audit.qualifies]
                for span, held in self._holdings:
                    if held.origin != origin or held.enrolment.service != claim.service:
                        continue
                    for audit in audits:
                        start = max(claim.span.start, span.start, audit.start_ms)
                        end = min(claim.span.end, span.end, audit.end_ms)
                        if start < end:
                            logged = LoggedAudit(origin, audit)
                            yield Cover(Span(start, end), claim.service, logged, held)

    def _why_not(self, service_id: bytes, moment: int) -> Iterable[Uncovered]:
        services = self._services.get(service_id, ())
        if not services:
            yield Uncovered(Reason.UNAUDITED, service_id)
        for origin, service in services:
            standing = service.standing(moment)
            audit = None if standing.audit is None else LoggedAudit(origin, standing.audit)
            yield Uncovered(_OF_STANDING[standing.code], service_id, audit)


def _holdings(view: DeviceView) -> list[tuple[Span, LoggedEnrolment]]:
    """Which enrolments count, and when: at every moment those of one service."""
    enrolments = view.enrolments
    if len({held.enrolment.service for held in enrolments}) <= 1:
        return [(held.span, held) for held in enrolments]
    # When an attested certificate on the device names a service: it is live, and names it, then.
    named = [
        (claim.service, Span(max(claim.span.start, live.start), min(claim.span.end, live.end)))
        for certificate in view.certificates
        if any(claim.assurance is Assurance.ATTESTED for claim in certificate.on(view.device.device_id))
        for live in (certificate.live,)
        for claim in certificate.services
    ]
    moments = sorted(
        {ALWAYS, NEVER}
        | {moment for held in enrolments for moment in (held.span.start, held.span.end)}
        | {moment for _, span in named for moment in (span.start, span.end)}
    )
    holdings: list[tuple[Span, LoggedEnrolment]] = []
    for start, end in pairwise(moments):
        active = [held for held in enrolments if start in held.span]
        spoken_for = {service for service, span in named if start in span}
        preferred = [held for held in active if held.enrolment.service in spoken_for] or active
        if preferred:
            holder = min(preferred, key=lambda held: (held.span.start, held.joined_by)).enrolment.service
            holdings += [(Span(start, end), held) for held in active if held.enrolment.service == holder]
    return holdings
