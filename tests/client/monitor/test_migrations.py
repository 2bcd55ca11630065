# SPDX-License-Identifier: Apache-2.0
"""A state that an earlier version made is taken over: what cannot come back is kept, all else is read again."""

import sqlite3
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.monitor import store as store_module
from keystead.monitor.findings import State
from keystead.monitor.store import DATABASE, SCHEMA_VERSION, Store
from support.history import History
from support.random_history import RandomHistory
from support.revocation_lists import list_of
from support.state_dump import dump_state

# Of the schema of version 1, what a migration reads; and a table that has a successor of another form.
_VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE log (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, issuance_origin TEXT NOT NULL UNIQUE,
    statements_origin TEXT NOT NULL UNIQUE, trust BLOB NOT NULL, issuance_checkpoint BLOB,
    statements_checkpoint BLOB, issuance_next INTEGER NOT NULL DEFAULT 0,
    statements_next INTEGER NOT NULL DEFAULT 0, issuance_time INTEGER NOT NULL DEFAULT 0,
    statements_time INTEGER NOT NULL DEFAULT 0, reexamine INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE misbehaviour (
    origin TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, time INTEGER NOT NULL, detail TEXT NOT NULL,
    evidence TEXT NOT NULL, PRIMARY KEY (origin, kind, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE finding (
    device INTEGER NOT NULL, rule TEXT NOT NULL, next_change INTEGER, document TEXT, PRIMARY KEY (device, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_next_change ON finding (next_change) WHERE next_change IS NOT NULL;
"""


async def _old_state(history: History, folder: Path) -> None:
    """A state of version 1 that had followed a history to its end."""
    await history.monitor(folder / "new")
    new = sqlite3.connect(folder / "new" / DATABASE)
    columns = (
        "id, name, issuance_origin, statements_origin, trust, issuance_checkpoint, statements_checkpoint, "
        "issuance_next, statements_next, issuance_time, statements_time, reexamine"
    )
    rows = new.execute(f"SELECT {columns} FROM log").fetchall()
    new.close()
    (folder / "old").mkdir()
    old = sqlite3.connect(folder / "old" / DATABASE)
    old.executescript(_VERSION_1)
    old.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    old.execute("INSERT INTO meta VALUES ('judged_at', 5)")
    old.execute("INSERT INTO finding VALUES (1, 'shared-device', NULL, '[]')")
    lie = ("log.example/statements", "", 7, "it forked", "{}")
    for kind in ("fork", "evidence-withheld"):
        old.execute("INSERT INTO misbehaviour VALUES (?, ?, ?, ?, ?, ?)", (lie[0], kind, *lie[1:]))
    old.execute("PRAGMA application_id = 0x4B535444")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()


async def test_a_state_of_version_1_is_taken_over(tmp_path: Path) -> None:
    """The same facts and findings as from nothing, and the fork that it remembers; it extends what it saw."""
    *_, history = RandomHistory(3).steps(20)
    await _old_state(history, tmp_path)
    expected = await history.monitor(tmp_path / "new")

    migrated = await history.monitor(tmp_path / "old")

    assert migrated.logs[0].error is None
    assert migrated.logs[0].issuance_new == expected.logs[0].issuance_size
    told = {finding.reason for finding in migrated.findings if finding.rule == "log-misbehaviour"}
    again = {finding.reason for finding in expected.findings if finding.rule == "log-misbehaviour"}
    # What a log did to its entries is found again; what it showed once and denies now was kept.
    assert told == again | {"fork"}
    others = [finding for finding in migrated.findings if finding.rule != "log-misbehaviour"]
    assert others == [finding for finding in expected.findings if finding.rule != "log-misbehaviour"]
    db = sqlite3.connect(tmp_path / "old" / DATABASE)
    db.execute("DELETE FROM misbehaviour WHERE kind = 'fork'")
    db.commit()
    db.close()
    assert dump_state(tmp_path / "old") == dump_state(tmp_path / "new")


async def test_a_log_that_forgets_what_the_old_state_saw_is_caught(tmp_path: Path) -> None:
    """The checkpoints survive: a shorter log is a rollback, not a new beginning."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    shorter = history.log.fork()
    history.certificate("Beta GmbH", serial=1)
    await _old_state(history, tmp_path)
    shorter.advance(10**6)
    shorter.publish()

    report = await history.monitor(tmp_path / "old", fetcher=shorter)

    assert "rollback" in {finding.reason for finding in report.findings}


async def test_a_migration_that_fails_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one transaction."""
    history = History()
    await _old_state(history, tmp_path)

    def broken(db: sqlite3.Connection, create: object) -> None:
        db.execute("DROP TABLE log")
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(store_module, "migrate", broken)
    with pytest.raises(StoreError, match="disk full"):
        Store(tmp_path / "old")
    monkeypatch.undo()
    db = sqlite3.connect(tmp_path / "old" / DATABASE)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM log").fetchone() == (1,)
    db.close()
    Store(tmp_path / "old").close()
    db = sqlite3.connect(tmp_path / "old" / DATABASE)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    db.close()


async def test_revocation_lists_that_were_given_before_are_kept(tmp_path: Path) -> None:
    """No log has them: without them a revoked certificate would live again until its user gives the list once more."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    revoked = history.certificate("Beta GmbH", serial=1)
    expected = await history.monitor(tmp_path, 20, lists={"a list": list_of(10, revoked)})
    before = dump_state(tmp_path)
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()

    migrated = await history.monitor(tmp_path, 20)

    assert [finding.state for finding in expected.findings if finding.rule == "shared-device"] == [
        State.SETTLED
    ]
    assert migrated.findings == expected.findings
    assert dump_state(tmp_path) == before
