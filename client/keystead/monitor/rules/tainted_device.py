# SPDX-License-Identifier: Apache-2.0
"""`tainted-device`: a certificate on the device was revoked for key compromise while others on it live.

Whoever could use one key of a device may be able to use its others: a token with a known PIN, a module whose
operators were deceived. A cloud provider's device is exempt: its tenants do not share what was compromised.

The compromised certificate is on the device as long as somebody says so, although its own life has ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keystead.monitor.course import Course, Strand
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.model import NEVER, Assurance, CertificateFacts, Span
from keystead.monitor.settling import Change, claim_change, life_change, settle
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
from keystead.monitor.spans import intersection, union
from keystead.monitor.standing import on_device, said_on_device

__all__ = ["BASE", "RULE", "judge"]

RULE = "tainted-device"
BASE = Severity.HIGH


@dataclass(frozen=True, slots=True)
class _Taint:
    """A certificate that lives on a device with a compromised one."""

    certificate: CertificateFacts
    assurance: Assurance


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device at a moment."""
    compromised = [one for one in case.view.certificates if one.compromise is not None]
    if case.view.device.cloud or not compromised:
        return Verdict()
    course = Course(_strands(case, compromised))
    look = course.look(at_ms)
    change = course.next_change(at_ms, _shown_changes(case, compromised))
    if look is None:
        return Verdict((), change)
    best = max(one.assurance for one in look.reasons)
    living = by_age(one.certificate for one in look.reasons)
    known = [
        one for one in compromised if any(look.moment in span for span, _ in _tainting(one, case.device_id))
    ]
    facts = by_age([*known, *living])
    groups = case.subscribers.at(look.moment)
    subscribers = found_subscribers(facts, groups)
    settlement = None if look.lasts else _settlement(case, living, known, look.stretch.end)
    device = case.view.device
    finding = Finding(
        rule=RULE,
        subject=case.device_id,
        severity=severity_of(BASE, best),
        severity_why=_SEVERITY_WHY[best],
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=_summary(case, known, living, settlement),
        would_settle=(
            "the CAs revoke the other certificates, or they expire; or who put the compromised one on the device "
            "takes that back"
            if look.lasts
            else ""
        ),
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        subscribers=subscribers,
        entries=entries_of(facts),
        statements=statements_of(
            facts,
            case.device_id,
            groups=groups,
            more=() if settlement is None else settlement.statements,
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
    return Verdict((finding,), change)


def _shown_changes(case: DeviceCase, compromised: Sequence[CertificateFacts]) -> Iterator[int]:
    yield from shown_changes(case.view.certificates, case.subscribers)
    yield from (one.compromise.at_ms for one in compromised if one.compromise is not None)


def _tainting(certificate: CertificateFacts, device_id: bytes) -> list[tuple[Span, Assurance]]:
    """When a compromised certificate is said to be on a device, from when its compromise was published."""
    compromise = certificate.compromise
    if compromise is None:
        return []
    return said_on_device(certificate, device_id, Span(compromise.at_ms, NEVER))


def _strands(case: DeviceCase, compromised: Sequence[CertificateFacts]) -> Iterator[Strand[_Taint]]:
    tainted = [piece for one in compromised for piece in _tainting(one, case.device_id)]
    # What is surely tainted is also perhaps tainted: the surest at each moment is enough.
    by_assurance: dict[Assurance, list[Span]] = {}
    for assurance in sorted({sure for _, sure in tainted}):
        by_assurance[assurance] = union(span for span, sure in tainted if sure >= assurance)
    for certificate in case.view.certificates:
        # A compromised certificate does not live any more when its own compromise is known.
        for span, sure in on_device(certificate, case.device_id):
            for assurance, spans in by_assurance.items():
                for stretch in intersection([span], spans):
                    yield Strand(stretch, _Taint(certificate, min(sure, assurance)))


_SEVERITY_WHY = {
    Assurance.ATTESTED: "the compromised key and another are attested to be in the device",
    Assurance.CA_VERIFIED: "that both the compromised key and another are in the device is a CA's word",
    Assurance.DECLARED: "that both the compromised key and another are in the device is only declared",
}


def _settlement(
    case: DeviceCase, living: Sequence[CertificateFacts], known: Sequence[CertificateFacts], end_ms: int
) -> Settlement:
    changes: list[Change | None] = [
        life_change(certificate, end_ms) or claim_change(certificate, case.device_id, end_ms)
        for certificate in living
    ]
    changes += [claim_change(certificate, case.device_id, end_ms) for certificate in known]
    return settle(changes, end_ms)


def _summary(
    case: DeviceCase,
    known: Sequence[CertificateFacts],
    living: Sequence[CertificateFacts],
    settlement: Settlement | None,
) -> str:
    labels = [case.subscribers.profiles[one.subscriber].label for one in known]
    others = sorted({case.subscribers.profiles[one.subscriber].label for one in living})
    holds = "holds" if settlement is None else "held"
    first = min(one.compromise.at_ms for one in known if one.compromise is not None)
    sentence = (
        f"{case.view.device.text} {holds} keys of live certificates ({listed(others)}) beside one that was revoked for "
        f"key compromise on {show_time(first)} ({listed(sorted(set(labels)))})."
    )
    if settlement is None:
        return sentence
    return f"{sentence} Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
