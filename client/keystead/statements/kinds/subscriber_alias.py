# SPDX-License-Identifier: Apache-2.0
"""`subscriber-alias`: several subscriber ids are one legal entity (`specs/statements.md`, section 5.9).

A rename, a merger, another spelling. A CA may name any subscribers; what its word weighs depends on whether it
issued to them, which is for monitors to say.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.errors import ParseError, StatementError
from keystead.statements.case import Case, Kind, Speaker, speaking_party
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued, read_subscribers

__all__ = ["SUBSCRIBER_ALIAS", "SubscriberAlias"]


@dataclass(frozen=True, slots=True)
class SubscriberAlias(Statement):
    """Several subscribers are one.

    Attributes:
        subscribers: subscriber ids, at least two.
        reason: in words.
    """

    kind: ClassVar[str] = "subscriber-alias"

    subscribers: tuple[bytes, ...]
    reason: str

    def __post_init__(self) -> None:
        if len(set(self.subscribers)) != len(self.subscribers):
            raise StatementError("the alias names a subscriber twice", check="subscriber-named-twice")

    @classmethod
    def read(cls, members: Members) -> Self:
        log, issued = log_and_issued(members)
        subscribers = read_subscribers(members)
        if len(subscribers) < 2:
            raise ParseError("an alias names two subscribers or more")
        return cls(log, issued, subscribers=subscribers, reason=members.long_text("reason"))

    def members(self) -> dict[str, Any]:
        return {
            "subscribers": [subscriber.hex() for subscriber in self.subscribers],
            "reason": self.reason,
        }


def _judge(_statement: SubscriberAlias, _speaker: Speaker, _case: Case) -> None:
    """That the policy recognizes the party is all the right there is."""


SUBSCRIBER_ALIAS = Kind(SubscriberAlias, speaking=speaking_party, judge=_judge)
