# SPDX-License-Identifier: Apache-2.0
"""`outside-service`: a device that belongs to an audited signing service also holds keys outside of it.

An attested certificate on the device is covered by a service then: it names the service, whose audit is in force and
to which the device belongs. Another certificate on the device names another service, or none. Either its CA forgot to
name the service, or somebody uses the service's device beside it. A cloud provider's device is multi-tenant by design
and makes no finding.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keystead.monitor.course import Course, Look, Strand
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import FoundCertificate, show_time
from keystead.monitor.model import Assurance, CertificateFacts, Span
from keystead.monitor.settling import Change, claim_change, cover_change, life_change, settle
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

RULE = "outside-service"
BASE = Severity.MEDIUM

_NO_SERVICE = "no-service"
_OTHER_SERVICE = "other-service"


@dataclass(frozen=True, slots=True)
class _Outside:
    """A certificate that does not name the service to which its device belongs."""

    certificate: CertificateFacts
    assurance: Assurance
    service: bytes
    reason: str


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device at a moment."""
    if case.view.device.cloud or not case.view.enrolments or len(case.view.certificates) < 2:
        return Verdict()
    inside = _inside(case)
    course = Course(_strands(case, inside))
    look = course.look(at_ms)
    findings = () if look is None else (_finding(case, inside, course, look, at_ms),)
    return Verdict(findings, course.next_change(at_ms, _shown_changes(case, inside)))


def _shown_changes(case: DeviceCase, inside: "_Inside") -> Iterator[int]:
    yield from shown_changes(case.view.certificates, case.subscribers)
    # The certificates within the service are shown beside those outside of it.
    for covered in inside.values():
        for span, _ in covered:
            yield from (span.start, span.end)
    for certificate in case.view.certificates:
        yield from case.coverage.boundaries(certificate)


_Inside = dict[bytes, list[tuple[Span, CertificateFacts]]]


def _inside(case: DeviceCase) -> _Inside:
    """By service, when attested certificates are covered by it."""
    found: _Inside = defaultdict(list)
    for certificate in case.view.certificates:
        attested = [
            span
            for span, assurance in on_device(certificate, case.device_id)
            if assurance is Assurance.ATTESTED
        ]
        for cover in case.coverage.covers(certificate):
            for span in intersection(attested, [cover.span]):
                found[cover.service].append((span, certificate))
    return found


def _strands(case: DeviceCase, inside: _Inside) -> Iterator[Strand[_Outside]]:
    for service, covered in sorted(inside.items()):
        used = union(span for span, _ in covered)
        for certificate in case.view.certificates:
            naming = union(claim.span for claim in certificate.services if claim.service == service)
            others = union(claim.span for claim in certificate.services if claim.service != service)
            for span, assurance in on_device(certificate, case.device_id):
                outside = difference(intersection(used, [span]), naming)
                for reason, stretches in (
                    (_NO_SERVICE, difference(outside, others)),
                    (_OTHER_SERVICE, intersection(outside, others)),
                ):
                    for stretch in stretches:
                        yield Strand(stretch, _Outside(certificate, assurance, service, reason))


def _finding(
    case: DeviceCase, inside: _Inside, course: Course[_Outside], look: Look[_Outside], at_ms: int
) -> Finding:
    # (1) The surest makes the severity, the newest the reason.
    best = max(one.assurance for one in look.reasons)
    newest = max(look.reasons, key=lambda one: (one.certificate.age, one.service))
    outside = by_age(one.certificate for one in look.reasons)
    within = [
        certificate
        for service in {one.service for one in look.reasons}
        for span, certificate in inside[service]
        if look.moment in span
    ]
    facts = by_age([*outside, *within])
    groups = case.subscribers.at(look.moment)
    settlement = None if look.lasts else _settlement(case, outside, look.stretch.end)
    device = case.view.device
    return Finding(
        rule=RULE,
        subject=case.device_id,
        severity=severity_of(BASE, best),
        severity_why=_SEVERITY_WHY[best],
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=_summary(case, outside, newest, settlement),
        would_settle=(
            "the CA names the service in a device-binding, if the service holds the key; or the certificate ends"
            if look.lasts
            else ""
        ),
        reason=newest.reason,
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        service=newest.service,
        subscribers=found_subscribers(facts, groups),
        entries=entries_of(facts),
        statements=statements_of(
            facts,
            case.device_id,
            groups=groups,
            more=(
                *(held.joined_by for held in case.view.enrolments),
                *(() if settlement is None else settlement.statements),
            ),
        ),
        certificates=tuple(_found(case, certificate, look.moment) for certificate in facts),
        exposures=course_exposures(course, lambda why: [why.certificate], case.subscribers, at_ms),
    )


_SEVERITY_WHY = {
    Assurance.ATTESTED: "a key outside the service is attested to be in the device",
    Assurance.CA_VERIFIED: "that a key outside the service is in the device is a CA's word",
    Assurance.DECLARED: "that a key outside the service is in the device is only declared",
}


def _found(case: DeviceCase, certificate: CertificateFacts, moment: int) -> FoundCertificate:
    covered = case.coverage.cover_at(certificate, moment) is not None
    return found_certificate(
        certificate,
        case.subscribers.profiles[certificate.subscriber].label,
        moment,
        device_id=case.device_id,
        covered=covered,
        reason=None if covered else case.coverage.why_not(certificate, moment).reason.value,
    )


def _settlement(case: DeviceCase, outside: Iterable[CertificateFacts], end_ms: int) -> Settlement:
    changes: list[Change | None] = [
        life_change(certificate, end_ms)
        or cover_change(case.coverage, certificate, end_ms)
        or claim_change(certificate, case.device_id, end_ms)
        for certificate in outside
    ]
    return settle(changes, end_ms, "no attested certificate on the device is covered by the service any more")


def _summary(
    case: DeviceCase, outside: Sequence[CertificateFacts], newest: _Outside, settlement: Settlement | None
) -> str:
    labels = sorted({case.subscribers.profiles[one.subscriber].label for one in outside})
    names = "names another service" if newest.reason == _OTHER_SERVICE else "names none"
    belongs, holds = ("belongs", "holds") if settlement is None else ("belonged", "held")
    sentence = (
        f"{case.view.device.text} {belongs} to the audited signing service {newest.service.hex()[:16]}… and {holds} "
        f"keys of certificates that do not name it ({listed(labels)}); the newest of them {names}."
    )
    if settlement is None:
        return sentence
    return f"{sentence} Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
