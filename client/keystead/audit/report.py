# SPDX-License-Identifier: Apache-2.0
"""What an audit found, as people and programs are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystead.audit.problem import Problem

__all__ = ["AuditReport"]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of one audit.

    Attributes:
        name: of the log.
        issuance_size, statements_size: entries under the checkpoints that were audited.
        continued_from: entries of each log that an earlier audit had checked; zeros where there was none.
        hashes_only: entries were hashed, and not read.
        heads_checked: heads of the device index whose map was rebuilt and compared, in this audit.
        heads_every: of how many heads one was to be compared, the last one in any case; 0: none was.
        evidence_checked: pieces of evidence that were verified again.
        evidence_under_own_anchors: of these, those that the auditor's own anchors show; the others rest on anchors
            that only the log's policy names.
        waiting: newest entries that are judged by the next audit, because their statements were not published yet.
        unjudged: statements and entries that could not be judged because of what is missing or altered.
        problems: everything that is wrong, in order.
        kept: the state was kept, so that the next audit can continue from it.
    """

    name: str
    issuance_size: int
    statements_size: int
    continued_from: Mapping[str, int]
    hashes_only: bool
    heads_checked: int
    heads_every: int
    evidence_checked: int
    evidence_under_own_anchors: int
    waiting: int
    unjudged: int
    problems: tuple[Problem, ...]
    kept: bool = False

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "ok": self.ok,
            "log": self.name,
            "issuance_size": self.issuance_size,
            "statements_size": self.statements_size,
            "heads_checked": self.heads_checked,
            "heads_every": self.heads_every,
            "continued_from": dict(self.continued_from),
            "hashes_only": self.hashes_only,
            "evidence_checked": self.evidence_checked,
            "evidence_under_own_anchors": self.evidence_under_own_anchors,
            "waiting": self.waiting,
            "unjudged": self.unjudged,
            "kept": self.kept,
            "problems": [problem.to_json() for problem in self.problems],
        }
