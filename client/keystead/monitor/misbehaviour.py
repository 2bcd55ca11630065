# SPDX-License-Identifier: Apache-2.0
"""What a log did that it must not: the facts, with what the log signed, so that others can see it too."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from keystead.encoding.rfc4648 import decode_base64, encode_base64

__all__ = ["Misbehaviour", "forget_misbehaviour", "record_misbehaviour", "recorded_misbehaviour"]


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One thing that a log did.

    Attributes:
        origin: of the log.
        kind: in kebab-case (`fork`, `evidence-withheld`).
        subject: what it is about, an index; empty where the log itself is.
        time_ms: when, as far as the logs tell; else when it was noticed.
        detail: a sentence.
        evidence: raw bytes by name: signed checkpoints, proofs, entries.
    """

    origin: str
    kind: str
    subject: str
    time_ms: int
    detail: str
    evidence: Mapping[str, bytes]

    def encoded(self) -> dict[str, str]:
        """The evidence in base64."""
        return {name: encode_base64(data) for name, data in sorted(self.evidence.items())}


def record_misbehaviour(db: sqlite3.Connection, found: Misbehaviour) -> None:
    """Keep it; what was noticed first stays. Inside a transaction of the caller."""
    evidence = json.dumps(found.encoded())
    db.execute(
        "INSERT OR IGNORE INTO misbehaviour VALUES (?, ?, ?, ?, ?, ?)",
        (found.origin, found.kind, found.subject, found.time_ms, found.detail, evidence),
    )


def recorded_misbehaviour(db: sqlite3.Connection) -> list[Misbehaviour]:
    """All of it, in a fixed order."""
    rows = db.execute(
        "SELECT origin, kind, subject, time, detail, evidence FROM misbehaviour "
        "ORDER BY origin, kind, time, length(subject), subject"
    )
    return [
        Misbehaviour(
            origin,
            kind,
            subject,
            time_ms,
            detail,
            {name: decode_base64(text) for name, text in json.loads(evidence).items()},
        )
        for origin, kind, subject, time_ms, detail, evidence in rows
    ]


def forget_misbehaviour(db: sqlite3.Connection, origin: str, kind: str, subject: str) -> None:
    """Drop what was made good: evidence that was withheld and is served again. Inside a transaction."""
    db.execute(
        "DELETE FROM misbehaviour WHERE origin = ? AND kind = ? AND subject = ?", (origin, kind, subject)
    )
