# SPDX-License-Identifier: Apache-2.0
"""`repeat-offender`: a subscriber whose key was compromised gets a new certificate.

CSBR 4.2.2 has a CA look twice at an applicant whose key was compromised, and refuse who was so twice. New is what was
logged after the revocation was published: a log's times order it, the dates in certificates are their CA's to write.
The finding is medium, and high from the second compromised key on. Whether a key is in a device has no part in it.

Who is whom is as known at the moment that is judged, also for what happened before: an alias does not excuse here.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keystead.monitor.course import Course, Strand
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.grouping import Groups
from keystead.monitor.model import NEVER, CertificateFacts, Ending, Span
from keystead.monitor.settling import life_change, settle
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
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge"]

RULE = "repeat-offender"
BASE = Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class _Compromised:
    """A certificate whose key was compromised."""

    certificate: CertificateFacts
    ending: Ending


@dataclass(frozen=True, slots=True)
class _New:
    """A certificate that was logged after a compromise of its subscriber was published, and what was compromised."""

    certificate: CertificateFacts
    known: tuple[_Compromised, ...]


def judge(certificates: Sequence[CertificateFacts], subscribers: Subscribers, at_ms: int) -> Verdict:
    """What there is to say at a moment about subscribers who could be one.

    Args:
        certificates: all of theirs.
        subscribers: who is whom.
        at_ms: the moment.
    """
    groups = subscribers.at(at_ms)
    compromised: dict[int, list[_Compromised]] = defaultdict(list)
    for certificate in certificates:
        ending = certificate.compromise
        if ending is not None:
            compromised[groups.of(certificate.subscriber)].append(_Compromised(certificate, ending))
    findings: list[Finding] = []
    # Who is whom decides whose compromise it is.
    changes = [*shown_changes(certificates, subscribers)] if compromised else []
    changes += [one.ending.at_ms for known in compromised.values() for one in known]
    strands: dict[bytes, list[Strand[_New]]] = defaultdict(list)
    for group, known in compromised.items():
        known.sort(key=lambda one: (one.ending.at_ms, one.certificate.age))
        members = [one for one in certificates if groups.of(one.subscriber) == group]
        # CAs may write one subject for what is only perhaps one subscriber: one finding, of either.
        subject = groups.profiles[known[0].certificate.subscriber].subscriber_id
        strands[subject] += _strands(members, tuple(known))
    for subject, listed_strands in sorted(strands.items()):
        course = Course(listed_strands)
        change = course.next_change(at_ms)
        changes += [] if change is None else [change]
        found = _finding(subject, course, groups, subscribers, at_ms)
        findings += [] if found is None else [found]
    return Verdict(
        tuple(findings), min((moment for moment in changes if at_ms < moment < NEVER), default=None)
    )


def _strands(members: Sequence[CertificateFacts], known: tuple[_Compromised, ...]) -> Iterator[Strand[_New]]:
    published_ms = known[0].ending.at_ms
    for certificate in members:
        start, end = max(certificate.live.start, certificate.logged_ms), certificate.live.end
        if certificate.logged_ms > published_ms and start < end:
            yield Strand(Span(start, end), _New(certificate, known))


def _finding(
    subject: bytes,
    course: Course[_New],
    groups: Groups,
    subscribers: Subscribers,
    at_ms: int,
) -> Finding | None:
    look = course.look(at_ms)
    if look is None:
        return None
    known_of = {reason.known[0].certificate.certificate_id: reason.known for reason in look.reasons}
    by_subscriber = [[one for one in known if one.ending.at_ms <= look.moment] for known in known_of.values()]
    published = sorted(
        (one for known in by_subscriber for one in known),
        key=lambda one: (one.ending.at_ms, one.certificate.age),
    )
    keys = max(len({one.certificate.key for one in known}) for known in by_subscriber)
    new = by_age(one.certificate for one in look.reasons)
    facts = by_age([*(one.certificate for one in published), *new])
    settlement = None if look.lasts else _settlement(new, look.stretch.end)
    label = groups.profiles[published[0].certificate.subscriber].label
    times = "a key was" if keys == 1 else f"{keys} keys were"
    issuers = listed(sorted({certificate.issuer for certificate in new}))
    summary = (
        f"{label}, of whom {times} compromised, the first on {show_time(published[0].ending.at_ms)}, "
        f"{'has' if look.lasts else 'had'} {len(new)} certificate{'' if len(new) == 1 else 's'} that "
        f"{'was' if len(new) == 1 else 'were'} logged after that, by {issuers}."
    )
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    return Finding(
        rule=RULE,
        subject=subject,
        severity=severity_of(BASE if keys == 1 else Severity.HIGH),
        severity_why="one key was compromised" if keys == 1 else "it is not the first compromised key",
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=summary,
        would_settle="the new certificates expire or are revoked" if look.lasts else "",
        settlement=settlement,
        subscribers=found_subscribers(facts, groups),
        entries=entries_of(facts),
        statements=statements_of(
            facts, groups=groups, more=() if settlement is None else settlement.statements
        ),
        certificates=tuple(
            found_certificate(certificate, groups.profiles[certificate.subscriber].label, look.moment)
            for certificate in facts
        ),
        exposures=course_exposures(course, lambda why: [why.certificate], subscribers, at_ms),
    )


def _settlement(new: Sequence[CertificateFacts], end_ms: int) -> Settlement:
    return settle([life_change(certificate, end_ms) for certificate in new], end_ms)
