# SPDX-License-Identifier: Apache-2.0
"""The monitor's state: one SQLite database in its folder (`schema.sql`).

What losing or altering it means: nothing in it is a source of truth but `log.trust`, the checkpoints, and the
revocation lists that its user gave (`listed`), who must give them again. All else is derived from the logs and comes
back, with the same result, from an empty folder; only what a log showed once and denies now (`misbehaviour`, an older
checkpoint) is lost for good. Who can alter it decides what is reported.

Invariants:

* what was read from a log and how far it was read are written in one transaction, so a kill at any instant
  leaves a state from which following goes on with the same result;
* a database of an earlier schema version is brought to the present one (`migrations`); of a later one, or of another
  program, it is refused;
* one process has it open for writing at a time; others may read meanwhile, and see what was committed.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keystead.errors import StoreError
from keystead.monitor.migrations import OLDEST, migrate

__all__ = ["DATABASE", "SCHEMA_VERSION", "Store", "create_tables"]

DATABASE = "monitor.sqlite"
SCHEMA_VERSION = 5

_APPLICATION_ID = 0x4B535444  # "KSTD"
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 16_384
"""64 MiB."""
_LOCK = "monitor.lock"
_PATIENCE = 5.0
"""Seconds to wait for a reader or writer that is about to finish."""


class Store:
    """The database of one monitor. Use it as a context manager.

    Args:
        folder: made if it is not there.

    Raises:
        StoreError: the folder cannot be used, is in use, or holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / DATABASE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("wb")
        except OSError as error:
            raise StoreError(f"{self.path} cannot be opened: {error}") from error
        try:
            # Held for as long as the process lives: a second monitor on the same state would undo this one's work.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh = not self.path.exists() or self.path.stat().st_size == 0
            self.db = sqlite3.connect(self.path, isolation_level=None, timeout=_PATIENCE)
        except BlockingIOError as error:
            self._lock.close()
            raise StoreError(f"{self.path} is in use by another monitor") from error
        except (OSError, sqlite3.Error) as error:
            self._lock.close()
            raise StoreError(f"{self.path} cannot be opened: {error}") from error
        try:
            self._prepare(fresh)
        except BaseException:
            self.close()
            raise

    @classmethod
    @contextmanager
    def reading(cls, folder: Path) -> Iterator[sqlite3.Connection]:
        """The database of a monitor that may be running: what is committed, to be read and not written.

        Raises:
            StoreError: there is none, or it is of another schema version.
        """
        path = folder / DATABASE
        if not path.exists():
            raise StoreError(
                f"{folder} holds no monitor's state: give the folder of `keystead monitor --state`"
            )
        try:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
            try:
                # One view of it, whatever is committed meanwhile.
                db.execute("BEGIN")
                marks = tuple(
                    db.execute(f"PRAGMA {mark}").fetchone()[0] for mark in ("application_id", "user_version")
                )
                if marks != (_APPLICATION_ID, SCHEMA_VERSION):
                    raise StoreError(
                        f"{path} is no monitor's state of this version: run `keystead monitor` on it"
                    )
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be read: {error}") from error

    def _prepare(self, fresh: bool) -> None:
        db = self.db
        try:
            if not fresh:
                self._require_ours()
            db.execute("PRAGMA journal_mode = WAL")
            # A crash of the machine may lose the last transactions, never half of one; the log has them still.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            db.execute("PRAGMA temp_store = MEMORY")
            # Pages that many transactions write again are copied into the database once.
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            db.execute("BEGIN IMMEDIATE")
            if self._number("PRAGMA user_version") == 0 and not self._number(
                "SELECT count(*) FROM sqlite_master"
            ):
                self._create()
            elif self._number("PRAGMA user_version") < SCHEMA_VERSION:
                migrate(db, self._create)
            db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self.path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path} is not a monitor's database: {error}") from error

    def _require_ours(self) -> None:
        application, version = self._number("PRAGMA application_id"), self._number("PRAGMA user_version")
        if (application, version) == (0, 0) and not self._number("SELECT count(*) FROM sqlite_master"):
            return
        if application != _APPLICATION_ID:
            raise StoreError(f"{self.path} is not a monitor's database; give an empty folder with --state")
        if not OLDEST <= version <= SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema version {version}, and this program needs {SCHEMA_VERSION}: give an empty "
                "folder, and the state is built again from the logs"
            )

    def _create(self) -> None:
        create_tables(self.db)
        self.db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _number(self, query: str) -> int:
        (value,) = self.db.execute(query).fetchone()
        return int(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the state go."""
        self.db.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is written inside.

        Raises:
            StoreError: the database failed; nothing was written.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} failed: {error}") from error

    def meta(self, name: str) -> Any:
        """A value kept under a name; None where there is none."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: str, value: str | int | bytes) -> None:
        """Keep a value, inside a transaction of the caller."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables of `schema.sql`, empty, in a database that has none."""
    schema = resources.files("keystead.monitor").joinpath("schema.sql").read_text("utf-8")
    for statement in schema.split(";\n"):
        if statement.strip():
            db.execute(statement)
