# SPDX-License-Identifier: Apache-2.0
"""`same-key-two-subscribers`: one public key is certified for distinct subscribers.

Either they share a key, or a CA took one subscriber's evidence or request for another's: evidence is public and
proves no possession, which the finding says.

The fact holds at a moment for the certificates whose validity had begun by then, other than those of which their CA
had stated that they were never made, as long as one of them lives. A CA's word about devices has no part in it, so
severity has no step for assurance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from keystead.monitor.course import Course, Strand
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.grouping import Groups
from keystead.monitor.model import CertificateFacts, KeyView, Span
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.settling import Change, alias_changes, life_change, settle
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
    why_severity,
)
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge"]

RULE = "same-key-two-subscribers"
BASE = Severity.HIGH


@dataclass(frozen=True, slots=True)
class _Certified:
    """The certificates of a key through a stretch in which no other begins and none ends."""

    certificates: tuple[CertificateFacts, ...]


def judge(view: KeyView, subscribers: Subscribers, at_ms: int) -> Verdict:
    """What there is to say about a key at a moment."""
    if not subscribers.ever_differ(certificate.subscriber for certificate in view.certificates):
        return Verdict()
    course = Course(_strands(view.certificates, subscribers))
    change = course.next_change(at_ms, shown_changes(view.certificates, subscribers))
    look = course.look(at_ms)
    if look is None:
        return Verdict((), change)
    (state,) = look.reasons
    facts = by_age(state.certificates)
    groups = subscribers.at(look.moment)
    comparison = _most_different(facts, groups)
    concerned = found_subscribers(facts, groups)
    settlement = None if look.lasts else _settlement(subscribers, facts, look.stretch.end)
    perhaps = comparison.sameness is Sameness.UNKNOWN
    names = listed(subscriber.name for subscriber in concerned)
    issuers = listed(sorted({certificate.issuer for certificate in facts}))
    summary = (
        f"The public key {view.key.hex()[:16]}… {'is' if look.lasts else 'was'} certified for "
        f"{'perhaps ' if perhaps else ''}{len(concerned)} subscribers ({names}) by {issuers}. They share a key, or "
        "a CA certified for one what another showed: evidence is public and proves no possession."
    )
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    finding = Finding(
        rule=RULE,
        subject=view.key,
        severity=severity_of(BASE, perhaps=perhaps),
        severity_why=why_severity("certificates prove it, whatever is said about devices", comparison),
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=summary,
        would_settle=(
            "the CAs revoke all certificates of the key, or they expire; or an alias, if the subscribers are one"
            if look.lasts
            else ""
        ),
        settlement=settlement,
        key=view.key,
        subscribers=concerned,
        entries=entries_of(facts),
        statements=statements_of(
            facts, groups=groups, more=() if settlement is None else settlement.statements
        ),
        certificates=tuple(
            found_certificate(certificate, groups.profiles[certificate.subscriber].label, look.moment)
            for certificate in facts
        ),
        exposures=course_exposures(course, lambda why: why.certificates, subscribers, at_ms),
    )
    return Verdict((finding,), change)


def _strands(
    certificates: Sequence[CertificateFacts], subscribers: Subscribers
) -> Iterator[Strand[_Certified]]:
    edges = set(subscribers.moments)
    for certificate in certificates:
        for span in (certificate.existed, certificate.live):
            edges |= {span.start, span.end}
    for start, end in pairwise(sorted(edges)):
        if not any(start in certificate.live for certificate in certificates):
            continue
        groups = subscribers.at(start)
        begun = tuple(certificate for certificate in certificates if start in certificate.existed)
        if len({groups.of(certificate.subscriber) for certificate in begun}) > 1:
            yield Strand(Span(start, end), _Certified(begun))


def _most_different(certificates: Sequence[CertificateFacts], groups: Groups) -> Comparison:
    """Why the two subscribers who are most surely two are not the same."""
    present = sorted({groups.of(certificate.subscriber) for certificate in certificates})
    found = [groups.compare(first, second) for first, second in combinations(present, 2)]
    return max(found, key=lambda one: (one.sameness is Sameness.DIFFERENT, one.why))


def _settlement(subscribers: Subscribers, facts: Sequence[CertificateFacts], end_ms: int) -> Settlement:
    changes: list[Change | None] = [life_change(certificate, end_ms) for certificate in facts]
    changes += alias_changes(subscribers, facts, end_ms)
    return settle(changes, end_ms)
