# SPDX-License-Identifier: Apache-2.0
"""Catching up with one operator's logs, believing nothing but configured keys (`specs/monitor.md`, section 2).

The order of one round:

(1) fetch the statement log's checkpoint, then the issuance log's: an honest log publishes them the other way round,
    so every entry that a statement names is in the tree that is seen;
(2) check that each extends the one that was seen last, and keep it;
(3) read new issuance entries, each hashed up to the root, and keep what they say;
(4) judge waiting and new statements again, and keep what they say;
(5) read earlier issuance entries, where they were left out and are wanted now, and judge what waited for them;
(6) ask again for evidence that the log withheld.

Invariants:

* what was read and how far is written in one transaction: a kill at any instant loses at most work;
* a log that contradicts what it signed is not followed any further; both signed trees are kept;
* what a log merely fails to serve ends the round with an error, and is asked for again in the next.
"""

from contextlib import aclosing
from typing import Any

from keystead.client.log_reader import LogReader, check_extends
from keystead.client.trust import parse_trust
from keystead.client.verified_tree import DATA_TILES, VerifiedTree
from keystead.client.workers import Workers
from keystead.ct.leaf import parse_merkle_tree_leaf
from keystead.devices.anchors import AnchorSet
from keystead.errors import LogMisbehaviourError, ParseError, ProofError, UsageError
from keystead.monitor.back_fill import Start, find_start
from keystead.monitor.issuance_entries import IssuanceEntries, MonitoredLog
from keystead.monitor.kept_tiles import KeptTiles
from keystead.monitor.misbehaviour import Misbehaviour, forget_misbehaviour, record_misbehaviour
from keystead.monitor.progress import Progress, Silence
from keystead.monitor.statement_entries import StatementEntries
from keystead.monitor.store import Store
from keystead.tlog.checkpoint import VerifiedCheckpoint, verify_checkpoint

__all__ = ["Follower", "MonitoredLog"]

_UNPROVEN = "perhaps a stale cache"
"""What a rollback that nothing dates is kept under."""


class Follower:
    """Follows one operator's logs into the state.

    Args:
        store: the state.
        log: what to follow.
        anchors: the monitor's own vendor anchors.
        workers: where what takes long is done.
        progress: is told how far it is.
        now_ms: when this round is, for what logs themselves do not date.
        start: from where on to read the issuance log; None: a new log from its beginning, another as before.
    """

    def __init__(
        self,
        store: Store,
        log: MonitoredLog,
        anchors: AnchorSet,
        workers: Workers,
        *,
        now_ms: int,
        progress: Progress | None = None,
        start: Start | None = None,
    ) -> None:
        self._store = store
        self._db = store.db
        self._trust = log.trust
        self._progress = progress or Silence()
        self._now_ms = now_ms
        self._start = start
        self.id = self._register()
        self._tiles = KeptTiles(log.fetcher, store, self.id)
        self._entries = IssuanceEntries(store, self.id, log)
        self._statements = StatementEntries(store, self.id, log, anchors, workers)

    def _register(self) -> int:
        """The log's row; a log whose keys changed is another log."""
        trust = self._trust
        row = self._db.execute(
            "SELECT id, trust FROM log WHERE issuance_origin = ? OR statements_origin = ?",
            (trust.issuance.key.origin, trust.statements.key.origin),
        ).fetchone()
        if row is None:
            with self._store.transaction() as db:
                number = db.execute(
                    "INSERT INTO log (name, issuance_origin, statements_origin, trust) VALUES (?, ?, ?, ?)",
                    (trust.name, trust.issuance.key.origin, trust.statements.key.origin, trust.raw),
                ).lastrowid
            return int(number or 0)
        if parse_trust(row[1]).identity != trust.identity:
            raise UsageError(
                f"{trust.name} is known in {self._store.path} by other keys, and the keys of a log never change"
            )
        return int(row[0])

    async def catch_up(self) -> None:
        """One round.

        Raises:
            LogMisbehaviourError: the log contradicts itself; this is kept in the state.
            VerificationError, ParseError: what it serves is not what it signed.
            FetchError: it cannot be reached, or does not serve what it promises.
        """
        try:
            await self._round()
        except (ProofError, ParseError):
            if not self._tiles.forget():
                raise
        else:
            return
        # A tile that was kept is none of the tree that the log shows now: what it serves decides.
        try:
            await self._round()
        except (ProofError, ParseError):
            self._tiles.forget()
            raise

    async def _round(self) -> None:
        # (1) In this order; see above.
        statements_log = LogReader(self._tiles, "statements", self._trust.statements.key)
        issuance_log = LogReader(self._tiles, "issuance", self._trust.issuance.key)
        statements_head = await statements_log.checkpoint()
        issuance_head = await issuance_log.checkpoint()
        # (2) Nothing that was seen is denied.
        issuance = issuance_log.tree(issuance_head)
        statements = statements_log.tree(statements_head)
        await self._extend("issuance", issuance)
        await self._extend("statements", statements)
        first = await self._begin(issuance)
        read, (statements_next,) = self._read(), self._columns("statements_next")
        unread = range(first, read.start)
        self._progress.aim(issuance.size - read.stop + len(unread) + statements.size - statements_next)
        # (3), (4)
        await self._read_issuance(issuance, range(read.stop, issuance.size))
        await self._statements.judge_waiting(self._read())
        await self._statements.read(statements, statements_next, self._read(), issuance, self._progress)
        # (5)
        await self._read_issuance(issuance, unread, backwards=True)
        await self._statements.judge_waiting(self._read())
        # (6)
        await self._statements.ask_again()

    async def _extend(self, log: str, tree: VerifiedTree) -> None:
        """Check that a tree extends the one that was seen last, and remember it."""
        column = f"{log}_checkpoint"
        (raw,) = self._db.execute(f"SELECT {column} FROM log WHERE id = ?", (self.id,)).fetchone()  # noqa: S608
        origin = tree.checkpoint.checkpoint.origin
        if raw is not None:
            trust = self._trust.issuance if log == "issuance" else self._trust.statements
            old = verify_checkpoint(raw, trust.key)
            try:
                await check_extends(tree, old)
            except LogMisbehaviourError as error:
                self._keep_contradiction(error, old, tree.checkpoint)
                raise
        with self._store.transaction() as db:
            db.execute(f"UPDATE log SET {column} = ? WHERE id = ?", (tree.checkpoint.raw, self.id))  # noqa: S608
            forget_misbehaviour(db, origin, "rollback", _UNPROVEN)

    def _keep_contradiction(
        self, error: LogMisbehaviourError, old: VerifiedCheckpoint, new: VerifiedCheckpoint
    ) -> None:
        # A smaller tree under an older tree head, or under none, may come from a stale cache: that is forgotten
        # when the log shows what it showed before. A smaller tree under a later head is signed proof.
        later = None not in (old.timestamp, new.timestamp) and (new.timestamp or 0) > (old.timestamp or 0)
        subject = "" if error.check == "fork" or later else _UNPROVEN
        found = Misbehaviour(
            new.checkpoint.origin,
            error.check,
            subject,
            new.timestamp or self._now_ms,
            str(error),
            error.evidence,
        )
        with self._store.transaction() as db:
            record_misbehaviour(db, found)

    def _columns(self, columns: str) -> tuple[Any, ...]:
        query = f"SELECT {columns} FROM log WHERE id = ?"  # noqa: S608 -- columns of ours
        return tuple(self._db.execute(query, (self.id,)).fetchone())

    def _read(self) -> range:
        """The issuance entries that were read."""
        return range(*self._columns("issuance_first, issuance_next"))

    async def _begin(self, tree: VerifiedTree) -> int:
        """The first entry that is to be read in this round; a log that is new begins there."""
        read = self._read()
        if self._start is None or (read and read.start == 0):
            return read.start
        if not read:
            first = await find_start(tree, self._start)
            with self._store.transaction() as db:
                query = "UPDATE log SET issuance_first = ?, issuance_next = ? WHERE id = ?"
                db.execute(query, (first, first, self.id))
            return first
        (edge,) = self._columns("issuance_edge")
        if self._start.reaches(parse_merkle_tree_leaf(edge).timestamp):
            return read.start
        return await find_start(tree, self._start, read.start)

    async def _read_issuance(self, tree: VerifiedTree, wanted: range, *, backwards: bool = False) -> None:
        bundles = tree.bundles(DATA_TILES, wanted.start, wanted.stop, backwards=backwards)
        async with aclosing(bundles):
            try:
                async for bundle in bundles:
                    await self._entries.take(bundle, tree.checkpoint.raw)
                    self._progress.advance(len(bundle.entries))
            finally:
                # Also what was read before something failed: it need not be read again.
                self._entries.keep()
