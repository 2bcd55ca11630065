# SPDX-License-Identifier: Apache-2.0
"""A statement log, judged again statement by statement (`specs/monitor.md`, section 2.3).

A log says that it admits only what signers have the right to say. The monitor applies the same rules to every
statement, with the policy in force for it and with what stands before it in view; what should not be there is
misbehaviour, and counts for nothing.

Invariants:

* the facts that are kept depend on the entries alone, not on where following was interrupted;
* a statement about an issuance entry that was not read waits (`pending`); it is judged when that entry is there, with
  the same result as if it had come later;
* while earlier issuance entries were not read, nothing that they could excuse is held against the log, and what they
  could forbid is judged again when they are;
* a kind of statement that this program does not know is passed over.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from keystead.client.trust import parse_trust
from keystead.devices.anchors import AnchorSet
from keystead.errors import ParseError, SignatureError, StatementError
from keystead.monitor.evidence import Examined
from keystead.monitor.knowledge import DEFAULT_TERMS, Knowledge, LogKnowledge, Terms
from keystead.monitor.misbehaviour import Misbehaviour, record_misbehaviour
from keystead.monitor.statement_facts import Said, StatementFacts
from keystead.monitor.statement_reading import ReadStatement, read_statement
from keystead.statements.entry import parse_statement_entry
from keystead.statements.kinds.certificate_revoked import CertificateRevoked, RevocationReason
from keystead.statements.kinds.device_evidence import DeviceEvidence
from keystead.statements.kinds.log_policy import LogPolicy
from keystead.statements.payloads import parse_statement
from keystead.statements.policy import parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.rights import judge_logged, logged_statement
from keystead.statements.services import Service, ServiceRegistry
from keystead.statements.statement import Statement
from keystead.statements.view import LoggedCertificate, LoggedStatement

__all__ = ["Needs", "StatementReplay", "load_knowledge"]


_MAY_BE_EARLY = frozenset({"no-certificate-on-device", "supersedes-no-binding"})
"""Refusals that a statement which waits, or an entry that was not read, could lift."""

_NO_ENTRY = -1
"""Stands for the issuance entry where a statement names none."""

_AT_ONCE = 256


class Needs(NamedTuple):
    """What must be fetched before statements can be judged: digests of policies and of evidence."""

    policies: frozenset[bytes]
    evidence: frozenset[bytes]


class StatementReplay:
    """One statement log, as far as it was followed.

    Args:
        db: the state.
        log: the log's row id.
        origin: of the statement log.
        statement_key: DER SubjectPublicKeyInfo of the key that signs the log's own statements.
        anchors: the monitor's own.
    """

    def __init__(
        self, db: sqlite3.Connection, log: int, origin: str, statement_key: bytes, anchors: AnchorSet
    ) -> None:
        self.log = log
        self.origin = origin
        self.policies = PolicyHistory()
        self.services = ServiceRegistry(self.policies)
        self._db = db
        self._statement_key = statement_key
        self.facts = StatementFacts(db, log, origin, self.policies, self.services, anchors)
        self._load()

    def _load(self) -> None:
        for index, time_ms, policy in self._db.execute(
            "SELECT idx, time, policy FROM policy WHERE log = ? ORDER BY idx", (self.log,)
        ):
            self.policies.add(index, time_ms, parse_policy(policy))
        for index, raw in self._db.execute(
            "SELECT idx, entry FROM service_statement WHERE log = ? ORDER BY idx", (self.log,)
        ):
            entry = parse_statement_entry(raw)
            self.services.apply(index, entry.timestamp, parse_statement(entry.envelope), entry.envelope)

    def needs(self, entries: Iterable[ReadStatement], read: range) -> Needs:
        """What the statements among `entries` refer to and the state does not have.

        Args:
            entries: of the statement log.
            read: the issuance entries that were read; who names another waits, and needs nothing yet.
        """
        policies: set[bytes] = set()
        evidence: set[bytes] = set()
        for statement in (one.statement for one in entries):
            if isinstance(statement, LogPolicy):
                policies.add(statement.policy)
            elif isinstance(statement, DeviceEvidence) and statement.issuance_index in read:
                evidence.add(statement.evidence_digest)
        return Needs(frozenset(policies), frozenset(evidence - self.facts.examined(evidence)))

    def waiting(self, read: range) -> Iterator[dict[int, bytes]]:
        """The statements that waited for issuance entries which are there now, some at a time."""
        indices = self._db.execute(
            "SELECT idx FROM pending WHERE log = ? AND issuance = ? "
            "UNION ALL SELECT idx FROM pending WHERE log = ? AND issuance >= ? AND issuance < ? ORDER BY idx",
            (self.log, _NO_ENTRY, self.log, read.start, read.stop),
        ).fetchall()
        query = "SELECT entry FROM pending WHERE log = ? AND idx = ?"
        for at in range(0, len(indices), _AT_ONCE):
            yield {
                index: self._db.execute(query, (self.log, index)).fetchone()[0]
                for (index,) in indices[at : at + _AT_ONCE]
            }

    def apply(
        self,
        index: int,
        raw: bytes,
        fetched: Mapping[bytes, bytes | None],
        read: range,
    ) -> None:
        """`judge` the entry with some bytes."""
        self.judge(index, read_statement(raw, self._statement_key), fetched, read)

    def judge(
        self,
        index: int,
        found: ReadStatement,
        fetched: Mapping[bytes, bytes | None],
        read: range,
        examined: Mapping[bytes, Examined] | None = None,
    ) -> None:
        """Judge the statement at an index and keep what it says, inside a transaction of the caller.

        Args:
            index: its leaf index.
            found: the entry.
            fetched: what `needs` asked for, by digest, each hashing to it; None for what the log does not serve.
            read: the issuance entries that were read.
            examined: what became of evidence that was examined ahead.
        """
        waited = self._db.execute("DELETE FROM pending WHERE log = ? AND idx = ?", (self.log, index)).rowcount
        if waited:
            self.facts.take_back_revocation(index)
        raw, entry, statement = found.raw, found.entry, found.statement
        if entry is None:
            self._misbehaved("malformed-statement", index, 0, found.why, raw)
            return
        if statement is None:
            if found.why:  # else it is of a later version
                self._misbehaved("statement-without-right", index, entry.timestamp, found.why, raw)
            return
        named = _issuance_index(statement)
        if named != _NO_ENTRY and named not in read:
            self._wait(index, named, raw)
            return
        said = Said(index, entry, statement, raw)
        in_force = self.policies.in_force_for(entry.timestamp)
        try:
            judge_logged(
                statement, entry, self._statement_key, in_force, _View(self, said), signed=found.signed
            )
        except (ParseError, StatementError, SignatureError) as error:
            early = getattr(error, "check", "") in _MAY_BE_EARLY
            if early and (read.start > 0 or self._waits_before(index)):
                self._wait(index, _NO_ENTRY, raw)
                return
            self._misbehaved("statement-without-right", index, entry.timestamp, str(error), raw)
            return
        self.facts.keep(said, fetched, examined or {})
        if read.start > 0 and _may_be_forbidden(statement):
            self._wait(index, _NO_ENTRY, raw)

    def _wait(self, index: int, issuance: int, raw: bytes) -> None:
        self._db.execute("INSERT INTO pending VALUES (?, ?, ?, ?)", (self.log, index, issuance, raw))

    def _waits_before(self, index: int) -> bool:
        """Whether a statement before this one waits, which could give the right to make this one."""
        query = "SELECT 1 FROM pending WHERE log = ? AND idx < ?"
        return self._db.execute(query, (self.log, index)).fetchone() is not None

    def _misbehaved(self, kind: str, index: int, time_ms: int, why: str, raw: bytes) -> None:
        record_misbehaviour(
            self._db,
            Misbehaviour(
                self.origin,
                kind,
                str(index),
                time_ms,
                f"statement {index} should not be there: {why}",
                {"entry": raw},
            ),
        )

    def statement_at(self, index: int) -> LoggedStatement | None:
        """The statement at a leaf index, of those kinds that another can refer to."""
        row = self._db.execute(
            "SELECT entry FROM binding WHERE log = ? AND idx = ?", (self.log, index)
        ).fetchone()
        return None if row is None else logged_statement(index, parse_statement_entry(row[0]), self.policies)


def load_knowledge(
    db: sqlite3.Connection,
    anchors: AnchorSet,
    known_at_ms: int | None = None,
    terms: Terms = DEFAULT_TERMS,
) -> Knowledge:
    """What the state knows of all logs, read from it afresh.

    Args:
        db: the state.
        anchors: the monitor's own.
        known_at_ms: what was logged later is hidden; None hides nothing.
        terms: on which its user judges.
    """
    logs = {}
    for number, raw in db.execute("SELECT id, trust FROM log ORDER BY id").fetchall():
        trust = parse_trust(raw)
        origin = trust.statements.key.origin
        replay = StatementReplay(db, number, origin, trust.statements.statement_key, anchors)
        logs[number] = LogKnowledge(trust.issuance.key.origin, origin, replay.policies, replay.services)
    return Knowledge(logs, anchors, known_at_ms, terms)


class _View:
    """What stands before one statement: `StatementView`.

    Entries of both logs that were sequenced together have one time; a statement may speak of a certificate in
    its own batch. Whether a final certificate was there first cannot be told within a batch, so it counts only
    if it is earlier: an honest log is never accused.
    """

    def __init__(self, replay: StatementReplay, said: Said) -> None:
        self._replay = replay
        self._said = said
        self._db = replay._db

    @property
    def origin(self) -> str:
        return self._replay.origin

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        row = self._db.execute(
            "SELECT certificate_id, issuer_key_hash FROM entry JOIN certificate ON certificate.id = entry.certificate "
            "WHERE log = ? AND idx = ? AND time <= ?",
            (self._replay.log, issuance_index, self._said.entry.timestamp),
        ).fetchone()
        return None if row is None else LoggedCertificate(*row)

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM certificate JOIN entry ON entry.certificate = certificate.id "
            "WHERE certificate_id = ? AND log = ? AND final AND time < ?",
            (certificate_id, self._replay.log, self._said.entry.timestamp),
        ).fetchone()
        return row is not None

    def statement_at(self, index: int) -> LoggedStatement | None:
        return self._replay.statement_at(index) if index < self._said.index else None

    def service(self, service_id: bytes) -> Service | None:
        return self._replay.services.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[Service]:
        return self._replay.services.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        rows = self._db.execute(
            "SELECT DISTINCT issuer_key_hash FROM device "
            "JOIN claim ON claim.device = device.id "
            "JOIN certificate ON certificate.id = claim.certificate "
            "JOIN entry ON entry.certificate = certificate.id AND entry.log = ? AND entry.time <= ? "
            "WHERE device_id = ? AND (claim.log < 0 OR (claim.log = entry.log AND claim.statement < ?))",
            (self._replay.log, self._said.entry.timestamp, device_id, self._said.index),
        )
        return any(issuer in issuers for (issuer,) in rows)


def _issuance_index(statement: Statement) -> int:
    """The issuance entry that a statement names, or `_NO_ENTRY`."""
    return int(getattr(statement, "issuance_index", _NO_ENTRY))


def _may_be_forbidden(statement: Statement) -> bool:
    """Whether an entry that was not read could take the right to make it: the certificate that was never issued."""
    return isinstance(statement, CertificateRevoked) and statement.reason is RevocationReason.NOT_ISSUED
