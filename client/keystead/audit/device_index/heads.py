# SPDX-License-Identifier: Apache-2.0
"""Every head of a log's device index, compared with what the log's entries lead to (`specs/audit.md`, section 6).

A head is taken where it stands in the statement log, when all entries of both logs before it are listed:

(1) it covers no more than there is, and no less than a head before it;
(2) it names this issuance log, and the root of its tree at that size;
(3) its map root is the one that the entries lead to. That is what costs: of some logs only every k-th head is compared
    so, and the last one.

Costs, among some hundred thousand entries with four keys each and a head after each thousand: 200 microseconds an entry
where each head is compared, 90 where one of fifty is. Some 230 bytes an entry on disk for histories, and 450 of a
temporary file that is mapped into memory, for the map.

Invariants:

* what is computed depends on the entries alone, never on what a head says but for its sizes;
* a head that differs is an accusation only if every entry that it covers was had, and nothing that is listed could
  be wrong by no fault of the log's signature; otherwise it is unjudged;
* of heads in a row that differ, the first is named, whether or not audits were continued in between.
"""

import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from keystead.audit.device_index.histories import StoredHistories
from keystead.audit.device_index.listing import LOST, Listing, list_under
from keystead.audit.device_index.map_file import MapFile
from keystead.audit.device_index.position import IndexPosition
from keystead.audit.problem import Problem
from keystead.index.map_replay import MapReplay
from keystead.index.mapping import subjects_of_parsed_statement
from keystead.statements.kinds.index_head import IndexHead
from keystead.statements.statement import Statement

__all__ = ["HeadCheck"]

_MOST_KEYS = 1 << 17
# That are gathered before histories are extended.

_MOST_STATEMENTS = 4096
# That are held in memory before they are kept: a log need not have heads.


class HeadCheck:
    """Checks the heads of one log. Use it as a context manager.

    Args:
        db: the state: the tables of `listing`, `histories` and `position`.
        issuance, statements: origins of both logs.
        every: every how many heads the map root is compared; 0: nothing of this is done.

    Attributes:
        checked: heads whose map root was compared.
        unjudged: heads that differ, or could not be compared, for what is missing or altered.
        issuance_size: entries of the issuance log that can be covered; None where that is not known.
        wanted: whether anything is done.
    """

    def __init__(self, db: sqlite3.Connection, issuance: str, statements: str, every: int = 1) -> None:
        self.checked = 0
        self.unjudged = 0
        self.issuance_size: int | None = None
        self.wanted = every > 0
        self._origins = (issuance, statements)
        self._every = every
        self._position = position = IndexPosition.load(db)
        self._db = db
        self._issuance = Listing(db, "issuance", position.tree.size)
        self._statements = Listing(db, "statements", position.statements)
        self._buffer: list[bytes] = []
        self._buffer_start = 0
        self._map_file = MapFile()
        self._map = MapReplay(StoredHistories(db), self._map_file.nodes)
        self._changes: dict[bytes, list[int]] = {}
        self._keys = 0
        self._lost = False
        self._doubt = False
        self._skipped: tuple[int, IndexHead] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._map_file.__exit__(kind, error, trace)

    # What entries are listed under.

    def list_entries(self, start: int, items: Sequence[bytes], hashes: bytes) -> None:
        """Issuance entries, in order: their items (`listing.list_under`), and their leaf hashes."""
        self._issuance.add(start, items, hashes)

    def list_statement(self, index: int, statement: Statement | None) -> None:
        """The next statement; None where it says nothing."""
        if not self.wanted:
            return
        subjects = () if statement is None else subjects_of_parsed_statement(statement)
        self._list(index, list_under(subjects))

    def lose_statement(self, index: int) -> None:
        """The next statement could not be had."""
        if self.wanted:
            self._list(index, LOST)

    def _list(self, index: int, item: bytes) -> None:
        if not self._buffer:
            self._buffer_start = index
        self._buffer.append(item)
        if len(self._buffer) >= _MOST_STATEMENTS:
            self.flush()

    def flush(self) -> None:
        """Keep the statements so far."""
        self._statements.add(self._buffer_start, self._buffer)
        self._buffer = []

    # Heads.

    def take(self, leaf: int, head: IndexHead) -> list[Problem]:
        """Check the head at a leaf index; the statements before it are listed."""
        if not self.wanted:
            return []
        self.flush()
        position = self._position
        position.heads += 1
        # (1)
        if head.statements_size > leaf or (
            self.issuance_size is not None and head.issuance_size > self.issuance_size
        ):
            return [self._problem("index-head-beyond", leaf, "covers entries that were not there before it")]
        if head.issuance_size < position.tree.size or head.statements_size < position.statements:
            return [self._problem("index-head-falls", leaf, "covers less than a head before it")]
        if self.issuance_size is None or not self._advance(head):
            # The one before is not compared any more either: the histories have some of what this one covers.
            self.unjudged += 1 if self._skipped is None else 2
            self._skipped = None
            return []
        # (2)
        problems = []
        if head.issuance_origin != self._origins[0] or head.issuance_root != position.tree.root():
            problems = self._first_of(
                "other_tree", leaf, "index-head-other-tree", "names a root that the issuance log never had"
            )
        else:
            position.other_tree = False
        # (3)
        if position.heads % self._every:
            self._skipped = (leaf, head)
            return problems
        return problems + self._compare(leaf, head)

    def finish(self) -> list[Problem]:
        """Compare the last head if it was passed over, and keep how far this is."""
        self.flush()
        problems = []
        if self._skipped is not None:
            problems = self._compare(*self._skipped)
        self._extend()
        for listing in (self._issuance, self._statements):
            listing.forget()
        self._position.save(self._db)
        return problems

    def _advance(self, head: IndexHead) -> bool:
        """Take the entries that a head covers; whether all could be had."""
        if self._lost:
            return False
        tree = self._position.tree
        for listing, stop in ((self._issuance, head.issuance_size), (self._statements, head.statements_size)):
            for entry, keys, doubtful, leaf_hash in listing.take(stop):
                if keys is None:
                    self._lost = True
                    return False
                self._doubt = self._doubt or doubtful
                if leaf_hash:
                    tree.append(leaf_hash)
                for key in keys:
                    self._changes.setdefault(key, []).append(entry)
                self._keys += len(keys)
                if self._keys >= _MOST_KEYS:
                    self._extend()
        self._position.statements = head.statements_size
        return True

    def _extend(self) -> None:
        if self._changes:
            self._map.extend(self._changes)
        self._changes, self._keys = {}, 0

    def _compare(self, leaf: int, head: IndexHead) -> list[Problem]:
        self._skipped = None
        self._extend()
        root = self._map.root()
        if root == head.map_root:
            self.checked += 1
            self._position.other_map = False
            return []
        if self._doubt:
            self.unjudged += 1
            return []
        self.checked += 1
        return self._first_of(
            "other_map",
            leaf,
            "index-head-wrong",
            f"commits to the map root {head.map_root.hex()}, and the entries that it covers lead to {root.hex()}",
        )

    def _first_of(self, flag: str, leaf: int, code: str, what: str) -> list[Problem]:
        """A problem, unless the head before has it too."""
        if getattr(self._position, flag):
            return []
        setattr(self._position, flag, True)
        return [self._problem(code, leaf, what)]

    def _problem(self, code: str, leaf: int, what: str) -> Problem:
        return Problem(
            code, self._origins[1], f"the head of the index at statement {leaf} {what}", leaf, signed=True
        )
