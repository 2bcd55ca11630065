# SPDX-License-Identifier: Apache-2.0
"""What the entries of a log are listed under, kept from when they are read until a head of the index covers them.

An entry is stored as one item, entries that were read together in one row:

    uint16 n || key (32) * n        `DOUBTFUL` is added to n where what is listed could be wrong by no fault of the
                                    log's signature; `LOST` stands for n of an entry that could not be had

An issuance entry has its leaf hash beside that, because a head names the root of the issuance log at its size.

Invariant: entries are added in order, without gaps, and taken in order.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from keystead.encoding.tls import uint16
from keystead.errors import StoreError
from keystead.index.kinds import Subject, index_key
from keystead.tlog.merkle import HASH_SIZE

__all__ = ["LOST", "SCHEMA", "Listed", "Listing", "list_under"]

SCHEMA = """
CREATE TABLE listed (
  log TEXT, start INTEGER, count INTEGER NOT NULL, items BLOB NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (log, start)
);
"""

_DOUBTFUL = 0x8000
_KEY = 32

LOST = b"\xff\xff"
"""The item of an entry that could not be had."""


def list_under(subjects: Collection[Subject], *, doubtful: bool = False) -> bytes:
    """The item of an entry that is listed under `subjects`."""
    number = len(subjects) + (_DOUBTFUL if doubtful else 0)
    return uint16(number) + b"".join(map(index_key, subjects))


class Listed(NamedTuple):
    """What an entry is listed under.

    Attributes:
        entry: its index.
        keys: of the map; None if the entry could not be had.
        doubtful: they may be wrong by no fault of the log's signature.
        leaf_hash: of an issuance entry.
    """

    entry: int
    keys: tuple[bytes, ...] | None
    doubtful: bool
    leaf_hash: bytes


class Listing:
    """The entries of one log that no head was seen to cover.

    Args:
        db: the database.
        log: which log.
        taken: how many entries a head covers.

    Attributes:
        taken: how many were taken.
    """

    def __init__(self, db: sqlite3.Connection, log: str, taken: int = 0) -> None:
        self.taken = taken
        self._db = db
        self._log = log
        self._row: list[Listed] = []
        self._start = 0

    def add(self, start: int, items: Sequence[bytes], hashes: bytes = b"") -> None:
        """Add consecutive entries.

        Args:
            start: index of the first one.
            items: one for each (`list_under`).
            hashes: their leaf hashes, one after the other; nothing for statements.
        """
        if items:
            row = (self._log, start, len(items), b"".join(items), hashes)
            self._db.execute("INSERT INTO listed VALUES (?, ?, ?, ?, ?)", row)

    def take(self, stop: int) -> Iterator[Listed]:
        """Take the entries up to, not with, `stop`. Whoever stops early has taken what was yielded.

        Raises:
            StoreError: an entry was not added.
        """
        while self.taken < stop:
            at = self.taken - self._start
            if not 0 <= at < len(self._row):
                self._load()
                continue
            self.taken += 1
            yield self._row[at]

    def _load(self) -> None:
        self.forget()
        query = "SELECT start, count, items, hashes FROM listed WHERE log = ? ORDER BY start LIMIT 1"
        row = self._db.execute(query, (self._log,)).fetchone()
        if row is None or not row[0] <= self.taken < row[0] + row[1]:
            raise StoreError(
                f"the state of the audit is damaged (it lacks what entry {self.taken} is listed under): "
                "give another file"
            )
        start, count, items, hashes = row
        self._start = start
        self._row = _decode(start, count, items, hashes)

    def forget(self) -> None:
        """Delete what was taken, row by row."""
        delete = "DELETE FROM listed WHERE log = ? AND start < ? AND start + count <= ?"
        self._db.execute(delete, (self._log, self.taken, self.taken))


def _decode(start: int, count: int, items: bytes, hashes: bytes) -> list[Listed]:
    found: list[Listed] = []
    at = 0
    for number in range(count):
        leaf_hash = hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE]
        size = int.from_bytes(items[at : at + 2])
        at += 2
        if size == int.from_bytes(LOST):
            found.append(Listed(start + number, None, doubtful=True, leaf_hash=leaf_hash))
            continue
        doubtful = bool(size & _DOUBTFUL)
        end = at + (size & ~_DOUBTFUL) * _KEY
        keys = tuple([items[place : place + _KEY] for place in range(at, end, _KEY)])
        found.append(Listed(start + number, keys, doubtful, leaf_hash))
        at = end
    return found
