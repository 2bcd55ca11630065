# SPDX-License-Identifier: Apache-2.0
"""Statement entries read, before they are judged (`specs/statements.md`, sections 3 and 4).

Pure. Some entries are a piece of work for another process: what must be judged in the order of the log is little, and
reading it and verifying the log's own signature, which most statements bear, is most of the work.

Invariant: nothing is raised on an entry's content.
"""

from typing import NamedTuple

from keystead.errors import ParseError, SignatureError, StatementError
from keystead.statements.dsse import Envelope, verify_envelope
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import kind_of, parse_statement
from keystead.statements.statement import Statement

__all__ = ["ReadStatement", "StatementsJob", "read_statement", "read_statements"]


class ReadStatement(NamedTuple):
    """A statement entry.

    Attributes:
        raw: its bytes.
        entry: when it was logged, and the envelope; None where that cannot be read.
        statement: what it says; None where that cannot be read, or is of a kind that this program does not know.
        why: why it cannot be read; empty where it can, and for an unknown kind.
        signed: the log's own key made the signature, as it does for its own kinds.
    """

    raw: bytes
    entry: StatementEntry | None
    statement: Statement | None
    why: str
    signed: bool


class StatementsJob(NamedTuple):
    """Entries to read.

    Attributes:
        entries: their bytes.
        statement_key: DER SubjectPublicKeyInfo of the key that signs the log's own statements.
    """

    entries: tuple[bytes, ...]
    statement_key: bytes


def read_statements(job: StatementsJob) -> tuple[ReadStatement, ...]:
    """Read several entries."""
    return tuple(read_statement(raw, job.statement_key) for raw in job.entries)


def read_statement(raw: bytes, statement_key: bytes) -> ReadStatement:
    """Read an entry; see `StatementsJob`."""
    try:
        entry = parse_statement_entry(raw)
    except ParseError as error:
        return ReadStatement(raw, None, None, str(error), signed=False)
    try:
        speaking = kind_of(entry.envelope).speaking
    except StatementError:
        return ReadStatement(raw, entry, None, "", signed=False)
    try:
        statement = parse_statement(entry.envelope)
    except (ParseError, StatementError) as error:
        return ReadStatement(raw, entry, None, str(error), signed=False)
    return ReadStatement(
        raw, entry, statement, "", speaking is None and _signed(entry.envelope, statement_key)
    )


def _signed(envelope: Envelope, statement_key: bytes) -> bool:
    try:
        verify_envelope(envelope, statement_key)
    except (ParseError, SignatureError):
        return False  # judging says why
    return True
