# SPDX-License-Identifier: Apache-2.0
"""One audit of one log, from its checkpoints to the report (`specs/audit.md`, section 2).

(1) The checkpoints are read, and must extend those up to which an earlier audit came (`heads`).
(2) The issuance log is read whole: tiles, entries, chains (`issuance_audit`).
(3) The statement log is read whole, and judged (`statements_audit`).
    Each head of the device index is compared on the way (`device_index`).
(4) The rules between entries and between the logs are asked (`rules`).
(5) Where everything that was read is what is signed or named, the state is kept.

Invariants:

* nothing but a log that cannot be reached ends an audit early: what is wrong is named, and the rest goes on;
* an audit that continues reports what one from nothing would, but for files that were right when they were read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from keystead.audit.device_index.heads import HeadCheck
from keystead.audit.files import LogFiles
from keystead.audit.heads import Heads, contradiction, known_head, read_head, read_heads
from keystead.audit.issuance_audit import IssuanceAudit
from keystead.audit.judge import Judge
from keystead.audit.leftovers import altered_objects, altered_partials
from keystead.audit.problem import Problem, in_order
from keystead.audit.progress import SILENT, Progress
from keystead.audit.report import AuditReport
from keystead.audit.rules import Range, duplicate_entries, repeated_evidence, require_statements
from keystead.audit.state import ISSUANCE, STATEMENTS, AuditState
from keystead.audit.statements_audit import StatementsAudit
from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.client.workers import Workers
from keystead.devices.anchors import AnchorSet
from keystead.tlog.checkpoint import VerifiedCheckpoint

__all__ = ["AuditOptions", "audit_log"]

_ASK_AGAIN_S = 0.5
_ASK_AGAIN = 3
"""How often, and after how long, a log is asked again for statements that should be there: between its two
checkpoints lie some milliseconds."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How to audit.

    Attributes:
        anchors: the auditor's own vendor anchors.
        state: the file of an earlier audit to continue from, made if it is not there; None for none.
        folder: where the log's files lie, if they lie in a folder: then what nothing names is looked at as well.
        jobs: processes that check entries; 1 for none beside this one.
        hashes_only: hash entries against tiles and roots, and do not read them.
        heads_every: every how many heads of the device index the map is compared; 1 for every one, 0 for none.
        sleep: how to wait.
    """

    anchors: AnchorSet
    state: Path | None = None
    folder: Path | None = None
    jobs: int = 1
    hashes_only: bool = False
    heads_every: int = 1
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def audit_log(
    fetcher: Fetcher, trust: Trust, options: AuditOptions, progress: Progress = SILENT
) -> AuditReport:
    """Audit one log.

    Args:
        fetcher: reads below the log's base, over HTTP or from a folder.
        trust: the log's keys.
        options: how.
        progress: is told how far the audit is.

    Raises:
        FetchError: there is no log, or it cannot be reached.
        StoreError, UsageError: as `AuditState`.
    """
    files = LogFiles(fetcher)
    with (
        AuditState(
            options.state, trust, hashes_only=options.hashes_only, index=options.heads_every > 0
        ) as state,
        Workers(options.jobs) as workers,
    ):
        heads = await read_heads(files, trust)
        forks = await _forks(files, trust, state, heads)
        if not forks:
            return await _run(files, trust, state, workers, options, progress, heads)
        # Nothing of the other history says anything about this one: it is audited on its own.
        with AuditState(None, trust, hashes_only=options.hashes_only) as anew:
            return await _run(files, trust, anew, workers, options, progress, heads, forks)


async def _run(
    files: LogFiles,
    trust: Trust,
    state: AuditState,
    workers: Workers,
    options: AuditOptions,
    progress: Progress,
    heads: Heads,
    forks: list[Problem] | None = None,
) -> AuditReport:
    origins = trust.issuance.key.origin, trust.statements.key.origin
    with HeadCheck(state.db, *origins, every=options.heads_every) as index:
        return await _Audit(files, trust, state, index, workers, options, progress).run(heads, forks)


async def _forks(files: LogFiles, trust: Trust, state: AuditState, heads: Heads) -> list[Problem]:
    """How the log contradicts what it had signed when an earlier audit read it."""
    found = []
    for log, key, head in (
        (ISSUANCE, trust.issuance.key, heads.issuance),
        (STATEMENTS, trust.statements.key, heads.statements),
    ):
        known = known_head(state, log, key)
        if known is not None and head is not None:
            found.append(await contradiction(files, log, known, head))
    return [problem for problem in found if problem is not None]


class _Audit:
    def __init__(
        self,
        files: LogFiles,
        trust: Trust,
        state: AuditState,
        index: HeadCheck,
        workers: Workers,
        options: AuditOptions,
        progress: Progress,
    ) -> None:
        self._files = files
        self._trust = trust
        self._state = state
        self._index = index
        self._options = options
        self._progress = progress
        self._old = {log: state.edge(log).size for log in (ISSUANCE, STATEMENTS)}
        self._issuance = IssuanceAudit(
            files, trust.issuance, state, index, workers, progress, hashes_only=options.hashes_only
        )
        self._statements = StatementsAudit(
            files,
            trust.statements,
            state,
            index,
            self._issuance.issuers,
            workers,
            options.anchors,
            progress,
            hashes_only=options.hashes_only,
        )
        self._unjudged = 0

    async def run(self, heads: Heads, forks: list[Problem] | None = None) -> AuditReport:
        """Audit what is under the heads."""
        problems = [*(forks or ()), *heads.problems, *self._state.problems()]
        sizes = {
            log: 0 if head is None else head.checkpoint.size
            for log, head in ((ISSUANCE, heads.issuance), (STATEMENTS, heads.statements))
        }
        self._progress.aim(sum(max(sizes[log] - old, 0) for log, old in self._old.items()))
        whole = False
        if heads.issuance is not None:
            whole = await self._issuance.run(heads, heads.issuance)
            self._index.issuance_size = heads.issuance.checkpoint.size
        judge = self._statements.judge
        judge.entries_known = heads.issuance is not None
        if heads.statements is not None:
            whole = await self._statements.run(heads.statements) and whole
            if not self._options.hashes_only:
                problems += self._index.finish()
                problems += await self._apply_rules(heads, judge)
        problems += [
            *self._issuance.problems,
            *self._issuance.issuers.problems.values(),
            *self._statements.problems,
        ]
        problems += self._leftovers(sizes, {problem.path for problem in problems if problem.path is not None})
        found = in_order(problems)
        kept = self._keep(found) if whole and not forks and self._options.state is not None else False
        return AuditReport(
            name=self._trust.name,
            issuance_size=sizes[ISSUANCE],
            statements_size=sizes[STATEMENTS],
            continued_from=self._old,
            hashes_only=self._options.hashes_only,
            heads_checked=self._index.checked,
            heads_every=self._options.heads_every,
            evidence_checked=self._statements.evidence_checked,
            evidence_under_own_anchors=self._statements.evidence_under_own_anchors,
            waiting=self._waiting(),
            unjudged=self._unjudged + judge.unjudged + self._index.unjudged,
            problems=found,
            kept=kept,
        )

    async def _apply_rules(self, heads: Heads, judge: Judge) -> list[Problem]:
        issuance, statements = self._trust.issuance.key.origin, self._trust.statements.key.origin
        problems = [
            *duplicate_entries(self._state, issuance, self._old[ISSUANCE]),
            *repeated_evidence(self._state, statements, self._old[STATEMENTS]),
        ]
        if heads.first is None or heads.first.timestamp is None:
            return problems
        after, until = self._state.number("ruled_until"), heads.first.timestamp
        entries = Range(self._old[ISSUANCE], after, until)
        breaches = list(require_statements(self._state, judge, issuance, entries))
        awaited = [breach.time for breach in breaches if breach.awaits]
        if awaited and await self._more_statements(heads.statements):
            # They may be in a batch that was published meanwhile: those entries are the next audit's.
            until = max(min(awaited) - 1, after)
        for breach in breaches:
            if breach.time > until:
                continue
            if judge.certain(breach.time):
                problems.append(breach.problem)
            else:
                self._unjudged += 1
        if until >= 0:
            self._state.set_number("ruled_until", until)
        return problems

    def _leftovers(self, sizes: Mapping[str, int], named: Collection[str]) -> list[Problem]:
        """What is wrong with files that nothing names, where the log is a folder."""
        folder = self._options.folder
        if folder is None:
            return []
        origins = {
            ISSUANCE: self._trust.issuance.key.origin,
            STATEMENTS: self._trust.statements.key.origin,
        }
        found: list[Problem] = []
        for log, origin in origins.items():
            found += altered_partials(folder, log, origin, self._old[log], sizes[log], named)
        if not any(self._old.values()):
            found += altered_objects(folder, origins[ISSUANCE], named)
        return found

    async def _more_statements(self, seen: VerifiedCheckpoint | None) -> bool:
        """Whether the statement log has grown, or does so soon."""
        size = 0 if seen is None else seen.checkpoint.size
        for attempt in range(_ASK_AGAIN):
            if attempt:
                await self._options.sleep(_ASK_AGAIN_S)
            head, _ = await read_head(self._files, "statements", self._trust.statements.key)
            if head is not None and head.checkpoint.size > size:
                return True
        return False

    def _waiting(self) -> int:
        if self._options.hashes_only:
            return 0
        query = "SELECT count(*) FROM entry WHERE time > ?"
        return int(self._state.db.execute(query, (self._state.number("ruled_until"),)).fetchone()[0])

    def _keep(self, problems: tuple[Problem, ...]) -> bool:
        """Keep the state, unless something was missing or altered: repaired, it would be read again then."""
        if not all(problem.signed for problem in problems):
            return False
        self._state.add_problems(problems)
        self._state.keep()
        return True
