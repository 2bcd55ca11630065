# SPDX-License-Identifier: Apache-2.0
"""How far the device index was rebuilt: one row of the state of an audit."""

import sqlite3
from dataclasses import dataclass, field
from typing import Self

from keystead.errors import ParseError, StoreError
from keystead.tlog.merkle import HASH_SIZE, CompactRange

__all__ = ["SCHEMA", "IndexPosition"]

SCHEMA = """
CREATE TABLE index_position (
  one INTEGER PRIMARY KEY CHECK (one = 1), issuance INTEGER NOT NULL, edge BLOB NOT NULL, statements INTEGER NOT NULL,
  heads INTEGER NOT NULL, other_tree INTEGER NOT NULL, other_map INTEGER NOT NULL
);
"""


@dataclass(slots=True)
class IndexPosition:
    """Where the last head that was followed stands.

    Attributes:
        tree: the issuance log as far as it is covered.
        statements: how many statements are covered.
        heads: how many heads there were.
        other_tree, other_map: whether the last one named another root than it should.
    """

    tree: CompactRange = field(default_factory=CompactRange)
    statements: int = 0
    heads: int = 0
    other_tree: bool = False
    other_map: bool = False

    @classmethod
    def load(cls, db: sqlite3.Connection) -> Self:
        """As it was saved.

        Raises:
            StoreError: the row is damaged.
        """
        row = db.execute(
            "SELECT issuance, edge, statements, heads, other_tree, other_map FROM index_position"
        ).fetchone()
        if row is None:
            return cls()
        size, edge, statements, heads, other_tree, other_map = row
        hashes = [edge[at : at + HASH_SIZE] for at in range(0, len(edge), HASH_SIZE)]
        try:
            tree = CompactRange(size, hashes)
        except ParseError as error:
            raise StoreError(f"the state of the audit is damaged ({error}): give another file") from error
        return cls(tree, statements, heads, bool(other_tree), bool(other_map))

    def save(self, db: sqlite3.Connection) -> None:
        """Keep it."""
        db.execute(
            "INSERT OR REPLACE INTO index_position VALUES (1, ?, ?, ?, ?, ?, ?)",
            (
                self.tree.size,
                b"".join(self.tree.hashes),
                self.statements,
                self.heads,
                self.other_tree,
                self.other_map,
            ),
        )
