# SPDX-License-Identifier: Apache-2.0
"""`index-head`: the log commits to its device index (`specs/statements.md`, section 5.10).

The map's root is a function of the two sizes, so whoever replays both logs can compare. Because it is an entry of the
statement log, the checkpoints that witnesses cosign make every answer under it attributable to the log.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.statements.case import Case, Kind, Speaker
from keystead.statements.members import Members
from keystead.statements.statement import Statement, log_and_issued

__all__ = ["INDEX_HEAD", "IndexHead"]


@dataclass(frozen=True, slots=True)
class IndexHead(Statement):
    """The root of the device index over the first entries of both logs.

    Attributes:
        issuance_origin: of the issuance log.
        issuance_size: how many of its entries are covered.
        issuance_root: the root of its tree at that size.
        statements_size: how many entries of the statement log are covered: at most this statement's own leaf index.
        map_root: the root of the map.
    """

    kind: ClassVar[str] = "index-head"

    issuance_origin: str
    issuance_size: int
    issuance_root: bytes
    statements_size: int
    map_root: bytes

    @classmethod
    def read(cls, members: Members) -> Self:
        log, issued = log_and_issued(members)
        origin, size, root = members.object("issuance", _issuance)
        statements_size = members.object("statements", lambda statements: statements.integer("size"))
        return cls(log, issued, origin, size, root, statements_size, members.digest("map_root"))

    def members(self) -> dict[str, Any]:
        return {
            "issuance": {
                "origin": self.issuance_origin,
                "size": self.issuance_size,
                "root": self.issuance_root.hex(),
            },
            "statements": {"size": self.statements_size},
            "map_root": self.map_root.hex(),
        }


def _issuance(members: Members) -> tuple[str, int, bytes]:
    return members.text("origin"), members.integer("size"), members.digest("root")


def _judge(statement: IndexHead, speaker: Speaker, case: Case) -> None:
    """Whether the roots are right is for whoever replays both logs to see."""


INDEX_HEAD = Kind(IndexHead, speaking=None, judge=_judge)
