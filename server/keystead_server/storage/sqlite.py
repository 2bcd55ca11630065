# SPDX-License-Identifier: Apache-2.0
"""The lock database in SQLite: what the log signed last, and the rows it knows things by.

It is trusted. Losing it ends the log: nobody else knows what was signed last (a backup that is older than
what is published is refused). Altering it can make the log sign a second history or accept a duplicate.

* WAL with `synchronous=FULL`: a commit is durable when it returns, and readers never wait for it;
* a commit is one `BEGIN IMMEDIATE` transaction: of two processes, one waits and then finds other heads;
* opening never creates: a path with a typing error fails, and does not start a second history;
* after a COMMIT that failed, or an I/O error, what is on disk is unknown: the store refuses to commit from
  then on.

Each thread reads through a connection of its own. A point read takes microseconds and touches no network, so
an event loop may wait for it.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from keystead.errors import StoreError
from keystead_server.storage.interface import BrokenError, ConflictError, Heads, Row

__all__ = ["SCHEMA_VERSION", "SQLiteHeadStore"]

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of the databases that this code reads and writes."""

_APPLICATION_ID = 0x4B657973
# "Keys": `PRAGMA application_id`, by which a foreign database is told.

_SCHEMA = """
CREATE TABLE log (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    holder     INTEGER NOT NULL,   -- who may commit: goes up by one with each take-over
    issuance   BLOB,               -- the signed checkpoints, and the time of the last batch in ms;
    statements BLOB,               -- all three are NULL before the first
    time       INTEGER
) STRICT;
INSERT INTO log (one, holder) VALUES (1, 0);
CREATE TABLE rows (
    space INTEGER NOT NULL,
    key   BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
"""

_READ_LOG = "SELECT holder, issuance, statements, time FROM log"
_WRITE_HEADS = "UPDATE log SET issuance = ?, statements = ?, time = ?"
_READ_ROW = "SELECT value FROM rows WHERE space = ? AND key = ?"
_WRITE_ROW = "INSERT INTO rows (space, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"

_LOG_PAGES = 8000
# Pages of 4 KiB in the write-ahead log, about, before they are copied back to the database.

_CACHE_KIB = 32 * 1024
# Memory for the writer's pages.

_PAGE = 500
# Rows of a scan that are read in one go, so that no reader holds the write-ahead log back for long.

_SCAN = f"SELECT key, value FROM rows WHERE space = ? AND key >= ? ORDER BY key LIMIT {_PAGE}"  # noqa: S608
_SCAN_TO = _SCAN.replace("ORDER", "AND key < ? ORDER")

_LOOK_UP = (
    "SELECT 0, key, value FROM rows WHERE space = ? AND key = ? "
    "UNION ALL SELECT 1, key, value FROM rows WHERE space = ? AND key >= ? AND key < ?"
)

_FATAL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _Reader(NamedTuple):
    """A thread's connection for reading, and the lock that it is used and closed under."""

    connection: sqlite3.Connection
    lock: threading.Lock


class SQLiteHeadStore:
    """A `HeadStore` in one SQLite file, with its `-wal` and `-shm` beside it."""

    def __init__(self, path: Path) -> None:
        """Open the database at `path`, which `create` made.

        Raises:
            StoreError: it is missing, foreign, incomplete or of another version.
        """
        self._path = path
        self._holder = -1
        self._broken = ""
        self._lock = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._readers_lock = threading.Lock()
        self._readers: list[_Reader] = []
        if not path.is_file():
            raise StoreError(f"the lock database {path} is missing: put it back from the latest backup")
        with self._errors("opened"):
            self._writer = _connect(path)
        try:
            with self._errors("opened"):
                self._check_schema()
                if self._writer.execute("PRAGMA journal_mode = WAL").fetchall() != [("wal",)]:
                    raise StoreError(
                        f"the lock database {path} is on a file system that has no shared memory for SQLite's "
                        "write-ahead log: put the folder on a local disk"
                    )
                self._writer.execute("PRAGMA synchronous = FULL")
                # Keys are mostly digests, so a batch touches pages all over the table: the longer the log
                # before it is copied back, and the more pages in memory, the fewer are written twice.
                self._writer.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
                self._writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                # On macOS, fsync alone leaves the drive's cache alone.
                self._writer.execute("PRAGMA fullfsync = ON")
                self._writer.execute("PRAGMA checkpoint_fullfsync = ON")
        except StoreError:
            self._writer.close()
            raise

    @classmethod
    def create(cls, path: Path) -> "SQLiteHeadStore":
        """Make a database at `path`, durably, and open it. A crash leaves none there, or a whole one.

        Raises:
            StoreError: there is one already, or it cannot be written.
        """
        draft = path.with_name(f"{path.name}.new")
        try:
            for leftover in (
                draft,
                *(draft.with_name(draft.name + end) for end in ("-journal", "-wal", "-shm")),
            ):
                leftover.unlink(missing_ok=True)
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            connection = _connect(draft)
            try:
                connection.executescript(
                    f"PRAGMA synchronous = FULL; BEGIN IMMEDIATE; PRAGMA application_id = {_APPLICATION_ID};"
                    f"PRAGMA user_version = {SCHEMA_VERSION}; {_SCHEMA} COMMIT"
                )
            finally:
                connection.close()
            # With a rollback journal, COMMIT synced the file itself; what follows makes its name durable.
            os.link(draft, path)
            draft.unlink()
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError as error:
            raise StoreError(f"{path} is there already: a lock database is never replaced") from error
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the lock database {path} cannot be created: {error}") from error
        return cls(path)

    def take_over(self) -> Heads | None:
        """As `HeadStore.take_over`."""
        # Should a commit have failed before, this write also settles it: it takes the place of what that left in
        # the write-ahead log, which so can never come back.
        with self._transaction() as writer:
            holder, *heads = writer.execute(_READ_LOG).fetchall()[0]
            writer.execute("UPDATE log SET holder = ?", (holder + 1,))
        self._holder = holder + 1
        return _heads(heads)

    def held(self) -> bool:
        """As `HeadStore.held`."""
        return bool(self._read(_READ_LOG)[0][0] == self._holder)

    def heads(self) -> Heads | None:
        """As `HeadStore.heads`."""
        return _heads(self._read(_READ_LOG)[0][1:])

    def commit(self, expected: Heads | None, new: Heads, rows: Sequence[Row]) -> None:
        """As `HeadStore.commit`."""
        with self._transaction() as writer:
            holder, *heads = writer.execute(_READ_LOG).fetchall()[0]
            if holder != self._holder:
                raise ConflictError("another server has taken this log over: stop this one")
            if _heads(heads) != expected:
                raise ConflictError("the log was moved on by another server: stop this one")
            written = writer.executemany(_WRITE_ROW, rows).rowcount if rows else 0
            if written != len(rows):
                _check_rows(writer, rows)
            writer.execute(_WRITE_HEADS, (new.issuance, new.statements, new.time))

    def get(self, space: int, key: bytes) -> bytes | None:
        """As `HeadStore.get`."""
        found = self._read(_READ_ROW, space, key)
        return found[0][0] if found else None

    def look_up(
        self, space: int, key: bytes, listed: int, prefix: bytes
    ) -> tuple[bytes | None, list[tuple[bytes, bytes]]]:
        """As `HeadStore.look_up`."""
        end = _end_of(prefix)
        if end is None:
            return self.get(space, key), [*self.scan(listed, prefix)]
        value: bytes | None = None
        rows: list[tuple[bytes, bytes]] = []
        for of_list, found, data in self._read(_LOOK_UP, space, key, listed, prefix, end):
            if of_list:
                rows.append((found, data))
            else:
                value = data
        return value, rows

    def scan(self, space: int, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """As `HeadStore.scan`."""
        first = max(prefix, start)
        end = _end_of(prefix)
        while True:
            bounds = (space, first) if end is None else (space, first, end)
            page = self._read(_SCAN if end is None else _SCAN_TO, *bounds)
            yield from page
            if len(page) < _PAGE:
                return
            first = page[-1][0] + b"\x00"

    def close(self) -> None:
        """As `HeadStore.close`."""
        with self._lock, self._readers_lock:
            self._closed = True
            self._broken = self._broken or f"the lock database {self._path} is closed"
            for connection, lock in self._readers:
                # Closing a connection that another thread is reading from would crash the process.
                with lock:
                    connection.close()
            self._writer.close()

    def _check_schema(self) -> None:
        application = self._writer.execute("PRAGMA application_id").fetchall()[0][0]
        version = self._writer.execute("PRAGMA user_version").fetchall()[0][0]
        if application != _APPLICATION_ID:
            raise StoreError(f"{self._path} is not the lock database of a log")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"the lock database {self._path} is of version {version}, and this server reads {SCHEMA_VERSION}: "
                "run the version of Keystead that wrote it"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors("written"):
            if self._broken:
                raise BrokenError(self._broken)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                raise
            try:
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                # The last page may have reached the disk before the error did: only recovery can tell. Whoever does
                # that must not find the transaction open.
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                raise self._now_broken(f"a commit to {self._path} failed ({error})") from error

    def _read(self, sql: str, *parameters: int | bytes) -> list[Any]:
        # No context manager here: this is the point read that an event loop waits for.
        try:
            reader: _Reader = self._local.reader
        except AttributeError:
            reader = self._open_reader()
        connection, lock = reader
        try:
            with lock:
                # All rows at once: a statement left half-read would hold an old snapshot open.
                return connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the lock database {self._path} cannot be read: {error}") from error

    def _open_reader(self) -> _Reader:
        with self._readers_lock, self._errors("opened"):
            if self._closed:
                raise StoreError(self._broken)
            reader = _Reader(_connect(self._path), threading.Lock())
            self._readers.append(reader)
            reader.connection.execute("PRAGMA query_only = ON")
        self._local.reader = reader
        return reader

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            sentence = f"the lock database {self._path} cannot be {what}: {error}"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FATAL and what == "written":
                raise self._now_broken(sentence) from error
            raise StoreError(sentence) from error

    def _now_broken(self, sentence: str) -> BrokenError:
        self._broken = f"{sentence}; what is on disk is unknown: restart the log, which recovers"
        return BrokenError(self._broken)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: a path where nothing is must not become an empty database.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _heads(columns: Sequence[Any]) -> Heads | None:
    issuance, statements, time = columns
    return None if time is None else Heads(issuance, statements, time)


def _end_of(prefix: bytes) -> bytes | None:
    """The first key after all that begin with `prefix`; None where there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None


def _check_rows(writer: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Some rows were there before: they must be the same."""
    for space, key, value in rows:
        if writer.execute(_READ_ROW, (space, key)).fetchall() != [(value,)]:
            raise StoreError(f"row {key.hex()} of space {space} is there with another value")
