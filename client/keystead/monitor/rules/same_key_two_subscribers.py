# SPDX-License-Identifier: Apache-2.0
"""`same-key-two-subscribers`: one public key is certified for distinct subscribers.

Either they share a key, or a CA took one subscriber's evidence or request for another's: evidence is public and
proves no possession, which the finding says.

The fact holds at a moment for the certificates whose validity had begun by then, other than those of which their CA
had stated that they were never made, as long as one of them lives. A CA's word about devices has no part in it, so
severity has no step for assurance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from keystead.monitor.course import see
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.grouping import Groups
from keystead.monitor.model import NEVER, CertificateFacts, KeyView, Span
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.settling import Change, alias_changes, life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    by_age,
    entries_of,
    found_certificate,
    found_exposures,
    found_subscribers,
    listed,
    shown_changes,
    statements_of,
    why_severity,
)
from keystead.monitor.spans import union
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge"]

RULE = "same-key-two-subscribers"
BASE = Severity.HIGH


def judge(view: KeyView, subscribers: Subscribers, at_ms: int) -> Verdict:
    """What there is to say about a key at a moment."""
    if not subscribers.ever_differ(certificate.subscriber for certificate in view.certificates):
        return Verdict()
    stretches = union(_certified_for_two(view.certificates, subscribers))
    if not stretches:
        return Verdict()
    shown = shown_changes(view.certificates, subscribers)
    changes = (edge for edge in (*_edges(view.certificates, subscribers), *shown) if at_ms < edge < NEVER)
    change = min(changes, default=None)
    look = see(stretches, at_ms)
    if look is None:
        return Verdict((), change)
    facts = by_age(one for one in view.certificates if look.moment in one.existed)
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
        exposures=found_exposures(
            ((stretch, _existing_in(view.certificates, stretch)) for stretch in stretches), subscribers, at_ms
        ),
    )
    return Verdict((finding,), change)


def _edges(certificates: Sequence[CertificateFacts], subscribers: Subscribers) -> set[int]:
    """The moments at which a certificate begins or ends, or who is whom changes."""
    spans = [span for certificate in certificates for span in (certificate.existed, certificate.live)]
    return {*subscribers.moments, *(edge for span in spans for edge in (span.start, span.end))}


def _certified_for_two(certificates: Sequence[CertificateFacts], subscribers: Subscribers) -> Iterator[Span]:
    """The stretches between two edges in which certificates of two subscribers exist and any lives."""
    changes: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for certificate in certificates:
        for span, exists, lives in ((certificate.existed, 1, 0), (certificate.live, 0, 1)):
            if span.start < span.end:
                changes[span.start].append((certificate.subscriber, exists, lives))
                changes[span.end].append((certificate.subscriber, -exists, -lives))
    profiles: Counter[int] = Counter()
    groups: Counter[int] = Counter()
    living = 0
    for start, end in pairwise(sorted(_edges(certificates, subscribers))):
        known = subscribers.at(start)
        for profile, exists, lives in changes[start]:
            profiles[profile] += exists
            group = known.of(profile)
            groups[group] += exists
            if not groups[group]:
                del groups[group]
            living += lives
        if start in subscribers.moments:
            groups = Counter()
            for profile, count in (+profiles).items():
                groups[known.of(profile)] += count
        if living and len(groups) > 1:
            yield Span(start, end)


def _existing_in(certificates: Iterable[CertificateFacts], stretch: Span) -> list[CertificateFacts]:
    """The certificates that exist at any time in a stretch."""
    return [
        one
        for one in certificates
        if max(one.existed.start, stretch.start) < min(one.existed.end, stretch.end)
    ]


def _most_different(certificates: Sequence[CertificateFacts], groups: Groups) -> Comparison:
    """Why the two subscribers who are most surely two are not the same."""
    present = dict.fromkeys(groups.of(certificate.subscriber) for certificate in certificates)
    perhaps: Comparison | None = None
    for pair in combinations(present, 2):
        found = groups.compare(*pair)
        if found.sameness is Sameness.DIFFERENT:
            return found
        perhaps = perhaps or found
    assert perhaps is not None  # noqa: S101 -- the fact takes two
    return perhaps


def _settlement(subscribers: Subscribers, facts: Sequence[CertificateFacts], end_ms: int) -> Settlement:
    changes: list[Change | None] = [life_change(certificate, end_ms) for certificate in facts]
    changes += alias_changes(subscribers, facts, end_ms)
    return settle(changes, end_ms)
