# SPDX-License-Identifier: Apache-2.0
"""Entries of a statement log, read, judged and kept (`specs/monitor.md`, sections 2.3 and 2.4).

Reading statements and verifying the evidence that they name is pure, and most of the work: other processes do it, some
bundles ahead. Judging needs what stands before, and is done here, in the order of the log.

Invariants:

* what a bundle says and how far the log was read are written in one transaction;
* what is kept does not depend on how many processes there are, nor on what was examined ahead: evidence that only a
  policy's anchors bear is examined again where another policy turns out to be in force;
* of bundles under way no more than a few are held.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import NamedTuple

from keystead.client.prefetch import map_ahead
from keystead.client.verified_tree import ENTRY_BUNDLES, Bundle, VerifiedTree
from keystead.client.workers import Workers
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import MAX_EVIDENCE_BYTES
from keystead.monitor.evidence import EvidenceJob, Examined, examine_pieces
from keystead.monitor.index_heads import HeadWatch
from keystead.monitor.issuance_entries import MonitoredLog
from keystead.monitor.misbehaviour import Misbehaviour, record_misbehaviour
from keystead.monitor.named_objects import fetch_named
from keystead.monitor.progress import Progress
from keystead.monitor.replay import StatementReplay
from keystead.monitor.statement_reading import ReadStatement, StatementsJob, read_statements
from keystead.monitor.store import Store
from keystead.statements.policy import MAX_POLICY_BYTES

__all__ = ["StatementEntries"]

_AHEAD = 4
_READ_AT_ONCE = 64
_EXAMINED_AT_ONCE = 16
_ASKED_AT_ONCE = 256


class _Brought(NamedTuple):
    """Statements, and what they name."""

    statements: Mapping[int, ReadStatement]
    fetched: Mapping[bytes, bytes | None]
    examined: Mapping[bytes, Examined]


class StatementEntries:
    """Keeps the entries of one statement log.

    Args:
        store: the state.
        number: the log's row id.
        log: which log.
        anchors: the monitor's own vendor anchors.
        workers: where statements are read and evidence is verified.
    """

    def __init__(
        self, store: Store, number: int, log: MonitoredLog, anchors: AnchorSet, workers: Workers
    ) -> None:
        statements = log.trust.statements
        self._store = store
        self._log = number
        self._fetcher = log.fetcher
        self._origin = statements.key.origin
        self._statement_key = statements.statement_key
        self._anchors = anchors
        self._workers = workers
        self._heads = HeadWatch(store.db, number, log.trust)
        self._replay = StatementReplay(
            store.db, number, statements.key.origin, statements.statement_key, anchors
        )

    async def read(
        self,
        tree: VerifiedTree,
        start: int,
        issuance: range,
        issuance_tree: VerifiedTree,
        progress: Progress,
    ) -> None:
        """Judge and keep the statements from an index on.

        Args:
            tree: of the statement log.
            start: the index.
            issuance: the issuance entries that were read.
            issuance_tree: of the issuance log, which heads of the index name.
            progress: is told of each statement.

        Raises:
            FetchError, ParseError, ProofError: the log does not serve what it signed, or a policy.
        """

        async def bring(bundle: Bundle[bytes]) -> tuple[Bundle[bytes], _Brought]:
            entries = {bundle.start + at: raw for at, raw in enumerate(bundle.entries)}
            return bundle, await self._bring(entries, issuance)

        ahead = 1 if self._workers.jobs <= 1 else _AHEAD
        async with (
            aclosing(tree.bundles(ENTRY_BUNDLES, start)) as bundles,
            aclosing(map_ahead(bring, bundles, ahead)) as found,
        ):
            async for bundle, brought in found:
                heads = await self._heads.compare(brought.statements, issuance_tree)
                with self._store.transaction() as db:
                    self._heads.judge(heads, tree.checkpoint.raw)
                    self._check_times(brought.statements, tree.checkpoint.raw)
                    self._judge(brought, issuance)
                    db.execute(
                        "UPDATE log SET statements_next = ? WHERE id = ?",
                        (bundle.start + len(bundle.entries), self._log),
                    )
                progress.advance(len(bundle.entries))

    async def judge_waiting(self, issuance: range) -> None:
        """Judge and keep what waited for issuance entries that were read meanwhile."""
        for entries in self._replay.waiting(issuance):
            brought = await self._bring(entries, issuance)
            with self._store.transaction():
                self._judge(brought, issuance)

    def _judge(self, brought: _Brought, issuance: range) -> None:
        for index, statement in brought.statements.items():
            self._replay.judge(index, statement, brought.fetched, issuance, brought.examined)

    async def _bring(self, entries: Mapping[int, bytes], issuance: range) -> _Brought:
        """Read statements, and have at hand what they refer to."""
        jobs = [
            StatementsJob(part, self._statement_key)
            for part in _parts(tuple(entries.values()), _READ_AT_ONCE)
        ]
        done = await asyncio.gather(*(self._workers.run(read_statements, job) for job in jobs))
        statements = dict(zip(entries, (one for part in done for one in part), strict=True))
        needs = self._replay.needs(statements.values(), issuance)
        fetched = await fetch_named(self._fetcher, "policy", needs.policies, MAX_POLICY_BYTES)
        evidence = await fetch_named(self._fetcher, "evidence", needs.evidence, MAX_EVIDENCE_BYTES)
        return _Brought(statements, fetched | evidence, await self._examine(evidence))

    async def _examine(self, evidence: Mapping[bytes, bytes | None]) -> dict[bytes, Examined]:
        """Find out what pieces of evidence prove, under the policy that is known by now."""
        newest = self._replay.policies.known_at(None)
        of_policy = AnchorSet(()) if newest is None else newest.policy.anchors
        served = {digest: data for digest, data in evidence.items() if data is not None}
        jobs = [
            EvidenceJob(part, self._anchors, of_policy, -1 if newest is None else newest.index)
            for part in _parts(tuple(served.values()), _EXAMINED_AT_ONCE)
        ]
        done = await asyncio.gather(*(self._workers.run(examine_pieces, job) for job in jobs))
        return dict(zip(served, (one for part in done for one in part), strict=True))

    def _check_times(self, statements: Mapping[int, ReadStatement], checkpoint: bytes) -> None:
        """Keep it where a statement is dated before the one before it: the log signed it."""
        db = self._store.db
        (last,) = db.execute("SELECT statements_time FROM log WHERE id = ?", (self._log,)).fetchone()
        for index, found in statements.items():
            if found.entry is None:
                continue  # which judging complains about
            time_ms = found.entry.timestamp
            if time_ms < last:
                said = f"statement {index} is earlier than the one before it"
                evidence = {"entry": found.raw, "checkpoint": checkpoint}
                record_misbehaviour(
                    db, Misbehaviour(self._origin, "time-goes-back", str(index), time_ms, said, evidence)
                )
            last = time_ms
        db.execute("UPDATE log SET statements_time = ? WHERE id = ?", (last, self._log))

    async def ask_again(self) -> None:
        """Fetch evidence again that was withheld, and with other anchors than before what did not verify."""
        query = "SELECT reexamine FROM log WHERE id = ?"
        (also_failed,) = self._store.db.execute(query, (self._log,)).fetchone()
        digests = self._replay.facts.unverified(also_failed=bool(also_failed))
        for part in _parts(tuple(digests), _ASKED_AT_ONCE):
            fetched = await fetch_named(self._fetcher, "evidence", part, MAX_EVIDENCE_BYTES)
            examined = await self._examine(fetched)
            with self._store.transaction():
                for digest, data in fetched.items():
                    if data is not None:
                        self._replay.facts.reexamine(digest, data, examined)
        if also_failed:
            with self._store.transaction() as db:
                db.execute("UPDATE log SET reexamine = 0 WHERE id = ?", (self._log,))


def _parts(items: tuple[bytes, ...], size: int) -> Iterable[tuple[bytes, ...]]:
    return (items[at : at + size] for at in range(0, len(items), size))
