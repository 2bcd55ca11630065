# SPDX-License-Identifier: Apache-2.0
"""`sequential-reuse`: a device served one subscriber after another, and nobody stated that it changed hands.

A token that is wiped and sold again is nothing bad by itself. But nothing in an attestation shows that it was wiped
in between, so who got it should know, and it should have been stated (`device-transfer`).

The fact holds at a moment for a certificate that stands on the device then and one that had ceased to stand on it
when the later one began to, if their keys differ, their subscribers are not the same, and no transfer that was logged
by then leads from one to the other. It does not hold where the earlier subscriber came back meanwhile: then the
device serves both at the same time, which is `shared-device`'s to say.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from keystead.monitor.course import Course, Look, Strand
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import FoundSubscriber, show_time
from keystead.monitor.grouping import Groups
from keystead.monitor.model import ALWAYS, NEVER, Assurance, CertificateFacts, LoggedTransfer, Span
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.settling import (
    Change,
    alias_changes,
    claim_change,
    cover_change,
    life_change,
    settle,
    transfer_changes,
)
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
from keystead.monitor.standing import Standing

__all__ = ["BASE", "RULE", "judge"]

RULE = "sequential-reuse"
BASE = Severity.LOW


@dataclass(frozen=True, slots=True)
class _Use:
    """A certificate's whole time on the device, and how it stood there at the end."""

    certificate: CertificateFacts
    span: Span
    last: Standing


@dataclass(frozen=True, slots=True)
class _Reuse:
    """A certificate that stands on the device after those of another subscriber."""

    earlier: int
    later: Standing
    assurance: Assurance


@dataclass(slots=True)
class _Group:
    """When the certificates of one subscriber began to stand on the device, and how they ceased to."""

    starts: list[int] = field(default_factory=list)
    latest_ends: list[int] = field(default_factory=list)
    ended: dict[tuple[bool, frozenset[bytes], Assurance], list[tuple[int, bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def back_at(self, moment: int) -> int:
        """When a certificate of this subscriber stands on the device, at a moment or after it."""
        before = bisect_right(self.starts, moment)
        if before and self.latest_ends[before - 1] > moment:
            return moment
        return self.starts[before] if before < len(self.starts) else NEVER


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device at a moment."""
    if not case.may_be_shared:
        return Verdict()
    uses = list(_uses(case.standings))
    course = Course(_strands(case, uses))
    change = course.next_change(at_ms, shown_changes(case.view.certificates, case.subscribers))
    look = course.look(at_ms)
    if look is None:
        return Verdict((), change)
    return Verdict((_finding(case, uses, course, look, at_ms),), change)


def _uses(standings: Iterable[Standing]) -> Iterator[_Use]:
    for _, listed_ in groupby(standings, key=lambda standing: standing.certificate.certificate_id):
        pieces = list(listed_)
        first, last = pieces[0], pieces[-1]
        yield _Use(first.certificate, Span(first.span.start, last.span.end), last)


def _strands(case: DeviceCase, uses: Sequence[_Use]) -> Iterator[Strand[_Reuse]]:
    moments = case.subscribers.moments
    began = {use.certificate.certificate_id: use.span.start for use in uses}
    for start, end in pairwise((ALWAYS, *moments, NEVER)):
        groups = case.subscribers.at(start)
        by_group = _by_group(uses, groups)
        holders = _holders(groups)
        handed: dict[frozenset[int], int] = {}
        for later in case.standings:
            # Standings are cut where aliases were logged.
            if not start <= later.span.start < end:
                continue
            own = groups.of(later.certificate.subscriber)
            since = began[later.certificate.certificate_id]
            for group, known in by_group.items():
                if group == own:
                    continue
                pair = frozenset({group, own})
                if pair not in handed:
                    handed[pair] = _handed_over_at(case.view.transfers, holders, pair)
                until = min(later.span.end, known.back_at(since), handed[pair])
                if until <= later.span.start:
                    continue
                for (covered, domains, assurance), ended in known.ended.items():
                    if (covered and later.cell.covered) or not domains.isdisjoint(later.cell.domains):
                        continue
                    if any(gone <= since and key != later.certificate.key for gone, key in ended):
                        yield Strand(
                            Span(later.span.start, until),
                            _Reuse(group, later, min(assurance, later.cell.assurance)),
                        )


def _by_group(uses: Sequence[_Use], groups: Groups) -> dict[int, _Group]:
    found: dict[int, _Group] = defaultdict(_Group)
    for use in sorted(uses, key=lambda use: (use.span.start, use.span.end)):
        group = found[groups.of(use.certificate.subscriber)]
        group.starts.append(use.span.start)
        group.latest_ends.append(max(use.span.end, group.latest_ends[-1] if group.latest_ends else ALWAYS))
        cell = use.last.cell
        earliest = group.ended[cell.covered, cell.domains, cell.assurance]
        earliest.append((use.span.end, use.certificate.key))
        # Two keys are enough to find another than any third: the ones that ceased first.
        first_of_key: dict[bytes, int] = {}
        for gone, key in sorted(earliest):
            first_of_key.setdefault(key, gone)
        earliest[:] = [(gone, key) for key, gone in list(first_of_key.items())[:2]]
    return found


_Holders = Callable[[bytes], frozenset[int | bytes]]


def _holders(groups: Groups) -> _Holders:
    """The groups that have a subscriber id; the id itself where none has it, for transfers may pass through others."""
    by_id: dict[bytes, set[int | bytes]] = defaultdict(set)
    for group in {groups.of(number) for number in groups.profiles}:
        for identifier in groups.ids(group):
            by_id[identifier].add(group)
    return lambda identifier: frozenset(by_id.get(identifier) or {identifier})


def _handed_over_at(transfers: Iterable[LoggedTransfer], holders: _Holders, pair: frozenset[int]) -> int:
    """When transfers that lead from one subscriber to the other were logged; a chain of them leads, too."""
    parts: list[set[int | bytes]] = []
    for transfer in sorted(transfers, key=lambda transfer: (transfer.at_ms, transfer.statement)):
        named = {holder for identifier in transfer.subscribers for holder in holders(identifier)}
        touching = [part for part in parts if not part.isdisjoint(named)]
        parts = [part for part in parts if part.isdisjoint(named)]
        parts.append(named.union(*touching))
        if any(pair <= part for part in parts):
            return transfer.at_ms
    return NEVER


def _finding(
    case: DeviceCase, uses: Sequence[_Use], course: Course[_Reuse], look: Look[_Reuse], at_ms: int
) -> Finding:
    groups = case.subscribers.at(look.moment)
    device = case.view.device
    severity, comparison, reuse = max(
        (_severity(one, groups) for one in look.reasons),
        key=lambda found: (found[0], found[2].assurance, found[1].why, found[2].later.certificate.age),
    )
    later = [one.later.certificate for one in look.reasons]
    facts = by_age([*later, *_earlier(uses, look.reasons, groups)])
    subscribers = found_subscribers(facts, groups)
    settlement = None if look.lasts else _settlement(case, facts, later, look.stretch.end)
    return Finding(
        rule=RULE,
        subject=case.device_id,
        severity=severity,
        severity_why=_severity_why(reuse, comparison),
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=_summary(device.text, subscribers, comparison, settlement),
        would_settle=(
            "a CA with a certificate on the device, or the operator that enrolled it, states the transfer; or the "
            "later certificate ends"
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
            more=(
                *(transfer.statement for transfer in case.view.transfers),
                *(() if settlement is None else settlement.statements),
            ),
        ),
        certificates=tuple(
            found_certificate(
                certificate,
                groups.profiles[certificate.subscriber].label,
                min(look.moment, certificate.live.end - 1),
                device_id=case.device_id,
            )
            for certificate in facts
        ),
        exposures=course_exposures(
            course,
            lambda why: [
                why.later.certificate,
                *_earlier(uses, [why], case.subscribers.at(why.later.span.start)),
            ],
            case.subscribers,
            at_ms,
        ),
    )


def _earlier(uses: Iterable[_Use], reuses: Iterable[_Reuse], groups: Groups) -> Iterator[CertificateFacts]:
    """The certificates that had ceased to stand on the device when a later one began to."""
    wanted: dict[int, int] = {}
    for reuse in reuses:
        began = reuse.later.certificate.live.start
        wanted[reuse.earlier] = max(wanted.get(reuse.earlier, ALWAYS), began)
    for use in uses:
        began = wanted.get(groups.of(use.certificate.subscriber), ALWAYS)
        if use.span.end <= began:
            yield use.certificate


def _severity(reuse: _Reuse, groups: Groups) -> tuple[Severity, Comparison, _Reuse]:
    comparison = groups.compare(reuse.earlier, groups.of(reuse.later.certificate.subscriber))
    perhaps = comparison.sameness is Sameness.UNKNOWN
    return severity_of(BASE, reuse.assurance, perhaps=perhaps), comparison, reuse


def _severity_why(reuse: _Reuse, comparison: Comparison) -> str:
    word = {
        Assurance.ATTESTED: "both subscribers' keys are attested to be in the device",
        Assurance.CA_VERIFIED: "that both subscribers' keys are in the device is a CA's word",
        Assurance.DECLARED: "that both subscribers' keys are in the device is only declared",
    }[reuse.assurance]
    return why_severity(word, comparison)


def _settlement(
    case: DeviceCase, facts: Sequence[CertificateFacts], later: Sequence[CertificateFacts], end_ms: int
) -> Settlement:
    changes: list[Change | None] = [
        *transfer_changes(case.view.transfers, end_ms),
        *alias_changes(case.subscribers, facts, end_ms),
    ]
    for certificate in later:
        changes.append(
            life_change(certificate, end_ms)
            or cover_change(case.coverage, certificate, end_ms)
            or claim_change(certificate, case.device_id, end_ms)
        )
    return settle(changes, end_ms, "from then on the device serves both at the same time")


def _summary(
    device: str, subscribers: Sequence[FoundSubscriber], comparison: Comparison, settlement: Settlement | None
) -> str:
    perhaps = "perhaps " if comparison.sameness is Sameness.UNKNOWN else ""
    serves = "serves" if settlement is None else "served"
    sentence = (
        f"{device} {serves} {perhaps}one subscriber after another, not at the same time "
        f"({listed(subscriber.name for subscriber in subscribers)}), and no transfer between them was stated."
    )
    if settlement is None:
        return sentence
    return f"{sentence} Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
