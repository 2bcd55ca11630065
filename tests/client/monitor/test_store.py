# SPDX-License-Identifier: Apache-2.0
"""The state's database: made once, refused where it is something else, written all or nothing."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.monitor.store import DATABASE, SCHEMA_VERSION, Store


def _write(store: Store, query: str, then: Callable[[], object] = lambda: None) -> None:
    with store.transaction() as db:
        store.set_meta("name", "value")
        db.execute(query)
        then()


def test_a_folder_is_made_and_opened_again(tmp_path: Path) -> None:
    """What was kept is there."""
    with Store(tmp_path / "a" / "b") as store, store.transaction():
        store.set_meta("name", "value")
    with Store(tmp_path / "a" / "b") as store:
        assert store.meta("name") == "value"
        assert store.meta("other") is None


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """An error inside leaves nothing of it."""
    with Store(tmp_path) as store:
        with pytest.raises(ZeroDivisionError):
            _write(store, "SELECT 1", lambda: 1 // 0)
        assert store.meta("name") is None


def test_a_failure_of_the_database_is_a_store_error(tmp_path: Path) -> None:
    """And leaves nothing of the transaction."""
    with Store(tmp_path) as store:
        with pytest.raises(StoreError):
            _write(store, "INSERT INTO nowhere VALUES (1)")
        assert store.meta("name") is None


def test_a_second_monitor_is_refused(tmp_path: Path) -> None:
    """For as long as the first has it open."""
    with Store(tmp_path), pytest.raises(StoreError, match="in use"):
        Store(tmp_path)
    Store(tmp_path).close()


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Whatever it holds."""
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()

    with pytest.raises(StoreError, match="not a monitor's database"):
        Store(tmp_path)
    db = sqlite3.connect(tmp_path / DATABASE)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()


def test_bytes_that_are_no_database_are_refused(tmp_path: Path) -> None:
    """A text file under the name."""
    (tmp_path / DATABASE).write_text("not a database, and long enough to be looked at" * 50)

    with pytest.raises(StoreError, match="not a monitor's database"):
        Store(tmp_path)


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    """The sentence says what to do."""
    with Store(tmp_path) as store:
        store.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    with pytest.raises(StoreError, match="give an empty folder"):
        Store(tmp_path)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    """One clear sentence, no traceback."""
    (tmp_path / "state").write_text("")

    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "state")


def test_a_database_that_died_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    """The schema is one transaction: there is all of it or none."""
    sqlite3.connect(tmp_path / DATABASE).close()

    with Store(tmp_path) as store:
        assert store.meta("name") is None
