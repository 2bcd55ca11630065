# SPDX-License-Identifier: Apache-2.0
"""Heads of a log's device index, judged as far as that takes no map (`specs/monitor.md`, section 2.6).

A head that the log signed covers no more than there was, no less than a head before it, and names the root of the
issuance log at its size. What its map holds is for `index_replay`, or an audit, to see.

Invariant: nothing is held against a log but what two things that it signed contradict.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from keystead.client.trust import Trust
from keystead.client.verified_tree import VerifiedTree
from keystead.monitor.misbehaviour import Misbehaviour, record_misbehaviour
from keystead.monitor.statement_reading import ReadStatement
from keystead.statements.kinds.index_head import IndexHead

__all__ = ["WRONG_HEAD", "ComparedHeads", "HeadWatch", "LoggedHead", "logged_head", "record_wrong_head"]

WRONG_HEAD = "wrong-index-head"
"""What such misbehaviour is called."""


@dataclass(frozen=True, slots=True)
class LoggedHead:
    """A head in its place.

    Attributes:
        index: its leaf index.
        time_ms: when it was logged.
        raw: the entry.
        statement: what it says.
    """

    index: int
    time_ms: int
    raw: bytes
    statement: IndexHead


def logged_head(index: int, read: ReadStatement, trust: Trust) -> LoggedHead | None:
    """The head at a leaf index that the log signed for itself; None where there is none.

    Of a statement for another log, or by somebody else, judging says that it has no right to be there.
    """
    entry, statement = read.entry, read.statement
    if entry is None or not read.signed or not isinstance(statement, IndexHead):
        return None
    if statement.log != trust.statements.key.origin:
        return None
    return LoggedHead(index, entry.timestamp, read.raw, statement)


class ComparedHeads(NamedTuple):
    """Heads, and what they are compared with.

    Attributes:
        heads: in order.
        issuance: the tree of the issuance log.
        roots: of it, by the sizes that the heads name, as far as it has them.
    """

    heads: list[LoggedHead]
    issuance: VerifiedTree
    roots: Mapping[int, bytes]


class HeadWatch:
    """Judges the heads of one log, in order.

    Args:
        db: the state.
        log: the log's row id.
        trust: its keys.
    """

    def __init__(self, db: sqlite3.Connection, log: int, trust: Trust) -> None:
        self._db = db
        self._log = log
        self._trust = trust

    async def compare(self, statements: Mapping[int, ReadStatement], issuance: VerifiedTree) -> ComparedHeads:
        """The heads among statements, with the roots that they must name.

        Args:
            statements: by leaf index, ascending.
            issuance: the issuance log's tree.
        """
        found = (logged_head(index, read, self._trust) for index, read in statements.items())
        heads = [head for head in found if head is not None]
        sizes = sorted({head.statement.issuance_size for head in heads})
        roots = {size: await issuance.root_at(size) for size in sizes if size <= issuance.size}
        return ComparedHeads(heads, issuance, roots)

    def judge(self, compared: ComparedHeads, checkpoint: bytes) -> None:
        """Keep what is wrong with the next heads, inside a transaction of the caller.

        Args:
            compared: the heads.
            checkpoint: of the statement log, under which they stand.
        """
        for head in compared.heads:
            self._judge(head, compared, checkpoint)

    def _judge(self, head: LoggedHead, compared: ComparedHeads, checkpoint: bytes) -> None:
        issuance = compared.issuance
        statement = head.statement
        query = "SELECT issuance, statements FROM index_head WHERE log = ?"
        before = self._db.execute(query, (self._log,)).fetchone() or (0, 0)
        covered = (statement.issuance_size, statement.statements_size)
        wrong = ""
        if statement.issuance_origin != self._trust.issuance.key.origin:
            wrong = "is of another issuance log"
        elif statement.statements_size > head.index:
            wrong = "covers statements that come after it"
        elif covered[0] < before[0] or covered[1] < before[1]:
            wrong = "covers less than a head before it"
        elif covered[0] > issuance.size:
            # A tree head that is not older than the head and has fewer entries contradicts it; an older one may be a
            # cache's, and the entries are there later.
            dated = issuance.checkpoint.timestamp
            wrong = "covers entries that are not there" if dated is not None and dated >= head.time_ms else ""
        elif statement.issuance_root != compared.roots[covered[0]]:
            wrong = "names a root that the issuance log never had"
        if wrong:
            said = f"the head of the index at statement {head.index} {wrong}"
            record_wrong_head(self._db, self._trust, head, said, (issuance.checkpoint.raw, checkpoint))
        else:
            self._db.execute("INSERT OR REPLACE INTO index_head VALUES (?, ?, ?)", (self._log, *covered))


def record_wrong_head(
    db: sqlite3.Connection, trust: Trust, head: LoggedHead, said: str, checkpoints: tuple[bytes, bytes]
) -> None:
    """Keep what is wrong with a head, inside a transaction of the caller.

    Args:
        db: the state.
        trust: of the log.
        head: which one.
        said: what is wrong, a sentence.
        checkpoints: of the issuance log, and of the statement log, under which it stands.
    """
    evidence = {"entry": head.raw, "issuance_checkpoint": checkpoints[0], "checkpoint": checkpoints[1]}
    origin = trust.statements.key.origin
    record_misbehaviour(db, Misbehaviour(origin, WRONG_HEAD, str(head.index), head.time_ms, said, evidence))
