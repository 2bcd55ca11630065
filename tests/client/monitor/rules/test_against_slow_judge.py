# SPDX-License-Identifier: Apache-2.0
"""Every rule against a slow judge that was written from the definitions, on histories by chance.

At each instant at which anything begins or ends, and beside it, a finding is open exactly while the judge says that
the fact holds, with the severity that it says, and settled exactly if it held before.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import State, Verdict
from keystead.monitor.judging import judge_device
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.model import CertificateFacts, DeviceView, KeyView, Span
from keystead.monitor.replay import load_knowledge
from keystead.monitor.rules import (
    repeat_offender,
    same_key_two_devices,
    same_key_two_subscribers,
    weak_evidence,
)
from keystead.monitor.severity import Severity
from keystead.monitor.store import Store
from keystead.monitor.subscribers import Subscribers
from keystead.monitor.views import load_component, load_key_views, load_views
from support import slow_rules
from support.random_history import RandomHistory

_HISTORIES = int(os.environ.get("KEYSTEAD_RANDOM_HISTORIES", "24"))
"""Thousands were judged so; a run of the suite takes a few of them."""

_BLOCK = 8

Facts = dict[tuple[str, bytes], list[Severity]]
Slow = Callable[[int], Facts]
Fast = Callable[[int], Verdict]


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


def _moments(edges: set[int], picks: Random) -> list[int]:
    finite = sorted(edge for edge in edges if abs(edge) < 1 << 60)
    beside = {edge + shift for edge in finite for shift in (-1, 0, 1)}
    return sorted({*beside, *(picks.randint(finite[0], finite[-1]) for _ in range(10))})


def _device_edges(view: DeviceView) -> set[int]:
    edges = {edge for held in view.enrolments for edge in (held.span.start, held.span.end)}
    edges |= {transfer.at_ms for transfer in view.transfers}
    for service in view.services.values():
        edges |= {edge for audit in service.audits for edge in (audit.start_ms, audit.end_ms)}
    return edges


def _compare(moments: list[int], fast: Fast, slow: Slow, seen: Counter[str], picks: Random) -> None:
    held: set[tuple[str, bytes]] = set()
    for moment in moments:
        verdict = fast(moment)
        by_subject = {
            (found.rule, found.subject): found for found in verdict.findings if found.rule != "shared-device"
        }
        expected = {subject: found for subject, found in slow(moment).items() if found}
        open_now = {subject: found for subject, found in by_subject.items() if found.state is State.OPEN}
        assert open_now.keys() == expected.keys()
        for subject, found in open_now.items():
            assert found.severity == max(expected[subject])
            seen[subject[0]] += 1
        held |= expected.keys()
        assert {subject for subject in by_subject if subject[0] != "repeat-offender"} == {
            subject for subject in held if subject[0] != "repeat-offender"
        }
        _check_next_change(fast, moment, verdict, picks)


def _check_next_change(fast: Fast, moment: int, verdict: Verdict, picks: Random) -> None:
    """Until the moment that a verdict names, nothing changes in what it says."""
    until = moment + 10**10 if verdict.next_change is None else verdict.next_change
    assert until > moment
    later = fast(picks.randint(moment, until - 1))
    assert later.findings == verdict.findings


def _device_facts(case: DeviceCase, moment: int) -> Facts:
    view, device_id = case.view, case.device_id
    found = {
        ("sequential-reuse", device_id): slow_rules.sequential_reuse(view, case.subscribers, moment),
        ("outside-service", device_id): slow_rules.outside_service(view, moment),
        ("tainted-device", device_id): slow_rules.tainted_device(view, moment),
    }
    for service in {held.enrolment.service for held in view.enrolments}:
        subject = ("contested-enrolment", device_id + service)
        found[subject] = slow_rules.contested_enrolment(view, service, moment)
    return found


def _key_facts(view: KeyView, subscribers: Subscribers, moment: int) -> Facts:
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


def _offender_facts(certificates: Sequence[CertificateFacts], subscribers: Subscribers, moment: int) -> Facts:
    found = slow_rules.repeat_offender(certificates, subscribers, moment)
    return {("repeat-offender", subject): severities for subject, severities in found.items()}


def _weak_facts(certificate: CertificateFacts, moment: int) -> Facts:
    subject = ("weak-evidence", certificate.certificate_id)
    return {subject: slow_rules.weak_evidence(certificate, moment)}


def _judge_all(store: Store, knowledge: Knowledge, seen: Counter[str], picks: Random) -> None:
    db = store.db
    views = load_views(db, knowledge, [device for (device,) in db.execute("SELECT id FROM device")])
    for view in views.devices.values():
        case = DeviceCase(view, views.subscribers)
        moments = _moments(_edges(view.certificates, views.subscribers) | _device_edges(view), picks)
        _compare(moments, partial(judge_device, case), partial(_device_facts, case), seen, picks)
    keys = load_key_views(
        db, knowledge, [key for (key,) in db.execute("SELECT DISTINCT key FROM certificate")]
    )
    for key in keys.keys:
        moments = _moments(_edges(key.certificates, keys.subscribers), picks)
        fast = partial(_judge_key, key, keys.subscribers)
        _compare(moments, fast, partial(_key_facts, key, keys.subscribers), seen, picks)
    for (component,) in db.execute("SELECT DISTINCT component FROM profile").fetchall():
        known = load_component(db, knowledge, component)
        certificates = list(known.certificates.values())
        moments = _moments(_edges(certificates, known.subscribers), picks)
        fast = partial(repeat_offender.judge, certificates, known.subscribers)
        _compare(moments, fast, partial(_offender_facts, certificates, known.subscribers), seen, picks)
        for one in certificates:
            moments = _moments(_edges([one], known.subscribers), picks)
            fast = partial(weak_evidence.judge, one, known.subscribers)
            _compare(moments, fast, partial(_weak_facts, one), seen, picks)


@pytest.mark.parametrize("block", range(0, _HISTORIES, _BLOCK))
async def test_every_rule_agrees_with_the_slow_judge(block: int, tmp_path: Path) -> None:
    """About devices, keys, subscribers and certificates."""
    seen: Counter[str] = Counter()
    for seed in range(block, block + _BLOCK):
        *_, history = RandomHistory(seed).steps(30)
        report = await history.monitor(tmp_path / str(seed))
        assert report.logs[0].error is None
        picks = Random(seed)
        with Store(tmp_path / str(seed)) as store:
            knowledge = load_knowledge(store.db, history.vendor.anchors())
            _judge_all(store, knowledge, seen, picks)
    # It must not hold for want of cases.
    assert len(seen) >= 6
