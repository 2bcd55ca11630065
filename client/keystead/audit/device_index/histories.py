# SPDX-License-Identifier: Apache-2.0
"""The history of every key of an index, in the database of an audit: what the next entry is appended to.

Most keys are of one certificate and have one entry or two, so a key takes some 90 bytes.

| losing it  | the next audit begins at the first entry |
| altering it | misleads the audit that continues from it |
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from keystead.index.map_replay import KeptHistory

__all__ = ["SCHEMA", "StoredHistories"]

SCHEMA = """
CREATE TABLE history (key BLOB PRIMARY KEY, count INTEGER NOT NULL, edge BLOB NOT NULL) WITHOUT ROWID;
"""

_AT_ONCE = 500
_QUERY = "SELECT key, count, edge FROM history WHERE key IN ({})"


class StoredHistories:
    """A `HistoryStore` in a table.

    Args:
        db: the database.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def read(self, keys: Sequence[bytes]) -> dict[bytes, KeptHistory]:
        """The histories of those keys that have one."""
        found: dict[bytes, KeptHistory] = {}
        for at in range(0, len(keys), _AT_ONCE):
            part = keys[at : at + _AT_ONCE]
            for key, count, edge in self._db.execute(_QUERY.format(",".join("?" * len(part))), part):
                found[key] = KeptHistory(count, edge)
        return found

    def write(self, histories: Mapping[bytes, KeptHistory]) -> None:
        """Keep histories."""
        self._db.executemany(
            "INSERT OR REPLACE INTO history VALUES (?, ?, ?)",
            [(key, *history) for key, history in histories.items()],
        )

    def scan(self) -> Iterator[tuple[bytes, KeptHistory]]:
        """Every history, by ascending keys."""
        for key, count, edge in self._db.execute("SELECT key, count, edge FROM history ORDER BY key"):
            yield key, KeptHistory(count, edge)
