# SPDX-License-Identifier: Apache-2.0
"""Asking several logs one question.

Invariants:

* a log whose answer is not good, too old or too far behind contributes nothing but the problem, named by its check;
* a log that cannot be reached ends it: what it might have said is not known.
"""

from collections.abc import Sequence

from keystead.audit.problem import Problem
from keystead.audit.progress import SILENT, Progress
from keystead.devices.anchors import AnchorSet
from keystead.errors import ParseError, VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathering import gather
from keystead.lookup.log_index import LogIndex
from keystead.lookup.questions import Question
from keystead.lookup.report import LogReport, LookupReport, ProvenAt
from keystead.lookup.reporting import report_log
from keystead.lookup.snapshot import Snapshot

__all__ = ["look_up"]

_UNDECODABLE = Subject(IndexKind.UNDECODABLE, b"")


async def look_up(
    question: Question,
    logs: Sequence[LogIndex],
    anchors: AnchorSet,
    *,
    newest: int | None = None,
    progress: Progress = SILENT,
) -> LookupReport:
    """Everything that logs have about a question, proven.

    Args:
        question: what is asked.
        logs: whom.
        anchors: the reader's own vendor anchors.
        newest: only that many of the newest entries of each history that is asked for; None for all.
        progress: is told how far it is.

    Raises:
        FetchError: a log cannot be reached, has no index, or withholds what its checkpoint promises.
    """
    found: list[LogReport] = []
    problems: list[Problem] = []
    for index in logs:
        try:
            report = await _ask(question, index, anchors, newest, progress)
        except VerificationError as error:
            problems.append(_problem(index.origin, error.check or "verification", error))
        except ParseError as error:
            problems.append(_problem(index.origin, "malformed", error))
        else:
            found.append(report)
            problems += report.problems
    return LookupReport(question, tuple(found), tuple(problems))


async def _ask(
    question: Question, index: LogIndex, anchors: AnchorSet, newest: int | None, progress: Progress
) -> LogReport:
    snapshot, found = await gather(index, question, newest=newest, keep=False, progress=progress)
    undecodable = await snapshot.history(_UNDECODABLE, newest=0)
    proven_at = _proven_at(snapshot, undecodable.count)
    return report_log(question, proven_at, index.trust, found, anchors)


def _proven_at(snapshot: Snapshot, undecodable: int) -> ProvenAt:
    trust, head = snapshot.index.trust, snapshot.head
    return ProvenAt(
        trust.issuance.key.origin,
        trust.statements.key.origin,
        head.index,
        head.timestamp,
        snapshot.asked_ms,
        head.statement.issuance_size,
        head.statement.statements_size,
        head.issuance.checkpoint.size,
        undecodable,
    )


def _problem(origin: str, code: str, error: VerificationError | ParseError) -> Problem:
    evidence = error.evidence if isinstance(error, VerificationError) else {}
    return Problem(code, origin, str(error), evidence=evidence)
