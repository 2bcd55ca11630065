# SPDX-License-Identifier: Apache-2.0
"""`log-policy`: the log says which policy is in force from the next batch on (`specs/statements.md`, section 5.1).

It is entry 0 of every statement log and appears again at each change. A log ends by a last one that names its
successor.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.statements.case import Case, Kind, Speaker
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued

__all__ = ["LOG_POLICY", "LogPolicy"]


@dataclass(frozen=True, slots=True)
class LogPolicy(Statement):
    """The policy now in force.

    Attributes:
        policy: SHA-256 of the policy's JSON.
        successor: origin of the statement log that takes over; the log is read-only from then on.
    """

    kind: ClassVar[str] = "log-policy"

    policy: bytes
    successor: str | None = None

    @classmethod
    def read(cls, members: Members) -> Self:
        return cls(
            *log_and_issued(members),
            policy=members.digest("policy"),
            successor=members.optional("successor", members.text),
        )

    def members(self) -> dict[str, Any]:
        value: dict[str, Any] = {"policy": self.policy.hex()}
        if self.successor is not None:
            value["successor"] = self.successor
        return value


def _judge(statement: LogPolicy, speaker: Speaker, case: Case) -> None:
    """Any policy may follow any other: it is the log's own, and public."""


LOG_POLICY = Kind(LogPolicy, speaking=None, judge=_judge)
