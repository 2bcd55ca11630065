# SPDX-License-Identifier: Apache-2.0
"""The monitor's rules beside the slow judge, at every instant at which anything begins or ends, and beside it.

At each of them a finding must be open exactly while the slow judge has facts for it, and settled exactly if it had some
before: with its severity, its reason, since when, what settled it and when, and every stretch in which it held.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, State, Verdict
from keystead.monitor.judging import judge_device
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.model import CertificateFacts, DeviceView, EntryName, KeyView, Span
from keystead.monitor.rules import (
    repeat_offender,
    same_key_two_devices,
    same_key_two_subscribers,
    undecodable,
    weak_evidence,
)
from keystead.monitor.subscribers import Subscribers
from keystead.monitor.views import load_certificates, load_component, load_key_views, load_views
from support import slow_rules
from support.slow_facts import Fact, Surroundings, reason_of, settled_by, severity_of_all
from support.slow_judge import is_covered

__all__ = ["Compared", "Outcome"]

Outcome = tuple[str, str | None, str]
"""A rule, a reason, and `open` or what settled it."""

_Subject = tuple[str, bytes]
_Facts = dict[_Subject, list[Fact]]


@dataclass
class _Life:
    """What became of one subject so far, as the slow judge has it."""

    stretches: list[tuple[int, int | None]] = field(default_factory=list)
    last: list[Fact] = field(default_factory=list)
    settled: str | None = None

    @property
    def since(self) -> int:
        return self.stretches[-1][0]

    @property
    def until(self) -> int | None:
        return self.stretches[-1][1]


class Compared:
    """Compares both judges on one monitor's state.

    Args:
        db: the state.
        knowledge: of everything.
        picks: chooses instants in between.

    Attributes:
        seen: how often each outcome occurred.
    """

    def __init__(self, db: sqlite3.Connection, knowledge: Knowledge, picks: Random) -> None:
        self._db = db
        self._knowledge = knowledge
        self._picks = picks
        self.seen: Counter[Outcome] = Counter()

    def everything(self) -> None:
        """Devices, keys, subscribers, certificates, and entries that cannot be read."""
        self._devices()
        self._keys()
        for (component,) in self._db.execute("SELECT DISTINCT component FROM profile").fetchall():
            known = load_component(self._db, self._knowledge, component)
            certificates = list(known.certificates.values())
            self._offenders(certificates, known.subscribers)
            for one in certificates:
                self._compare(
                    _edges([one], known.subscribers),
                    partial(weak_evidence.judge, one, known.subscribers),
                    partial(_weak_facts, one),
                    Surroundings(known.subscribers),
                )
        self._undecodable()

    def _devices(self) -> None:
        listed = [device for (device,) in self._db.execute("SELECT id FROM device")]
        views = load_views(self._db, self._knowledge, listed)
        for view in views.devices.values():
            case = DeviceCase(view, views.subscribers)
            around = Surroundings(views.subscribers, partial(is_covered, view), view.transfers)
            edges = _edges(view.certificates, views.subscribers) | _device_edges(view)
            self._compare(edges, partial(judge_device, case), partial(_device_facts, case), around)

    def _keys(self) -> None:
        listed = [key for (key,) in self._db.execute("SELECT DISTINCT key FROM certificate")]
        keys = load_key_views(self._db, self._knowledge, listed)
        for key in keys.keys:
            fast = partial(_judge_key, key, keys.subscribers)
            slow = partial(_key_facts, key, keys.subscribers)
            self._compare(
                _edges(key.certificates, keys.subscribers), fast, slow, Surroundings(keys.subscribers)
            )

    def _undecodable(self) -> None:
        rows = self._db.execute(
            "SELECT log, idx, time, problem, certificate FROM entry WHERE problem IS NOT NULL"
        ).fetchall()
        views = load_certificates(self._db, self._knowledge, {row[4] for row in rows if row[4] is not None})
        for log, index, time_ms, problem, number in rows:
            name = EntryName(self._knowledge.logs[log].issuance_origin, index)
            one = views.certificates.get(number)
            subscribers = views.subscribers
            edges = _edges([] if one is None else [one], subscribers) | {time_ms}
            # One that had ended when it was logged is told all the same, and never open.
            begun = one is None or one.end_ms > time_ms
            if begun:
                self._compare(
                    edges,
                    partial(undecodable.judge, name, time_ms, problem, one, subscribers),
                    partial(_unread_facts, name, one, time_ms),
                    Surroundings(subscribers),
                )

    def _offenders(self, certificates: Sequence[CertificateFacts], subscribers: Subscribers) -> None:
        """Who is whom is as at the instant that is judged, for the past as well: a life anew for each instant."""
        edges = _edges(certificates, subscribers)
        moments = _moments(edges, self._picks)
        for moment in moments:
            verdict = repeat_offender.judge(certificates, subscribers, moment)
            found = _by_subject(verdict.findings)
            facts = _offender_facts(slow_rules.repeat_offender(certificates, subscribers, moment))
            self._check_open(found, facts)
            self._check_next_change(
                partial(repeat_offender.judge, certificates, subscribers), moment, verdict
            )
        for moment in self._picks.sample(moments, min(4, len(moments))):
            lives: dict[_Subject, _Life] = {}
            for past in (past for past in moments if past <= moment):
                told = slow_rules.repeat_offender(certificates, subscribers, past, moment)
                _live_on(lives, _offender_facts(told), past, Surroundings(subscribers))
            self._check_lives(
                _by_subject(repeat_offender.judge(certificates, subscribers, moment).findings), lives
            )

    def _compare(
        self,
        edges: set[int],
        fast: Callable[[int], Verdict],
        slow: Callable[[int], _Facts],
        around: Surroundings,
    ) -> None:
        lives: dict[_Subject, _Life] = {}
        for moment in _moments(edges, self._picks):
            verdict = fast(moment)
            found = _by_subject(verdict.findings)
            facts = {subject: listed for subject, listed in slow(moment).items() if listed}
            self._check_open(found, facts)
            _live_on(lives, facts, moment, around)
            self._check_lives(found, lives)
            self._check_next_change(fast, moment, verdict)

    def _check_open(self, found: dict[_Subject, Finding], facts: _Facts) -> None:
        open_now = {subject: one for subject, one in found.items() if one.state is State.OPEN}
        assert open_now.keys() == facts.keys(), {rule for rule, _ in open_now.keys() ^ facts.keys()}
        for subject, one in open_now.items():
            assert one.severity == severity_of_all(facts[subject])
            assert one.reason == reason_of(facts[subject])
            self.seen[one.rule, one.reason, "open"] += 1

    def _check_lives(self, found: dict[_Subject, Finding], lives: dict[_Subject, _Life]) -> None:
        assert found.keys() == lives.keys()
        for subject, one in found.items():
            life = lives[subject]
            assert one.since_ms == life.since
            assert [(span.from_ms, span.until_ms) for span in one.exposures] == life.stretches
            if one.settlement is None:
                assert life.until is None
                continue
            assert one.settlement.at_ms == life.until
            assert one.settlement.how.value == life.settled, (one.rule, one.settlement, life.last)
            assert one.severity == severity_of_all(life.last)
            assert one.reason == reason_of(life.last)
            self.seen[one.rule, one.reason, one.settlement.how.value] += 1

    def _check_next_change(self, fast: Callable[[int], Verdict], moment: int, verdict: Verdict) -> None:
        """Until the moment that a verdict names, nothing changes in what it says; looked at now and then."""
        if self._picks.random() < 0.7:
            return
        until = moment + 10**10 if verdict.next_change is None else verdict.next_change
        assert until > moment
        assert fast(self._picks.randint(moment, until - 1)).findings == verdict.findings


def _live_on(lives: dict[_Subject, _Life], facts: _Facts, moment: int, around: Surroundings) -> None:
    """What the slow judge knows of each subject, one instant later."""
    for subject, listed in facts.items():
        life = lives.setdefault(subject, _Life())
        if not life.stretches or life.until is not None:
            life.stretches.append((moment, None))
        life.last, life.settled = listed, None
    for subject, life in lives.items():
        if subject not in facts and life.until is None:
            life.stretches[-1] = (life.since, moment)
            life.settled = settled_by(life.last, moment, around)


def _by_subject(findings: Sequence[Finding]) -> dict[_Subject, Finding]:
    found = {(one.rule, one.subject): one for one in findings}
    assert len(found) == len(findings), "one finding a fact"
    return found


def _edges(certificates: Iterable[CertificateFacts], subscribers: Subscribers) -> set[int]:
    edges = set(subscribers.moments)
    for certificate in certificates:
        spans = [certificate.valid, *(claim.span for claim in certificate.services)]
        spans += [Span(claim.since_ms, claim.ends_ms) for claim in certificate.claims]
        spans += [certificate.unrecorded] if certificate.unrecorded else []
        edges |= {edge for span in spans for edge in (span.start, span.end)}
        edges |= {
            ending.at_ms for ending in (certificate.ending, certificate.compromise) if ending is not None
        }
        edges |= {entry.time_ms for entry in certificate.entries}
    return edges


def _device_edges(view: DeviceView) -> set[int]:
    edges = {edge for held in view.enrolments for edge in (held.span.start, held.span.end)}
    edges |= {transfer.at_ms for transfer in view.transfers}
    for service in view.services.values():
        for audit in service.audits:
            edges |= {audit.start_ms, audit.end_ms, audit.planned_end_ms}
    return edges


def _moments(edges: set[int], picks: Random) -> list[int]:
    finite = sorted(edge for edge in edges if abs(edge) < 1 << 60)
    beside = {edge + shift for edge in finite for shift in (-1, 0, 1)}
    return sorted({*beside, *(picks.randint(finite[0], finite[-1]) for _ in range(5))})


def _device_facts(case: DeviceCase, moment: int) -> _Facts:
    view, device_id = case.view, case.device_id
    found = {
        ("shared-device", device_id): slow_rules.shared_device(view, case.subscribers, moment),
        ("sequential-reuse", device_id): slow_rules.sequential_reuse(view, case.subscribers, moment),
        ("outside-service", device_id): slow_rules.outside_service(view, moment),
        ("tainted-device", device_id): slow_rules.tainted_device(view, moment),
    }
    for service in {held.enrolment.service for held in view.enrolments}:
        subject = ("contested-enrolment", device_id + service)
        found[subject] = slow_rules.contested_enrolment(view, service, moment)
    return found


def _key_facts(view: KeyView, subscribers: Subscribers, moment: int) -> _Facts:
    return {
        ("same-key-two-subscribers", view.key): slow_rules.same_key_two_subscribers(
            view, subscribers, moment
        ),
        ("same-key-two-devices", view.key): slow_rules.same_key_two_devices(view, moment),
    }


def _judge_key(view: KeyView, subscribers: Subscribers, moment: int) -> Verdict:
    verdicts = [
        rule.judge(view, subscribers, moment) for rule in (same_key_two_subscribers, same_key_two_devices)
    ]
    changes = [verdict.next_change for verdict in verdicts if verdict.next_change is not None]
    return Verdict(
        tuple(found for verdict in verdicts for found in verdict.findings), min(changes, default=None)
    )


def _offender_facts(found: dict[bytes, list[Fact]]) -> _Facts:
    return {("repeat-offender", subject): facts for subject, facts in found.items()}


def _weak_facts(certificate: CertificateFacts, moment: int) -> _Facts:
    return {("weak-evidence", certificate.certificate_id): slow_rules.weak_evidence(certificate, moment)}


def _unread_facts(name: EntryName, certificate: CertificateFacts | None, logged: int, moment: int) -> _Facts:
    return {
        ("undecodable", undecodable.subject_of(name)): slow_rules.undecodable(certificate, logged, moment)
    }
