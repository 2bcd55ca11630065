# SPDX-License-Identifier: Apache-2.0
"""Statement entries read, before anybody judges them (`specs/statements.md`, sections 3 and 4).

Pure. Nothing is raised on an entry's content: what cannot be read comes back with the code and the sentence of why.
"""

from dataclasses import dataclass

from keystead.errors import ParseError, StatementError
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import Statement, parse_statement

__all__ = ["ReadStatement", "UnreadableStatement", "read_statement"]


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """A statement in its place.

    Attributes:
        index: its leaf index.
        raw: the entry.
        entry: when it was logged, and the envelope.
        statement: what it says.
    """

    index: int
    raw: bytes
    entry: StatementEntry
    statement: Statement


@dataclass(frozen=True, slots=True)
class UnreadableStatement:
    """An entry that says nothing.

    Attributes:
        index: its leaf index.
        time: when it was logged; None where not even that can be read.
        code, sentence: why.
    """

    index: int
    time: int | None
    code: str
    sentence: str


def read_statement(index: int, raw: bytes) -> ReadStatement | UnreadableStatement:
    """Read the entry at a leaf index."""
    try:
        entry = parse_statement_entry(raw)
    except ParseError as error:
        return UnreadableStatement(index, None, "statement-malformed", str(error))
    try:
        return ReadStatement(index, raw, entry, parse_statement(entry.envelope))
    except ParseError as error:
        return UnreadableStatement(index, entry.timestamp, "statement-malformed", str(error))
    except StatementError as error:
        return UnreadableStatement(index, entry.timestamp, error.check, str(error))
