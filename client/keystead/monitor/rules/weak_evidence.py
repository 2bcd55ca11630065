# SPDX-License-Identifier: Apache-2.0
"""`weak-evidence`: a device is only declared, or evidence that a certificate names was never recorded.

`declared` is method 0, or a word that rests on a key that had turned bad; it is judged for each device that a
certificate is said to be on. `evidence-missing` is a digest in the extension that no statement of any log records for
this certificate: a log that does as it should admits none such, others may. What excuses (better evidence, a better
word, the record) does so from when it was logged.
"""

from collections.abc import Iterator

from keystead.monitor.course import Course, Strand
from keystead.monitor.findings import Finding, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.model import Assurance, CertificateFacts, DeviceClaim, Span
from keystead.monitor.settling import life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    course_exposures,
    entries_of,
    found_certificate,
    found_subscribers,
    shown_changes,
    statements_of,
)
from keystead.monitor.spans import difference, intersection, union
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge"]

RULE = "weak-evidence"
BASE = Severity.MEDIUM

_DECLARED = "declared"
_MISSING = "evidence-missing"

_SAID = {
    _DECLARED: "is said to have its key in a device, and that is only declared",
    _MISSING: "names evidence that no log recorded for it",
}
_WOULD_SETTLE = {
    _DECLARED: "evidence is logged for the certificate, or its CA vouches by a better method in a device-binding",
    _MISSING: "the evidence that the certificate names is logged",
}


def judge(certificate: CertificateFacts, subscribers: Subscribers, at_ms: int) -> Verdict:
    """What there is to say about a certificate at a moment."""
    course = Course(_strands(certificate))
    change = course.next_change(at_ms, shown_changes([certificate], subscribers))
    look = course.look(at_ms)
    if look is None:
        return Verdict((), change)
    reason = min(look.reasons)
    groups = subscribers.at(look.moment)
    label = groups.profiles[certificate.subscriber].label
    settlement = (
        None
        if look.lasts
        else settle(
            [life_change(certificate, look.stretch.end)], look.stretch.end, "better evidence was logged"
        )
    )
    summary = f"A certificate of {label}, by {certificate.issuer}, {_SAID[reason]}."
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    devices = sorted({claim.device_id for claim in certificate.claims})
    finding = Finding(
        rule=RULE,
        subject=certificate.certificate_id,
        severity=severity_of(BASE),
        severity_why="a log that admits this asks others to believe a bare word",
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=summary,
        would_settle=f"{_WOULD_SETTLE[reason]}; or it ends" if look.lasts else "",
        reason=reason,
        settlement=settlement,
        device=devices[0] if len(devices) == 1 else None,
        key=certificate.key,
        subscribers=found_subscribers([certificate], groups),
        entries=entries_of([certificate]),
        statements=statements_of([certificate]),
        certificates=(found_certificate(certificate, label, look.moment),),
        exposures=course_exposures(course, lambda _: [certificate], subscribers, at_ms),
    )
    return Verdict((finding,), change)


def _strands(certificate: CertificateFacts) -> Iterator[Strand[str]]:
    live, logged = certificate.live, certificate.logged_ms
    known = union([Span(max(live.start, logged), live.end)])
    for device_id in sorted({claim.device_id for claim in certificate.claims}):
        claims = certificate.on(device_id)
        declared = union(_said(claim) for claim in claims if claim.assurance is Assurance.DECLARED)
        better = union(_said(claim) for claim in claims if claim.assurance > Assurance.DECLARED)
        for span in difference(intersection(known, declared), better):
            yield Strand(span, _DECLARED)
    if certificate.unrecorded is not None:
        for span in intersection(known, union([certificate.unrecorded])):
            yield Strand(span, _MISSING)


def _said(claim: DeviceClaim) -> Span:
    return Span(claim.since_ms, max(claim.since_ms, claim.ends_ms))
