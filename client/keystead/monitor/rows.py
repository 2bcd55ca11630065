# SPDX-License-Identifier: Apache-2.0
"""What those who write rows into the state share: ids of rows by what they hold, and marks of what changed."""

import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

__all__ = ["ids_of", "select_in", "touch", "with_marks"]

_SLICE = 500

_ID_QUERIES = {
    "certificate": "SELECT certificate_id, id FROM certificate WHERE certificate_id IN (…)",
    "device": "SELECT device_id, id FROM device WHERE device_id IN (…)",
}


def touch(db: sqlite3.Connection, kind: str, what: Iterable[int | bytes]) -> None:
    """Note that verdicts may change: about a `certificate` (row id), `component`, `service`, `device` (id) or `all`."""
    db.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?)", ((kind, one) for one in what))


@lru_cache(maxsize=1024)
def with_marks(query: str, count: int) -> str:
    """A query in which `(…)` stands for `count` question marks."""
    return query.replace("(…)", f"({','.join('?' * count)})")


def select_in(db: sqlite3.Connection, query: str, keys: Iterable[Any]) -> Iterator[Any]:
    """The rows of a query in which `(…)` stands for keys, of which there may be many."""
    listed = sorted(keys)
    for at in range(0, len(listed), _SLICE):
        part = listed[at : at + _SLICE]
        yield from db.execute(with_marks(query, len(part)), part)


def ids_of(db: sqlite3.Connection, table: str, values: Iterable[bytes]) -> dict[bytes, int]:
    """Row ids of certificates or devices by their own ids."""
    return dict(select_in(db, _ID_QUERIES[table], values))
