# SPDX-License-Identifier: Apache-2.0
"""Asking logs a CA's question, each on its own, and the worst of what they say (`specs/check.md`, section 5).

Invariants:

* a log whose answer is not good, too old or too far behind decides nothing: without it nobody knows whether the device
  is shared, so there is no verdict but `shared`;
* a log that cannot be reached ends it.
"""

from dataclasses import dataclass
from typing import Any

from keystead.audit.problem import Problem
from keystead.audit.progress import SILENT, Progress
from keystead.check.decide import decide
from keystead.check.decision import Decision, Verdict, worst
from keystead.check.gathering import gather_for
from keystead.check.question import Question
from keystead.check.whole_log import WholeLog
from keystead.devices.anchors import AnchorSet
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import Gathered
from keystead.monitor.found import show_time

__all__ = ["CheckAnswer", "LogAnswer", "ask_log"]

_UNDECODABLE = Subject(IndexKind.UNDECODABLE, b"")


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What one operator's logs say.

    Attributes:
        origin: of the issuance log.
        decision: the verdict, and why.
        tree_size: issuance entries that were looked at.
        lag: those of them that the index does not cover; they were read one by one.
        head: leaf index of the index's head.
        head_ms: when it was logged.
        age_ms: how old it was.
        at_ms: the moment that was judged.
        undecodable: entries that cannot be read whole, and may be about anything.
    """

    origin: str
    decision: Decision
    tree_size: int
    lag: int
    head: int
    head_ms: int
    age_ms: int
    at_ms: int
    undecodable: int = 0

    @property
    def good(self) -> bool:
        """Whether a CA may go ahead, as far as this log tells."""
        return self.decision.verdict is not Verdict.SHARED and not self.decision.misbehaved

    def to_json(self) -> dict[str, Any]:
        """What the attributes say; `age` in whole seconds."""
        return {
            "origin": self.origin,
            **self.decision.to_json(),
            "tree_size": self.tree_size,
            "lag": self.lag,
            "age": max(0, self.age_ms // 1000),
            "head": {"index": self.head, "time": show_time(self.head_ms)},
            "at": show_time(self.at_ms),
            "undecodable": self.undecodable,
        }


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What all logs that were asked say.

    Attributes:
        logs: those that answer.
        problems: why others do not.
    """

    logs: tuple[LogAnswer, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def in_order(self) -> list[LogAnswer]:
        """The logs, the worst first."""
        return sorted(self.logs, key=lambda one: -one.decision.verdict.rank)

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all; None where a log that did not answer might have a worse one."""
        verdict = worst([one.decision.verdict for one in self.logs])
        return None if self.problems and verdict is not Verdict.SHARED else verdict

    @property
    def good(self) -> bool:
        """Whether a CA may go ahead."""
        return not self.problems and all(one.good for one in self.logs)

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        ordered = self.in_order
        reasons = [reason for one in ordered for reason in one.decision.reasons]
        entries = [name for one in ordered for name in one.decision.entries]
        first = ordered[0] if ordered else None
        return {
            "verdict": None if self.verdict is None else self.verdict.value,
            "reasons": list(dict.fromkeys(reasons)),
            "entries": [name.to_json() for name in dict.fromkeys(entries)],
            "tree_size": None if first is None else first.tree_size,
            "lag": None if first is None else first.lag,
            "age": None if first is None else max(0, first.age_ms // 1000),
            "devices": [] if first is None else [device.to_json() for device in first.decision.devices],
            "logs": [one.to_json() for one in ordered],
            "problems": [problem.to_json() for problem in self.problems],
        }


async def ask_log(
    log: WholeLog, question: Question, anchors: AnchorSet, progress: Progress = SILENT
) -> tuple[LogAnswer, Gathered]:
    """What one operator's logs say, and what it was made from.

    Args:
        log: read at one moment.
        question: what is asked.
        anchors: the asker's own vendor anchors.
        progress: is told how far it is.

    Raises:
        ParseError, EvidenceError, UsageError: the question contradicts itself.
        FetchError, VerificationError: the log cannot be read, or lies.
    """
    at_ms = max(log.snapshot.asked_ms, log.newest_ms)
    bearing = await gather_for(log, question, anchors, at_ms, progress)
    undecodable = await log.history(_UNDECODABLE, newest=0)
    decision = decide(
        log.trust, bearing.found, bearing.candidate, anchors, at_ms, submitted=question.submitted
    )
    head = log.head
    answer = LogAnswer(
        origin=log.trust.issuance.key.origin,
        decision=decision,
        tree_size=log.issuance_size,
        lag=log.issuance_size - head.statement.issuance_size,
        head=head.index,
        head_ms=head.timestamp,
        age_ms=log.snapshot.age_ms,
        at_ms=at_ms,
        undecodable=undecodable.count,
    )
    return answer, bearing.found
