# SPDX-License-Identifier: Apache-2.0
"""What statements say, kept as facts, once it was judged that their signers may say it.

Evidence is examined here (`evidence`): the statement is the log's word that it verified, and what the monitor finds
is what counts. A statement that the evidence contradicts is misbehaviour, and what the evidence proves is kept.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keystead.devices.anchors import AnchorSet
from keystead.errors import FetchError
from keystead.monitor.evidence import (
    EvidenceFacts,
    Examined,
    Outcome,
    contradiction,
    examine,
    read_evidence_row,
    withheld,
)
from keystead.monitor.misbehaviour import Misbehaviour, forget_misbehaviour, record_misbehaviour
from keystead.monitor.profile_rows import add_alias
from keystead.monitor.recording import BINDING, EVIDENCE, add_claims
from keystead.monitor.rows import touch
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.kinds.audit_withdrawal import AuditWithdrawal
from keystead.statements.kinds.certificate_revoked import CertificateRevoked
from keystead.statements.kinds.device_binding import DeviceBinding
from keystead.statements.kinds.device_evidence import DeviceEvidence
from keystead.statements.kinds.device_transfer import DeviceTransfer
from keystead.statements.kinds.log_policy import LogPolicy
from keystead.statements.kinds.service_audit import ServiceAudit
from keystead.statements.kinds.service_devices import ServiceDevices
from keystead.statements.kinds.subscriber_alias import SubscriberAlias
from keystead.statements.payloads import parse_statement
from keystead.statements.policy import parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.statements.statement import Statement

__all__ = ["Said", "StatementFacts"]

_NOTHING_EXAMINED: Mapping[bytes, Examined] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Said:
    """A statement in its place.

    Attributes:
        index: its leaf index.
        entry: when it was logged, and the envelope.
        statement: what it says.
        raw: the entry's bytes.
    """

    index: int
    entry: StatementEntry
    statement: Statement
    raw: bytes


class StatementFacts:
    """Keeps what one log's statements say.

    Args:
        db: the state.
        log: the log's row id.
        origin: of the statement log.
        policies: the log's, in memory; kept up here.
        services: the log's, in memory; kept up here.
        anchors: the monitor's own.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        log: int,
        origin: str,
        policies: PolicyHistory,
        services: ServiceRegistry,
        anchors: AnchorSet,
    ) -> None:
        self._db = db
        self._log = log
        self._origin = origin
        self._policies = policies
        self._services = services
        self._anchors = anchors

    def examined(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those pieces of this log's evidence that were examined already."""
        query = "SELECT 1 FROM evidence WHERE log = ? AND digest = ?"
        return {digest for digest in digests if self._db.execute(query, (self._log, digest)).fetchone()}

    def keep(
        self,
        said: Said,
        fetched: Mapping[bytes, bytes | None],
        examined: Mapping[bytes, Examined] = _NOTHING_EXAMINED,
    ) -> None:
        """Keep what a statement says, inside a transaction of the caller.

        Args:
            said: a statement that its signer had the right to make.
            fetched: the policies and the evidence that it may name, by digest; None for what the log does not serve.
            examined: what became of evidence that was examined ahead.

        Raises:
            FetchError: the log does not serve a policy, without which nothing after it can be judged.
            ParseError: the policy is none.
        """
        match said.statement:
            case LogPolicy():
                self._keep_policy(said, said.statement, fetched)
            case ServiceAudit() | AuditWithdrawal() | ServiceDevices():
                self._keep_service(said, said.statement)
            case DeviceBinding():
                self._keep_binding(said, said.statement)
            case CertificateRevoked():
                self._keep_revocation(said, said.statement)
            case DeviceEvidence():
                self._keep_evidence(said, said.statement, fetched, examined)
            case DeviceTransfer():
                self._keep_transfer(said, said.statement)
            case SubscriberAlias():
                self._keep_alias(said, said.statement)

    def _keep_policy(self, said: Said, statement: LogPolicy, fetched: Mapping[bytes, bytes | None]) -> None:
        data = fetched.get(statement.policy)
        if data is None:
            raise FetchError(
                f"{self._origin} does not serve the policy {statement.policy.hex()}, which is in force from its "
                f"statement {said.index} on: nothing after it can be judged",
                status=404,
            )
        policy = parse_policy(data)
        self._policies.add(said.index, said.entry.timestamp, policy)
        self._db.execute(
            "INSERT INTO policy VALUES (?, ?, ?, ?)", (self._log, said.index, said.entry.timestamp, data)
        )
        # Parties, anchors and distrusted keys bear on everything.
        touch(self._db, "all", (0,))

    def _keep_service(self, said: Said, statement: ServiceAudit | AuditWithdrawal | ServiceDevices) -> None:
        self._services.apply(said.index, said.entry.timestamp, statement, said.entry.envelope)
        self._db.execute("INSERT INTO service_statement VALUES (?, ?, ?)", (self._log, said.index, said.raw))
        touch(self._db, "service", (statement.service,))

    def _keep_binding(self, said: Said, statement: DeviceBinding) -> None:
        certificate, _ = self._certificate(statement.issuance_index)
        self._db.execute(
            "INSERT INTO binding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._log,
                said.index,
                said.entry.timestamp,
                certificate,
                bytes.fromhex(said.entry.envelope.keyid),
                self._party(said),
                int(statement.method),
                statement.service,
                statement.supersedes,
                statement.supersedes_extension,
                said.raw,
            ),
        )
        claims = [(certificate, device.device_id, device.scheme) for device in statement.devices]
        add_claims(self._db, BINDING, self._log, said.index, claims)
        touch(self._db, "certificate", (certificate,))

    def _keep_revocation(self, said: Said, statement: CertificateRevoked) -> None:
        certificate, _ = self._certificate(statement.issuance_index)
        self._db.execute(
            "INSERT INTO revocation VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._log,
                said.index,
                said.entry.timestamp,
                certificate,
                bytes.fromhex(said.entry.envelope.keyid),
                self._party(said),
                statement.reason.value,
            ),
        )
        touch(self._db, "certificate", (certificate,))

    def take_back_revocation(self, index: int) -> None:
        """Forget a revocation, if that is what stands there: it is judged again. Inside a transaction."""
        rows = self._db.execute(
            "DELETE FROM revocation WHERE log = ? AND idx = ? RETURNING certificate", (self._log, index)
        ).fetchall()
        touch(self._db, "certificate", [certificate for (certificate,) in rows])

    def _keep_transfer(self, said: Said, statement: DeviceTransfer) -> None:
        device_id, keyid = statement.device.device_id, bytes.fromhex(said.entry.envelope.keyid)
        row = (device_id, *statement.subscribers, keyid, self._party(said))
        self._db.execute(
            "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._log, said.index, said.entry.timestamp, *row),
        )
        touch(self._db, "device", (device_id,))

    def _keep_alias(self, said: Said, statement: SubscriberAlias) -> None:
        in_force = self._policies.in_force_for(said.entry.timestamp)
        keyid = said.entry.envelope.keyid
        party = None if in_force is None else in_force.policy.party_with_key(keyid)
        add_alias(
            self._db,
            self._log,
            said.index,
            said.entry.timestamp,
            bytes.fromhex(keyid),
            self._party(said),
            b"" if party is None else b"".join(sorted(party.issuers)),
            statement.subscribers,
        )

    def _keep_evidence(
        self,
        said: Said,
        statement: DeviceEvidence,
        fetched: Mapping[bytes, bytes | None],
        examined: Mapping[bytes, Examined],
    ) -> None:
        certificate, key = self._certificate(statement.issuance_index)
        digest = statement.evidence_digest
        found = self._evidence(digest)
        if found is None:
            found = self._examine(said, statement, fetched.get(digest), examined.get(digest))
        self._db.execute(
            "INSERT INTO evidence_statement VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._log,
                said.index,
                said.entry.timestamp,
                certificate,
                digest,
                None if found.outcome is Outcome.VERIFIED else said.raw,
            ),
        )
        self._keep_proof(said, statement, certificate, key, found)

    def unverified(self, *, also_failed: bool) -> list[bytes]:
        """Evidence to ask for again: what was withheld, and on demand what did not verify or could not be read."""
        outcomes = [Outcome.WITHHELD, *((Outcome.FAILED, Outcome.UNKNOWN_FORMAT) if also_failed else ())]
        query = "SELECT digest FROM evidence WHERE log = ? AND outcome = ? ORDER BY digest"
        return [
            digest
            for outcome in outcomes
            for (digest,) in self._db.execute(query, (self._log, outcome.value))
        ]

    def reexamine(self, digest: bytes, data: bytes, examined: Mapping[bytes, Examined]) -> None:
        """Look at unverified evidence again, inside a transaction of the caller; see `keep`."""
        rows = self._db.execute(
            "SELECT idx, entry FROM evidence_statement WHERE log = ? AND evidence = ? ORDER BY idx",
            (self._log, digest),
        ).fetchall()
        self._db.execute("DELETE FROM evidence WHERE log = ? AND digest = ?", (self._log, digest))
        for index, raw in rows:
            self._db.execute("DELETE FROM evidence_statement WHERE log = ? AND idx = ?", (self._log, index))
            self._db.execute(
                "DELETE FROM claim WHERE kind = ? AND log = ? AND statement = ?", (EVIDENCE, self._log, index)
            )
            for kind in ("evidence-withheld", "evidence-wrong"):
                forget_misbehaviour(self._db, self._origin, kind, str(index))
            entry = parse_statement_entry(raw)
            statement = parse_statement(entry.envelope)
            assert isinstance(statement, DeviceEvidence)  # noqa: S101 -- what the table holds
            self._keep_evidence(Said(index, entry, statement, raw), statement, {digest: data}, examined)

    def _examine(
        self, said: Said, statement: DeviceEvidence, data: bytes | None, examined: Examined | None
    ) -> EvidenceFacts:
        """Verify a piece of evidence, unless that was done under the anchors that count, and keep what it proves."""
        in_force = self._policies.in_force_for(said.entry.timestamp)
        if data is None:
            found = withheld(statement.format)
        elif examined is not None and examined.policy in {None, in_force and in_force.index}:
            found = examined.facts
        else:
            of_policy = AnchorSet(()) if in_force is None else in_force.policy.anchors
            found = examine(data, self._anchors, of_policy)
        self._db.execute(
            "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._log,
                statement.evidence_digest,
                found.outcome.value,
                found.format,
                found.key,
                b"".join(found.anchors),
                b"".join(sorted(found.rests_on)),
                found.identities_text(),
            ),
        )
        return found

    def _keep_proof(
        self, said: Said, statement: DeviceEvidence, certificate: int, key: bytes, found: EvidenceFacts
    ) -> None:
        """Keep which devices a piece of evidence puts a certificate on, and complain where the log was wrong."""
        problem = contradiction(statement, key, found)
        if problem:
            kind = "evidence-withheld" if found.outcome is Outcome.WITHHELD else "evidence-wrong"
            record_misbehaviour(
                self._db,
                Misbehaviour(
                    self._origin,
                    kind,
                    str(said.index),
                    said.entry.timestamp,
                    f"statement {said.index} records evidence {statement.evidence_digest.hex()}, but {problem}",
                    {"entry": said.raw},
                ),
            )
        devices: list[tuple[bytes, str]] = []
        if found.outcome is Outcome.VERIFIED and found.key == key:
            devices = [(identity.device_id, identity.scheme) for identity in found.identities]
        elif found.outcome in {Outcome.WITHHELD, Outcome.UNKNOWN_FORMAT}:
            # The log's word, which accuses: withholding evidence must not clear a device.
            devices = [(device.device_id, device.scheme) for device in statement.devices]
        claims = [(certificate, device, scheme) for device, scheme in devices]
        add_claims(self._db, EVIDENCE, self._log, said.index, claims)
        touch(self._db, "certificate", (certificate,))

    def _evidence(self, digest: bytes) -> EvidenceFacts | None:
        row = self._db.execute(
            "SELECT outcome, format, key, anchors, rests_on, identities FROM evidence WHERE log = ? AND digest = ?",
            (self._log, digest),
        ).fetchone()
        return None if row is None else read_evidence_row(*row)

    def _certificate(self, issuance_index: int) -> tuple[int, bytes]:
        """Row id and key of the certificate of an issuance entry, which judging has seen to be there."""
        row = self._db.execute(
            "SELECT certificate.id, certificate.key FROM entry JOIN certificate ON certificate.id = entry.certificate "
            "WHERE log = ? AND idx = ?",
            (self._log, issuance_index),
        ).fetchone()
        return int(row[0]), row[1]

    def _party(self, said: Said) -> str:
        in_force = self._policies.in_force_for(said.entry.timestamp)
        party = None if in_force is None else in_force.policy.party_with_key(said.entry.envelope.keyid)
        return "" if party is None else party.name
