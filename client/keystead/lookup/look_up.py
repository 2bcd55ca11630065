# SPDX-License-Identifier: Apache-2.0
"""Asking several logs one question.

Invariants:

* a log whose answer is not good, too old or too far behind, or that withholds what its checkpoint promises, contributes
  nothing but the problem, named by its check;
* a log that cannot be reached ends it: what it might have said is not known.
"""

from collections.abc import Sequence

from keystead.audit.problem import Problem
from keystead.audit.progress import SILENT, Progress
from keystead.devices.anchors import AnchorSet
from keystead.errors import FetchError, ParseError, VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathering import gather
from keystead.lookup.log_index import LogIndex
from keystead.lookup.questions import Question
from keystead.lookup.report import LogReport, LookupReport, ProvenAt
from keystead.lookup.reporting import report_log
from keystead.lookup.snapshot import Snapshot

__all__ = ["look_up"]

_WITHHELD = {
    "/tile/data/": "bundle-withheld",
    "/tile/entries/": "bundle-withheld",
    "/tile/": "tile-withheld",
    "/issuer/": "issuer-withheld",
    "/policy/": "policy-withheld",
}
"""As an audit calls it, by the paths below a log's base."""

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
        FetchError: a log cannot be reached, or has no index.
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
        except FetchError as error:
            withheld = _withheld(error)
            if withheld is None:
                raise
            problems.append(_problem(index.origin, withheld, error))
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
        snapshot.issuance_tree.size,
        undecodable,
    )


def _withheld(error: FetchError) -> str | None:
    """The code of what a log does not serve although it must; None where it did not answer at all."""
    if error.status != 404:
        return None
    return next((code for part, code in _WITHHELD.items() if part in f"/{error.url}"), None)


def _problem(origin: str, code: str, error: VerificationError | ParseError | FetchError) -> Problem:
    evidence = error.evidence if isinstance(error, VerificationError) else {}
    return Problem(code, origin, str(error), evidence=evidence)
