# SPDX-License-Identifier: Apache-2.0
"""Every unit before the rules that concern it, and what becomes of the verdicts.

Judging everything is always right; judging what was touched, and what time alone changes, gives the same (`units`,
`Verdict.next_change`). The second is for the present, whose findings the state keeps; any other moment is judged
whole and not kept.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Verdict
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.model import EntryName
from keystead.monitor.rules import (
    contested_enrolment,
    outside_service,
    repeat_offender,
    same_key_two_devices,
    same_key_two_subscribers,
    sequential_reuse,
    shared_device,
    tainted_device,
    undecodable,
    weak_evidence,
)
from keystead.monitor.store import Store
from keystead.monitor.units import Unit, affect_touched, candidates, clear_affected
from keystead.monitor.value_text import from_text, to_text
from keystead.monitor.views import load_certificates, load_component, load_key_views, load_views

__all__ = ["judge_all", "judge_device", "judge_present", "judge_undecodable", "kept_findings"]

_AT_ONCE = 200
_JUDGED_AT = "judged_at"

_DEVICE_RULES = (shared_device, sequential_reuse, outside_service, contested_enrolment, tainted_device)


def judge_all(db: sqlite3.Connection, knowledge: Knowledge, at_ms: int) -> Iterator[Finding]:
    """The findings about all devices, keys, subscribers and certificates, as of a moment."""
    for unit in Unit:
        listed = candidates(db, knowledge, unit, only_affected=False)
        for _, verdict in _judge(db, knowledge, unit, listed, at_ms):
            yield from verdict.findings


def judge_present(store: Store, knowledge: Knowledge, now_ms: int) -> None:
    """Bring the kept findings up to date: judge what changed since the last time, in one transaction.

    Args:
        store: the state.
        knowledge: of everything.
        now_ms: the present.
    """
    with store.transaction() as db:
        judged_at = store.meta(_JUDGED_AT)
        # If the clock went back, or something bears on everything, all is judged anew.
        everything = judged_at is None or now_ms < judged_at or _all_touched(db)
        clear_affected(db)
        if everything:
            db.execute("DELETE FROM finding")
            db.execute("DELETE FROM due")
        else:
            affect_touched(db, knowledge, now_ms)
            for table in ("finding", "due"):
                db.execute(f"DELETE FROM {table} WHERE (unit, what) IN (SELECT unit, what FROM affected)")  # noqa: S608
        for unit in Unit:
            listed = candidates(db, knowledge, unit, only_affected=not everything)
            for what, verdict in _judge(db, knowledge, unit, listed, now_ms):
                _keep(db, unit, what, verdict)
        db.execute("DELETE FROM touched")
        store.set_meta(_JUDGED_AT, now_ms)


def kept_findings(db: sqlite3.Connection) -> list[Finding]:
    """The findings of the last `judge_present`."""
    return [from_text(Finding, text) for (text,) in db.execute("SELECT document FROM finding")]


def judge_undecodable(db: sqlite3.Connection, knowledge: Knowledge, at_ms: int) -> Iterator[Finding]:
    """The findings about entries that cannot be read; they are few, and judged every time."""
    rows = db.execute(
        "SELECT log, idx, time, problem, certificate FROM entry WHERE problem IS NOT NULL ORDER BY log, idx"
    ).fetchall()
    known = [row for row in rows if knowledge.knows(row[2])]
    for at in range(0, len(known), _AT_ONCE):
        part = known[at : at + _AT_ONCE]
        views = load_certificates(db, knowledge, {row[4] for row in part if row[4] is not None})
        for log, index, time_ms, problem, certificate in part:
            name = EntryName(knowledge.logs[log].issuance_origin, index)
            facts = views.certificates.get(certificate)
            yield from undecodable.judge(name, time_ms, problem, facts, views.subscribers, at_ms).findings


def judge_device(case: DeviceCase, at_ms: int) -> Verdict:
    """What all rules about devices say about one."""
    return _together([rule.judge(case, at_ms) for rule in _DEVICE_RULES])


def _judge(
    db: sqlite3.Connection, knowledge: Knowledge, unit: Unit, listed: Sequence[Any], at_ms: int
) -> Iterator[tuple[int | bytes, Verdict]]:
    """What there is to say about units of one kind."""
    for at in range(0, len(listed), _AT_ONCE):
        part = listed[at : at + _AT_ONCE]
        match unit:
            case Unit.DEVICE:
                views = load_views(db, knowledge, part)
                for device, view in views.devices.items():
                    yield device, judge_device(DeviceCase(view, views.subscribers), at_ms)
            case Unit.KEY:
                keys = load_key_views(db, knowledge, part)
                for key in keys.keys:
                    said = [
                        rule.judge(key, keys.subscribers, at_ms)
                        for rule in (same_key_two_subscribers, same_key_two_devices)
                    ]
                    yield key.key, _together(said)
            case Unit.COMPONENT:
                for component in part:
                    known = load_component(db, knowledge, component)
                    certificates = list(known.certificates.values())
                    yield component, repeat_offender.judge(certificates, known.subscribers, at_ms)
            case Unit.CERTIFICATE:
                known = load_certificates(db, knowledge, part)
                for number, certificate in known.certificates.items():
                    yield number, weak_evidence.judge(certificate, known.subscribers, at_ms)


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    changes = [verdict.next_change for verdict in verdicts if verdict.next_change is not None]
    return Verdict(
        tuple(finding for verdict in verdicts for finding in verdict.findings), min(changes, default=None)
    )


def _keep(db: sqlite3.Connection, unit: Unit, what: int | bytes, verdict: Verdict) -> None:
    db.executemany(
        "INSERT INTO finding VALUES (?, ?, ?, ?, ?)",
        [(unit, what, finding.rule, finding.subject, to_text(finding)) for finding in verdict.findings],
    )
    if verdict.next_change is not None:
        db.execute("INSERT INTO due VALUES (?, ?, ?)", (unit, what, verdict.next_change))


def _all_touched(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM touched WHERE kind = 'all'").fetchone() is not None
