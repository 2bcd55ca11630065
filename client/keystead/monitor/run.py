# SPDX-License-Identifier: Apache-2.0
"""One round of the monitor: catch up with each log, judge, report.

A log that cannot be followed does not keep the others from being followed, nor what is known from being judged; its
error is in the report.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from keystead.audit.problem import Problem
from keystead.client.verified_tree import VerifiedTree
from keystead.client.workers import Workers
from keystead.devices.anchors import AnchorSet
from keystead.devices.verify import FORMATS
from keystead.errors import KeysteadError, StoreError, UsageError
from keystead.monitor.acknowledgements import AcknowledgementFile, told
from keystead.monitor.back_fill import Start, unread_parts
from keystead.monitor.findings import Finding, State, in_order
from keystead.monitor.follow import Follower, MonitoredLog
from keystead.monitor.found import Unread
from keystead.monitor.index_heads import LoggedHead, record_wrong_head
from keystead.monitor.index_replay import IndexReplay
from keystead.monitor.judging import judge_all, judge_present, judge_undecodable, kept_findings
from keystead.monitor.kept_terms import keep_terms
from keystead.monitor.knowledge import DEFAULT_TERMS, Terms
from keystead.monitor.list_revocations import GivenList, keep_lists, match_touched
from keystead.monitor.misbehaviour import recorded_misbehaviour
from keystead.monitor.progress import Progress
from keystead.monitor.replay import load_knowledge
from keystead.monitor.revocation_list import RevocationList
from keystead.monitor.rows import touch
from keystead.monitor.rules import log_misbehaviour
from keystead.monitor.store import Store
from keystead.monitor.watch import WatchList
from keystead.tlog.checkpoint import verify_checkpoint

__all__ = ["FollowedLog", "MonitoredLog", "Report", "monitor_once"]

_ANCHORS = "anchors"


@dataclass(frozen=True, slots=True)
class FollowedLog:
    """How far a log was followed.

    Attributes:
        name: of the log.
        issuance_origin, statements_origin: of its two trees.
        issuance_first: the first issuance entry that was read; what is before it is not known.
        issuance_size, statements_size: entries that were seen: read and kept, but for those before the first.
        issuance_new, statements_new: of these, those of this round.
        error: why it was not followed to its end; None where it was.
        heads_checked: heads of its device index whose map was computed and compared; None where that was not asked for.
    """

    name: str
    issuance_origin: str
    statements_origin: str
    issuance_first: int
    issuance_size: int
    statements_size: int
    issuance_new: int
    statements_new: int
    error: KeysteadError | None
    heads_checked: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one round found.

    Attributes:
        at_ms: the moment that findings are judged at.
        known_at_ms: what was logged later was hidden; None: nothing was.
        logs: those of this round, in the order given.
        findings: settled ones too; open ones first, the most serious first.
        lists: what became of the revocation lists of this round.
        unread: what was not read of the logs that the state follows.
    """

    at_ms: int
    known_at_ms: int | None
    logs: tuple[FollowedLog, ...]
    findings: tuple[Finding, ...]
    lists: tuple[GivenList, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def open(self) -> tuple[Finding, ...]:
        """The findings that are open and not acknowledged."""
        return tuple(finding for finding in self.findings if finding.state is State.OPEN)


async def monitor_once(
    state: Path,
    logs: Sequence[MonitoredLog],
    anchors: AnchorSet,
    *,
    now_ms: int,
    at_ms: int | None = None,
    known_at_ms: int | None = None,
    progress: Progress | None = None,
    lists: Mapping[str, RevocationList] | None = None,
    terms: Terms = DEFAULT_TERMS,
    watch: WatchList | None = None,
    start: Start | None = None,
    jobs: int = 1,
    check_index: bool = False,
) -> Report:
    """Catch up with logs and judge.

    Args:
        state: the folder of the state; made if need be.
        logs: what to follow; what the state knows of other logs is judged as well.
        anchors: the monitor's own vendor anchors.
        now_ms: the present.
        at_ms: judge as of this moment with all that is known, and do not keep the findings.
        known_at_ms: hide what was logged later; the moment to judge at, too, unless `at_ms` is given.
        progress: is told how far following is.
        lists: revocation lists by name; those that were given before count as well.
        terms: on which to judge. Other terms than in the last round judge everything anew.
        watch: what to report; all of it where that is None.
        start: from where on to read issuance logs that are new; of others, read back to there what was not read yet.
        jobs: processes that read statements and verify evidence; 1: this one alone.
        check_index: also compute the map of each log's device index, and compare every head that is new.

    Raises:
        UsageError: a log is given twice.
        StoreError: the state cannot be used.
    """
    origins = [log.trust.issuance.key.origin for log in logs]
    if len(set(origins)) != len(origins):
        raise UsageError("a log is given twice")
    with Store(state) as store:
        _note_basis(store, anchors, terms)
        shared = None if progress is None else _Summed(progress)
        # At once, so that a log that is slow or asks for patience keeps none of the others waiting.
        with Workers(jobs) as workers:
            followed = tuple(
                await asyncio.gather(
                    *(
                        _follow(store, log, anchors, workers, now_ms, shared, start, check_index=check_index)
                        for log in logs
                    )
                )
            )
        for log in followed:
            if isinstance(log.error, StoreError):
                raise log.error
        given = keep_lists(store, lists or {})
        match_touched(store)
        knowledge = load_knowledge(store.db, anchors, known_at_ms, terms)
        moment = next((given for given in (at_ms, known_at_ms) if given is not None), now_ms)
        if at_ms is None and known_at_ms is None:
            judge_present(store, knowledge, now_ms)
            found = kept_findings(store.db)
        else:
            found = list(judge_all(store.db, knowledge, moment))
        found += judge_undecodable(store.db, knowledge, moment)
        misbehaved = [case for case in recorded_misbehaviour(store.db) if knowledge.knows(case.time_ms)]
        found += log_misbehaviour.judge(misbehaved)
        unread = unread_parts(store.db)
    found = [finding.beside(unread) for finding in found if watch is None or watch.concerns(finding)]
    known = AcknowledgementFile(state).read()
    return Report(moment, known_at_ms, followed, tuple(in_order(told(found, known, moment))), given, unread)


class _Summed:
    """How far following is, of several logs together."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._total = 0

    def aim(self, total: int) -> None:
        self._total += total
        self._shown.aim(self._total)

    def advance(self, steps: int = 1) -> None:
        self._shown.advance(steps)


def _note_basis(store: Store, anchors: AnchorSet, terms: Terms) -> None:
    """With other anchors than in the last round, other formats or other terms, all may be judged otherwise."""
    digest = sha256(",".join(sorted(FORMATS)).encode() + b"\n")
    for anchor in sorted(anchors, key=lambda anchor: anchor.key_hash):
        digest.update(
            anchor.key_hash + b"%d" % anchor.cloud + ",".join(sorted(anchor.formats)).encode() + b"\n"
        )
    if store.meta(_ANCHORS) != digest.digest():
        with store.transaction() as db:
            store.set_meta(_ANCHORS, digest.digest())
            db.execute("UPDATE log SET reexamine = 1")
            touch(db, "all", (0,))
    keep_terms(store, terms)


async def _follow(
    store: Store,
    log: MonitoredLog,
    anchors: AnchorSet,
    workers: Workers,
    now_ms: int,
    progress: Progress | None,
    start: Start | None,
    *,
    check_index: bool,
) -> FollowedLog:
    follower = Follower(store, log, anchors, workers, now_ms=now_ms, progress=progress, start=start)
    before = _sizes(store, follower.id)
    error: KeysteadError | None = None
    heads_checked: int | None = None
    try:
        await follower.catch_up()
        if check_index:
            heads_checked = await _check_index(store, follower.id, log)
    except KeysteadError as caught:
        error = caught
    after = _sizes(store, follower.id)
    return FollowedLog(
        name=log.trust.name,
        issuance_origin=log.trust.issuance.key.origin,
        statements_origin=log.trust.statements.key.origin,
        issuance_first=after[0],
        issuance_size=after[1],
        statements_size=after[2],
        issuance_new=after[1] - after[0] - (before[1] - before[0]),
        statements_new=after[2] - before[2],
        error=error,
        heads_checked=heads_checked,
    )


async def _check_index(store: Store, number: int, log: MonitoredLog) -> int:
    """Compare the heads of a log's index, up to what was followed; how many were new."""
    query = "SELECT issuance_checkpoint, statements_checkpoint FROM log WHERE id = ?"
    checkpoints = store.db.execute(query, (number,)).fetchone()
    trees = [
        VerifiedTree(log.fetcher, prefix, verify_checkpoint(raw, key.unwitnessed))
        for prefix, raw, key in zip(
            ("issuance", "statements"),
            checkpoints,
            (log.trust.issuance.key, log.trust.statements.key),
            strict=True,
        )
    ]

    def keep(head: LoggedHead, problem: Problem) -> None:
        with store.transaction() as db:
            record_wrong_head(db, log.trust, head, problem.sentence, checkpoints)

    with IndexReplay(store.path.parent / f"index-{number}.sqlite", log.fetcher, log.trust) as replay:
        return await replay.follow(trees[0], trees[1], keep)


def _sizes(store: Store, log: int) -> tuple[int, int, int]:
    query = "SELECT issuance_first, issuance_next, statements_next FROM log WHERE id = ?"
    first, issuance, statements = store.db.execute(query, (log,)).fetchone()
    return first, issuance, statements
