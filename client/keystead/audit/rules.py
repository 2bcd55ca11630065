# SPDX-License-Identifier: Apache-2.0
"""What must hold between entries, and between the two logs (`specs/log.md`, sections 6 to 10).

Each rule is a question to the facts. A rule that needs statements (which policy was in force, which evidence was
recorded) is asked of entries only up to a moment up to which both logs were read (`run`); the rest waits for the next
audit.

Invariant: an entry is asked about once, whether or not audits were continued in between.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keystead.audit.judge import Judge
from keystead.audit.problem import Problem
from keystead.audit.state import AuditState
from keystead.statements.policy import Backfill, parse_policy

__all__ = ["Breach", "Range", "duplicate_entries", "repeated_evidence", "require_statements"]

_MOST_EVIDENCE = 4
"""Pieces for a certificate altogether (`specs/log.md`, section 7)."""


@dataclass(frozen=True, slots=True)
class Breach:
    """An entry that breaks a rule which needs statements.

    Attributes:
        time: of the entry.
        awaits: the statement that it lacks may be in a batch whose statements were not seen.
        problem: what is wrong, if it is.
    """

    time: int
    awaits: bool
    problem: Problem


@dataclass(frozen=True, slots=True)
class Range:
    """The entries to ask about: new ones, and those that waited; up to a moment.

    Attributes:
        first: index of the first new entry.
        after: the moment up to which entries before that one were asked about, milliseconds.
        until: the moment up to which both logs were read.
    """

    first: int
    after: int
    until: int


def require_statements(state: AuditState, judge: Judge, origin: str, entries: Range) -> Iterator[Breach]:
    """The entries that break a rule which needs statements.

    Args:
        state: the facts.
        judge: of the statement log, which has taken all statements of the range.
        origin: of the issuance log.
        entries: to ask about.
    """
    asked = _Questions(state, judge, origin, entries)
    policies = state.db.execute("SELECT time, policy FROM policy ORDER BY idx").fetchall()
    # Each is in force after its own batch, up to and with the batch of the next one.
    times = [time for time, _ in policies]
    yield from asked.without_policy(times[0] if times else entries.until)
    for number, (start, encoded) in enumerate(policies):
        end = times[number + 1] if number + 1 < len(times) else entries.until
        policy = parse_policy(encoded)
        yield from asked.anchors(start, end, policy.roots)
        yield from asked.sizes(start, end, policy.limits.max_chain_bytes)
        yield from asked.backfill(start, end, policy.backfill)
    yield from asked.named_evidence()
    if judge.ended is not None:
        yield from asked.after_the_end(judge.ended)


class _Questions:
    """The questions, each about entries dated `start < time <= end`."""

    def __init__(self, state: AuditState, judge: Judge, origin: str, entries: Range) -> None:
        self._db = state.db
        self._judge = judge
        self._origin = origin
        self._entries = entries

    def _breaches(
        self,
        code: str,
        sentence: str,
        condition: str = "TRUE",
        value: object = None,
        *,
        start: int = -1,
        end: int | None = None,
        signed: bool = True,
        awaits: bool = False,
    ) -> Iterator[Breach]:
        entries = self._entries
        until = entries.until if end is None else min(end, entries.until)
        rows = self._db.execute(
            "SELECT idx, time FROM entry LEFT JOIN chain ON chain.id = chain "  # noqa: S608
            "WHERE time > :start AND time <= :until AND (time > :after OR idx >= :first) "
            f"AND key_hash IS NOT NULL AND {condition} ORDER BY idx",
            {"start": start, "until": until, "after": entries.after, "first": entries.first, "value": value},
        )
        for index, time in rows.fetchall():
            problem = Problem(code, self._origin, f"entry {index}: {sentence}", index, signed=signed)
            yield Breach(time, awaits and time > self._judge.last_time, problem)

    def without_policy(self, end: int) -> Iterator[Breach]:
        """Entries before any policy was in force."""
        return self._breaches("no-policy-in-force", "it was logged before any policy was in force", end=end)

    def anchors(self, start: int, end: int, roots: Sequence[bytes]) -> Iterator[Breach]:
        """Entries whose chain ends at no accepted root."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS accepted (anchor BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("DELETE FROM accepted")
        self._db.executemany("INSERT INTO accepted VALUES (?)", [(root,) for root in roots])
        return self._breaches(
            "unknown-anchor",
            "its chain ends at no root that the policy in force accepted",
            "anchor NOT IN (SELECT anchor FROM accepted)",
            start=start,
            end=end,
            signed=False,  # the hash does not cover the chain: it may have been altered since
        )

    def sizes(self, start: int, end: int, most: int) -> Iterator[Breach]:
        """Entries whose chain was too large."""
        return self._breaches(
            "chain-too-large",
            f"its chain has more than the {most} bytes that the policy in force allowed",
            "size > :value",
            most,
            start=start,
            end=end,
            signed=False,
        )

    def backfill(self, start: int, end: int, rule: Backfill) -> Iterator[Breach]:
        """Entries without the device extension that needed it, or evidence."""
        if rule is Backfill.NONE:
            yield from self._breaches(
                "backfill-not-admitted",
                "it has no device extension, and the policy in force admitted none without it",
                "NOT extended",
                start=start,
                end=end,
            )
        elif rule is Backfill.EVIDENCE:
            yield from self._breaches(
                "backfill-needs-evidence",
                "it has no device extension, and no evidence was recorded for it by then",
                "NOT extended AND certificate_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM evidence "
                "WHERE evidence.certificate_id = entry.certificate_id AND evidence.time <= entry.time)",
                start=start,
                end=end,
                awaits=True,
            )

    def named_evidence(self) -> Iterator[Breach]:
        """Entries that name evidence which was not recorded with them or before."""
        return self._breaches(
            "evidence-missing",
            "its extension names evidence, which was not recorded by then",
            "named IS NOT NULL AND certificate_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM evidence "
            "WHERE evidence.certificate_id = entry.certificate_id AND evidence.digest = entry.named "
            "AND evidence.time <= entry.time)",
            awaits=True,
        )

    def after_the_end(self, ended: int) -> Iterator[Breach]:
        """Entries that were logged after the log had ended."""
        sentence = "it was logged after the log had named its successor"
        return self._breaches("after-the-end", sentence, start=ended)


def duplicate_entries(state: AuditState, origin: str, first: int) -> Iterator[Problem]:
    """Of the entries from `first` on, those that log again what was logged."""
    rows = state.db.execute(
        "SELECT later.idx, min(earlier.idx), later.final FROM entry AS later JOIN entry AS earlier "
        "ON earlier.certificate_id = later.certificate_id AND earlier.idx < later.idx "
        "WHERE later.idx >= ? AND earlier.final = later.final "
        "AND (NOT later.final OR earlier.fingerprint = later.fingerprint) GROUP BY later.idx",
        (first,),
    )
    for index, earlier, final in rows.fetchall():
        what = "certificate" if final else "precertificate"
        sentence = f"entry {index} is the {what} of entry {earlier} again"
        yield Problem("duplicate-entry", origin, sentence, index, signed=True)


def repeated_evidence(state: AuditState, origin: str, first: int) -> Iterator[Problem]:
    """Of the statements from `first` on, those that record evidence which was recorded, or too much of it."""
    rows = state.db.execute(
        "SELECT certificate_id FROM evidence GROUP BY certificate_id HAVING count(*) > 1 AND max(idx) >= ?",
        (first,),
    )
    for (certificate_id,) in rows.fetchall():
        row = state.db.execute(
            "SELECT named FROM entry WHERE certificate_id = ? AND named IS NOT NULL", (certificate_id,)
        ).fetchone()
        named = None if row is None else row[0]
        pieces = state.db.execute(
            "SELECT idx, digest, devices FROM evidence WHERE certificate_id = ? ORDER BY idx",
            (certificate_id,),
        ).fetchall()
        digests = set() if named is None else {named}
        recorded: set[bytes] = set()
        proven: set[bytes] = set()
        for index, digest, devices in pieces:
            code, why = "", ""
            # The piece that the extension names is a duplicate only of itself, and always has its place.
            if digest in recorded or (digest != named and devices in proven):
                code, why = "duplicate-evidence", "records for a certificate what was recorded for it already"
            elif len(digests | {digest}) > _MOST_EVIDENCE:
                code, why = (
                    "too-much-evidence",
                    f"records more than {_MOST_EVIDENCE} pieces for a certificate",
                )
            digests.add(digest)
            recorded.add(digest)
            proven.add(devices)
            if code and index >= first:
                yield Problem(code, origin, f"statement {index} {why}", index, signed=True)
