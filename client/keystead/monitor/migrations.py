# SPDX-License-Identifier: Apache-2.0
"""From a state of an earlier schema version to the present one (`schema.sql`).

A state holds little that does not come back from the logs: which logs were followed, the checkpoints that they
showed, their proven lies, and the revocation lists that the user gave. A migration keeps that, makes the tables anew,
and has the logs read again from their beginning, each checked to extend what it showed before. So it can neither lose
a fork nor carry a fact along that an earlier version read differently, or passed over.

Invariant: inside one transaction of the caller; a kill leaves the old state or the new one.
"""

import sqlite3
from collections.abc import Callable

__all__ = ["OLDEST", "migrate"]

OLDEST = 1
"""The earliest schema version that can be taken over."""

_LOG = "SELECT id, name, issuance_origin, statements_origin, trust, issuance_checkpoint, statements_checkpoint FROM log"
_PUT_LOG = (
    "INSERT INTO log (id, name, issuance_origin, statements_origin, trust, issuance_checkpoint, "
    "statements_checkpoint) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
# What a log did to its entries is found again when they are read.
_LIES = "SELECT origin, kind, subject, time, detail, evidence FROM misbehaviour WHERE kind IN ('fork', 'rollback')"
_PUT_LIES = "INSERT INTO misbehaviour VALUES (?, ?, ?, ?, ?, ?)"
# Since version 3; whom they concern is found again when the logs are read.
_LISTS = {
    "revocation_list": ("digest", "issuer_key_hash"),
    "listed": ("issuer_key_hash", "serial", "reason", "time", "issuer", "list"),
}


def migrate(db: sqlite3.Connection, create: Callable[[], None]) -> None:
    """Bring the tables of a state of version `OLDEST` or later to the present.

    Args:
        db: inside a transaction.
        create: makes the present tables in a database that has none.
    """
    logs, lies = db.execute(_LOG).fetchall(), db.execute(_LIES).fetchall()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    lists = {
        table: db.execute(f"SELECT {', '.join(named)} FROM {table}").fetchall()  # noqa: S608 -- names of ours
        for table, named in _LISTS.items()
        if table in tables
    }
    for kind in ("view", "table"):
        names = db.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,)).fetchall()
        for (name,) in names:
            db.execute(f'DROP {kind} "{name}"')
    create()
    db.executemany(_PUT_LOG, logs)
    db.executemany(_PUT_LIES, lies)
    for table, rows in lists.items():
        columns, marks = ", ".join(_LISTS[table]), ", ".join("?" * len(_LISTS[table]))
        db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
