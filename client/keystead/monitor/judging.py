# SPDX-License-Identifier: Apache-2.0
"""Which devices need judging, and what becomes of the verdicts.

Judging everything is always right; judging what was touched, and what time alone changes, gives the same
(`recording.touch`, `Timeline.next_change`). The second is for the present, whose findings the state keeps; any other
moment is judged whole and not kept.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from keystead.monitor.exposure import Timeline
from keystead.monitor.findings import Finding
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.recording import with_marks
from keystead.monitor.rules import shared_device
from keystead.monitor.store import Store
from keystead.monitor.value_text import from_text, to_text
from keystead.monitor.views import load_views

__all__ = ["judge_all", "judge_present", "kept_findings"]

_DEVICES_AT_ONCE = 200

# A device can only be shared where its certificates have two keys and two profiles of subscribers.
_CANDIDATES = (
    "SELECT device FROM claim JOIN certificate ON certificate.id = certificate "
    "GROUP BY device HAVING count(DISTINCT key) > 1 AND count(DISTINCT profile) > 1 ORDER BY device"
)
_CANDIDATES_AMONG = (
    "SELECT device FROM claim JOIN certificate ON certificate.id = certificate WHERE device IN (…) "
    "GROUP BY device HAVING count(DISTINCT key) > 1 AND count(DISTINCT profile) > 1 ORDER BY device"
)
_JUDGED_AT = "judged_at"

_TOUCHED = (
    "SELECT device FROM touched JOIN claim ON certificate = what WHERE touched.kind = 'certificate'",
    """
    SELECT device FROM touched
    JOIN profile ON component = what
    JOIN certificate ON profile = profile.id
    JOIN claim ON claim.certificate = certificate.id
    WHERE touched.kind = 'component'
    """,
    """
    SELECT device FROM touched
    JOIN certificate ON service = what
    JOIN claim ON claim.certificate = certificate.id
    WHERE touched.kind = 'service'
    """,
    """
    SELECT device FROM touched
    JOIN binding ON service = what
    JOIN claim ON claim.certificate = binding.certificate
    WHERE touched.kind = 'service'
    """,
)
"""What was touched, to the devices that certificates which it concerns stand on."""


def judge_all(db: sqlite3.Connection, knowledge: Knowledge, at_ms: int) -> Iterator[Finding]:
    """The findings about all devices, as of a moment."""
    devices = [device for (device,) in db.execute(_CANDIDATES)]
    for _, _, finding in _judge(db, knowledge, devices, at_ms):
        if finding is not None:
            yield finding


def judge_present(store: Store, knowledge: Knowledge, now_ms: int) -> None:
    """Bring the kept findings up to date: judge what changed since the last time, in one transaction.

    Args:
        store: the state.
        knowledge: of everything.
        now_ms: the present.
    """
    with store.transaction() as db:
        judged_at = store.meta(_JUDGED_AT)
        if judged_at is None or now_ms < judged_at or _all_touched(db):
            # The clock went back, or something bears on everything.
            db.execute("DELETE FROM finding")
            candidates = [device for (device,) in db.execute(_CANDIDATES)]
        else:
            devices = _touched(db, knowledge) | _due(db, now_ms)
            db.executemany("DELETE FROM finding WHERE device = ?", ((device,) for device in devices))
            candidates = list(_among(db, devices))
        for device, next_change, finding in _judge(db, knowledge, candidates, now_ms):
            if finding is not None or next_change is not None:
                text = None if finding is None else to_text(finding)
                db.execute(
                    "INSERT INTO finding VALUES (?, ?, ?, ?)", (device, shared_device.RULE, next_change, text)
                )
        db.execute("DELETE FROM touched")
        store.set_meta(_JUDGED_AT, now_ms)


def kept_findings(db: sqlite3.Connection) -> list[Finding]:
    """The findings of the last `judge_present`."""
    query = "SELECT document FROM finding WHERE document NOT NULL"
    return [from_text(Finding, text) for (text,) in db.execute(query)]


def _judge(
    db: sqlite3.Connection, knowledge: Knowledge, devices: Sequence[int], at_ms: int
) -> Iterator[tuple[int, int | None, Finding | None]]:
    """For each device, when it must be judged again and what there is to say."""
    for at in range(0, len(devices), _DEVICES_AT_ONCE):
        views = load_views(db, knowledge, devices[at : at + _DEVICES_AT_ONCE])
        for device, view in views.devices.items():
            timeline = Timeline(view, views.groups)
            yield device, timeline.next_change(at_ms), shared_device.judge(timeline, at_ms)


def _all_touched(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM touched WHERE kind = 'all'").fetchone() is not None


def _due(db: sqlite3.Connection, now_ms: int) -> set[int]:
    return {
        device for (device,) in db.execute("SELECT device FROM finding WHERE next_change <= ?", (now_ms,))
    }


def _among(db: sqlite3.Connection, devices: Iterable[int]) -> Iterator[int]:
    listed = sorted(devices)
    for at in range(0, len(listed), 500):
        part = listed[at : at + 500]
        yield from (device for (device,) in db.execute(with_marks(_CANDIDATES_AMONG, len(part)), part))


def _touched(db: sqlite3.Connection, knowledge: Knowledge) -> set[int]:
    """The devices about which something that was recorded may change the verdict."""
    found = {device for query in _TOUCHED for (device,) in db.execute(query)}
    services = [service for (service,) in db.execute("SELECT what FROM touched WHERE kind = 'service'")]
    for service in knowledge.services(services).values():
        for device_id in service.device_ids():
            row = db.execute("SELECT id FROM device WHERE device_id = ?", (device_id,)).fetchone()
            if row is not None:
                found.add(row[0])
    return found
