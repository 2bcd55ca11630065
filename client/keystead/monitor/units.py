# SPDX-License-Identifier: Apache-2.0
"""What is judged one by one, and which of it can have findings at all: devices, keys, components, certificates.

A unit is named by its kind and a value: a device and a certificate by their row ids, a component by its number, a key
by its hash. `affected` says which units something that was recorded may bear on, `candidates` which units any rule
could say something about; both err on the side of too many.
"""

import re
import sqlite3
from collections.abc import Iterable
from enum import StrEnum

from keystead.monitor.knowledge import Knowledge

__all__ = ["Unit", "affect_touched", "candidates", "clear_affected"]


class Unit(StrEnum):
    """The kinds of units."""

    DEVICE = "device"
    KEY = "key"
    COMPONENT = "component"
    CERTIFICATE = "certificate"


_AFFECTED = """
CREATE TEMP TABLE IF NOT EXISTS affected (
    unit TEXT NOT NULL,
    what ANY NOT NULL,
    PRIMARY KEY (unit, what)
) STRICT, WITHOUT ROWID
"""

_TOUCHED = (
    # What stands on a device.
    "SELECT 'device', device FROM touched JOIN claim ON certificate = what WHERE touched.kind = 'certificate'",
    """
    SELECT 'device', device FROM touched
    JOIN profile ON component = what
    JOIN certificate ON profile = profile.id
    JOIN claim ON claim.certificate = certificate.id
    WHERE touched.kind = 'component'
    """,
    """
    SELECT 'device', device FROM touched
    JOIN certificate ON service = what
    JOIN claim ON claim.certificate = certificate.id
    WHERE touched.kind = 'service'
    """,
    """
    SELECT 'device', device FROM touched
    JOIN binding ON service = what
    JOIN claim ON claim.certificate = binding.certificate
    WHERE touched.kind = 'service'
    """,
    "SELECT 'device', id FROM touched JOIN device ON device_id = what WHERE touched.kind = 'device'",
    # What certifies a key.
    "SELECT 'key', key FROM touched JOIN certificate ON id = what WHERE touched.kind = 'certificate'",
    """
    SELECT 'key', key FROM touched
    JOIN profile ON component = what
    JOIN certificate ON profile = profile.id
    WHERE touched.kind = 'component'
    """,
    # Whose it is.
    "SELECT 'component', what FROM touched WHERE touched.kind = 'component'",
    """
    SELECT 'component', component FROM touched
    JOIN certificate ON certificate.id = what
    JOIN profile ON profile.id = profile
    WHERE touched.kind = 'certificate'
    """,
    "SELECT 'certificate', what FROM touched WHERE touched.kind = 'certificate'",
)

_CANDIDATES: dict[Unit, tuple[str, ...]] = {
    Unit.DEVICE: (
        # Certificates of two keys and two profiles may share it or use it in turn.
        """
        SELECT device FROM claim JOIN certificate ON certificate.id = certificate WHERE device IN AMONG
        GROUP BY device HAVING count(DISTINCT key) > 1 AND count(DISTINCT profile) > 1
        """,
        # A compromise may taint it.
        """
        SELECT device FROM claim JOIN compromise ON compromise.certificate = claim.certificate
        WHERE device IN AMONG
        """,
        # A service may have enrolled it.
        "SELECT id FROM device JOIN enrolled ON enrolled.device_id = device.device_id WHERE id IN AMONG",
    ),
    Unit.KEY: (
        "SELECT key FROM certificate WHERE key IN AMONG GROUP BY key HAVING count(DISTINCT profile) > 1",
        """
        SELECT key FROM certificate JOIN claim ON claim.certificate = certificate.id WHERE key IN AMONG
        GROUP BY key HAVING count(DISTINCT device) > 1
        """,
    ),
    Unit.COMPONENT: (
        """
        SELECT component FROM compromise
        JOIN certificate ON certificate.id = compromise.certificate
        JOIN profile ON profile.id = profile
        WHERE component IN AMONG
        """,
    ),
    Unit.CERTIFICATE: (
        # Method 0 is `declared`.
        "SELECT id FROM certificate WHERE method = 0 AND id IN AMONG",
        "SELECT certificate FROM binding WHERE method = 0 AND certificate IN AMONG",
        """
        SELECT id FROM certificate WHERE evidence_digest NOT NULL AND id IN AMONG AND NOT EXISTS (
            SELECT 1 FROM evidence_statement WHERE certificate = certificate.id AND evidence = evidence_digest
            AND time <= (SELECT min(time) FROM entry WHERE certificate = certificate.id)
        )
        """,
    ),
}

_ALL_CLAIMED = "SELECT certificate FROM claim WHERE certificate IN AMONG"
"""A key that turned bad makes declared what was more before."""


def clear_affected(db: sqlite3.Connection) -> None:
    """Forget which units are affected."""
    db.execute(_AFFECTED)
    db.execute("DELETE FROM affected")


def affect_touched(db: sqlite3.Connection, knowledge: Knowledge, now_ms: int) -> None:
    """Note every unit about which what was touched, or time alone since it was judged, may change the verdict."""
    for query in _TOUCHED:
        db.execute(f"INSERT OR IGNORE INTO affected {query}")
    db.execute("INSERT OR IGNORE INTO affected SELECT unit, what FROM due WHERE moment <= ?", (now_ms,))
    services = [service for (service,) in db.execute("SELECT what FROM touched WHERE kind = 'service'")]
    for service in knowledge.all_services(services):
        db.executemany(
            "INSERT OR IGNORE INTO affected SELECT 'device', id FROM device WHERE device_id = ?",
            ((device_id,) for device_id in service.device_ids()),
        )


def candidates(
    db: sqlite3.Connection, knowledge: Knowledge, unit: Unit, *, only_affected: bool
) -> list[int | bytes]:
    """The units of a kind that rules could say something about, in a fixed order.

    Args:
        db: the state.
        knowledge: what is known, and what it is worth.
        unit: the kind.
        only_affected: leave out what is not affected.
    """
    queries: Iterable[str] = _CANDIDATES[unit]
    if unit is Unit.DEVICE:
        db.execute("CREATE TEMP TABLE IF NOT EXISTS enrolled (device_id BLOB PRIMARY KEY) WITHOUT ROWID")
        db.execute("DELETE FROM enrolled")
        db.executemany(
            "INSERT INTO enrolled VALUES (?)", ((device_id,) for device_id in knowledge.enrolled_devices())
        )
    if unit is Unit.CERTIFICATE and knowledge.distrusts_some_key():
        queries = (*queries, _ALL_CLAIMED)
    found: set[int | bytes] = set()
    for query in queries:
        found.update(what for (what,) in db.execute(_among(query, unit, only_affected=only_affected)))
    return sorted(found)


def _among(query: str, unit: Unit, *, only_affected: bool) -> str:
    if only_affected:
        return query.replace("AMONG", f"(SELECT what FROM affected WHERE unit = '{unit}')")  # noqa: S608 -- ours
    return re.sub(r"[a-z_.]+ IN AMONG", "TRUE", query)
