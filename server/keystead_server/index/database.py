# SPDX-License-Identifier: Apache-2.0
"""`index.sqlite`: the histories, the heads that are kept, and where the map's files were last whole.

It is no lock database: losing it loses nothing, and an older copy is an index that is a little behind. So commits are
not synced one by one. `mark_durable` does that, after the map's files were; a power cut leads back to the last mark,
from where the logs are followed again, and histories that are ahead of it are only extended by what they do not have.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from keystead.errors import StoreError

__all__ = ["DurableMark", "Figures", "HeadRow", "IndexDatabase"]

_APPLICATION = 0x4B534958  # "KSIX"
_VERSION = 2
_CACHE_KIB = 64 * 1024
_LOG_PAGES = 16_000
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
-- Which files hold the map; and how far a build from nothing has come.
CREATE TABLE build (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation TEXT NOT NULL,
    issuance   BLOB NOT NULL,
    statements BLOB NOT NULL
) STRICT;
-- `tail` holds the last 1 to 64 entries, uint64 each; `edge` the roots of the history's maximal complete subtrees,
-- left out where it has less than eight entries.
CREATE TABLE history (
    key   BLOB PRIMARY KEY,
    count INTEGER NOT NULL,
    tail  BLOB NOT NULL,
    edge  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- Level 0: the entries before the tail, 64 in each; level 6 and above: the hash of that complete subtree.
CREATE TABLE part (
    key      BLOB NOT NULL,
    level    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    data     BLOB NOT NULL,
    PRIMARY KEY (key, level, position)
) STRICT, WITHOUT ROWID;
-- Edges are size and hashes of each log's compact range.
CREATE TABLE head (
    leaf       INTEGER PRIMARY KEY,
    time       INTEGER NOT NULL,
    issuance   BLOB NOT NULL,
    statements BLOB NOT NULL,
    map_root   BLOB NOT NULL,
    top        INTEGER NOT NULL
) STRICT;
-- Slots that the head before has, and this one has not.
CREATE TABLE retired (
    leaf   INTEGER PRIMARY KEY,
    inner_ BLOB NOT NULL,
    leaves BLOB NOT NULL
) STRICT;
-- The head at which the map's files were synced, and which of their slots were free.
CREATE TABLE durable (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    leaf          INTEGER NOT NULL,
    inner_unused  INTEGER NOT NULL,
    leaves_unused INTEGER NOT NULL,
    inner_free    BLOB NOT NULL,
    leaves_free   BLOB NOT NULL
) STRICT;
-- For metrics: how many histories there are, and what was done since the index was begun.
CREATE TABLE figures (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    keys    INTEGER NOT NULL,
    batches INTEGER NOT NULL,
    seconds REAL NOT NULL
) STRICT;
"""
_FIRST = "INSERT INTO figures VALUES (1, 0, 0, 0.0)"


class HeadRow(NamedTuple):
    """A head that is kept.

    Attributes:
        leaf: its leaf index in the statement log.
        time: when it was logged, milliseconds since 1970.
        issuance, statements: how far it covers the logs: size and hashes of their compact ranges.
        map_root: the root of its map.
        top: the number of its map's top node.
    """

    leaf: int
    time: int
    issuance: bytes
    statements: bytes
    map_root: bytes
    top: int

    @property
    def issuance_size(self) -> int:
        """How many issuance entries it covers."""
        return int.from_bytes(self.issuance[:8])

    @property
    def statements_size(self) -> int:
        """How many statements it covers."""
        return int.from_bytes(self.statements[:8])


class Figures(NamedTuple):
    """What an index tells its operator.

    Attributes:
        keys: histories there are.
        batches: versions of the map that were computed since the index was begun.
        seconds: how long reading entries and computing them took.
    """

    keys: int
    batches: int
    seconds: float


class DurableMark(NamedTuple):
    """Up to which head the map's files are on disk, and their free slots then."""

    leaf: int
    inner_unused: int
    leaves_unused: int
    inner_free: bytes
    leaves_free: bytes


class IndexDatabase:
    """The database of one index, used from one thread at a time.

    Args:
        path: the file.
        writable: whether this is the indexer's connection; it makes the file where there is none.

    Raises:
        StoreError: it is missing, or not an index of this version.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._path = path
        with self._errors():
            mode = "rwc" if writable else "ro"
            self.connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=10,
            )
        try:
            with self._errors():
                self._prepare(writable)
        except StoreError:
            self.connection.close()
            raise

    def _prepare(self, writable: bool) -> None:
        execute = self.connection.execute
        if writable:
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = NORMAL")
            execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            # A batch touches a page for each of its keys: the longer the log before it is copied back, the fewer twice.
            execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            if not execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                self.connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}{_FIRST};COMMIT;")
        found = [execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if found != [_APPLICATION, _VERSION]:
            raise StoreError(f"{self._path} is no index of this version; delete it, and it is built again")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"{self._path} cannot be used ({error}); it can be deleted: the index is built again"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside becomes visible at the end, together."""
        with self._errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def generation(self) -> str | None:
        """The name of the map's files; None before there are any."""
        with self._errors():
            row = self.connection.execute("SELECT generation FROM build").fetchone()
        return None if row is None else str(row[0])

    def build_progress(self) -> tuple[bytes, bytes]:
        """How far histories were built from nothing: the edges of both logs."""
        with self._errors():
            issuance, statements = self.connection.execute(
                "SELECT issuance, statements FROM build"
            ).fetchone()
        return bytes(issuance), bytes(statements)

    def forget_histories(self) -> None:
        """Begin the histories anew."""
        with self.transaction():
            self.connection.execute("DELETE FROM history")
            self.connection.execute("DELETE FROM part")
            self.connection.execute("UPDATE figures SET keys = 0")

    def add_keys(self, count: int) -> None:
        """So many histories more there are, inside the transaction that adds them."""
        self.connection.execute("UPDATE figures SET keys = keys + ?", (count,))

    def figures(self) -> Figures:
        """As they are now."""
        with self._errors():
            return Figures(*self.connection.execute("SELECT keys, batches, seconds FROM figures").fetchone())

    def write_build(self, generation: str, issuance: bytes, statements: bytes) -> None:
        """State both, inside a transaction or alone."""
        with self._errors():
            self.connection.execute(
                "INSERT OR REPLACE INTO build VALUES (1, ?, ?, ?)", (generation, issuance, statements)
            )

    def heads(self) -> list[HeadRow]:
        """All heads that are kept, ascending."""
        with self._errors():
            return [HeadRow(*row) for row in self.connection.execute("SELECT * FROM head ORDER BY leaf")]

    def newest_head(self) -> HeadRow | None:
        """The last one."""
        with self._errors():
            row = self.connection.execute("SELECT * FROM head ORDER BY leaf DESC LIMIT 1").fetchone()
        return None if row is None else HeadRow(*row)

    def head(self, leaf: int) -> tuple[HeadRow, int | None] | None:
        """The head at a leaf index, and when the next one was logged, if there is one; None where it is not kept."""
        with self._errors():
            rows = self.connection.execute(
                "SELECT * FROM head WHERE leaf >= ? ORDER BY leaf LIMIT 2", (leaf,)
            ).fetchall()
        if not rows or rows[0][0] != leaf:
            return None
        return HeadRow(*rows[0]), rows[1][1] if len(rows) > 1 else None

    def add_head(
        self, row: HeadRow, retired_inner: bytes, retired_leaves: bytes, seconds: float = 0.0
    ) -> None:
        """Keep a head: from now on it is the one that is served. Its version took `seconds` to compute."""
        with self.transaction():
            self.connection.execute(
                "UPDATE figures SET batches = batches + 1, seconds = seconds + ?", (seconds,)
            )
            self.connection.execute("INSERT INTO head VALUES (?, ?, ?, ?, ?, ?)", row)
            self.connection.execute(
                "INSERT INTO retired VALUES (?, ?, ?)", (row.leaf, retired_inner, retired_leaves)
            )

    def retired(self, leaf: int) -> tuple[bytes, bytes]:
        """The slots of inner nodes and of leaves that the head before has and this one has not."""
        with self._errors():
            inner, leaves = self.connection.execute(
                "SELECT inner_, leaves FROM retired WHERE leaf = ?", (leaf,)
            ).fetchone()
        return bytes(inner), bytes(leaves)

    def durable(self) -> DurableMark | None:
        """The last mark."""
        with self._errors():
            row = self.connection.execute(
                "SELECT leaf, inner_unused, leaves_unused, inner_free, leaves_free FROM durable"
            ).fetchone()
        return None if row is None else DurableMark(*row)

    def mark_durable(self, mark: DurableMark, oldest: int) -> None:
        """The map's files are on disk: say so, durably, and forget the heads before `oldest`."""
        with self._errors():
            self.connection.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            self.connection.execute("DELETE FROM head WHERE leaf < ?", (oldest,))
            self.connection.execute("DELETE FROM retired WHERE leaf < ?", (oldest,))
            self.connection.execute("INSERT OR REPLACE INTO durable VALUES (1, ?, ?, ?, ?, ?)", mark)
        with self._errors():
            self.connection.execute("PRAGMA synchronous = NORMAL")

    def forget_heads_after(self, leaf: int) -> None:
        """Forget the heads after the mark: their nodes may be lost, and their slots are used again."""
        with self.transaction():
            self.connection.execute("DELETE FROM head WHERE leaf > ?", (leaf,))
            self.connection.execute("DELETE FROM retired WHERE leaf > ?", (leaf,))

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()
