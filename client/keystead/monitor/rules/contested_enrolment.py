# SPDX-License-Identifier: Apache-2.0
"""`contested-enrolment`: a service enrolled a device that carries attested certificates, none of which names it.

Anybody whom an auditor audited can enrol any device. This takes nothing from whoever holds it (`coverage`), but an
operator that lists devices of others is worth a look: the finding is reported against the operator.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from keystead.certificate.name import printable
from keystead.monitor.course import Course, Strand
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.model import Assurance, CertificateFacts, LoggedEnrolment, Span
from keystead.monitor.settling import Change, life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    by_age,
    course_exposures,
    entries_of,
    found_certificate,
    found_subscribers,
    listed,
    shown_changes,
    statements_of,
)
from keystead.monitor.spans import difference, intersection, union
from keystead.monitor.standing import on_device

__all__ = ["BASE", "RULE", "judge"]

RULE = "contested-enrolment"
BASE = Severity.LOW


@dataclass(frozen=True, slots=True)
class _Contest:
    """An attested certificate on a device that a service enrolled without being named by any."""

    certificate: CertificateFacts
    enrolment: LoggedEnrolment


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device, and each service that enrolled it, at a moment."""
    held: dict[bytes, list[LoggedEnrolment]] = defaultdict(list)
    for logged in case.view.enrolments:
        held[logged.enrolment.service].append(logged)
    findings: list[Finding] = []
    changes: list[int] = []
    for service, enrolments in sorted(held.items()):
        course = Course(_strands(case, service, enrolments))
        change = course.next_change(at_ms, shown_changes(case.view.certificates, case.subscribers))
        changes += [] if change is None else [change]
        found = _finding(case, service, course, at_ms)
        findings += [] if found is None else [found]
    return Verdict(tuple(findings), min(changes, default=None))


def _strands(
    case: DeviceCase, service: bytes, enrolments: list[LoggedEnrolment]
) -> Iterator[Strand[_Contest]]:
    attested: list[tuple[Span, CertificateFacts]] = [
        (span, certificate)
        for certificate in case.view.certificates
        for span, assurance in on_device(certificate, case.device_id)
        if assurance is Assurance.ATTESTED
    ]
    naming = union(
        named
        for span, certificate in attested
        for named in intersection(
            [span], union(claim.span for claim in certificate.services if claim.service == service)
        )
    )
    for logged in enrolments:
        for span, certificate in attested:
            for stretch in difference(intersection([span], [logged.span]), naming):
                yield Strand(stretch, _Contest(certificate, logged))


def _finding(case: DeviceCase, service: bytes, course: Course[_Contest], at_ms: int) -> Finding | None:
    look = course.look(at_ms)
    if look is None:
        return None
    facts = by_age(one.certificate for one in look.reasons)
    joined = sorted({one.enrolment.joined_by for one in look.reasons})
    operator = _operator(case, look.reasons[0].enrolment)
    groups = case.subscribers.at(look.moment)
    subscribers = found_subscribers(facts, groups)
    settlement = None if look.lasts else _settlement(facts, look.reasons[0], look.stretch.end)
    device = case.view.device
    has = "has enrolled" if look.lasts else "had enrolled"
    names = listed(subscriber.name for subscriber in subscribers)
    summary = (
        f"{operator} {has} {device.text} in its signing service {service.hex()[:16]}…, but none of the attested "
        f"certificates on the device names that service; they are of {names}."
    )
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    return Finding(
        rule=RULE,
        subject=case.device_id + service,
        severity=severity_of(BASE),
        severity_why="an enrolment that nobody confirms takes nothing from anybody",
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=summary,
        would_settle=(
            "the operator states that the device left, or a CA names the service for a certificate on it"
            if look.lasts
            else ""
        ),
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        service=service,
        subscribers=subscribers,
        entries=entries_of(facts),
        statements=statements_of(
            facts,
            case.device_id,
            groups=groups,
            more=(*joined, *(() if settlement is None else settlement.statements)),
        ),
        certificates=tuple(
            found_certificate(
                certificate,
                groups.profiles[certificate.subscriber].label,
                look.moment,
                device_id=case.device_id,
            )
            for certificate in facts
        ),
        exposures=course_exposures(course, lambda why: [why.certificate], case.subscribers, at_ms),
    )


def _operator(case: DeviceCase, logged: LoggedEnrolment) -> str:
    """Who runs the service, by the last audit of it."""
    service = case.view.services[logged.origin, logged.enrolment.service]
    return printable(service.audits[-1].statement.operator_name)


def _settlement(facts: list[CertificateFacts], contest: _Contest, end_ms: int) -> Settlement:
    changes: list[Change | None] = [life_change(certificate, end_ms) for certificate in facts]
    left = contest.enrolment.span.end == end_ms
    return settle(
        changes,
        end_ms,
        "the device left the service" if left else "an attested certificate names the service",
    )
