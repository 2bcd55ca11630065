# SPDX-License-Identifier: Apache-2.0
"""What was gathered from one log, with the certificate that is asked about standing among it.

The tables are the monitor's, filled by the monitor's own code (`lookup.tables`). A certificate that is not logged yet
is put behind all that is, with the evidence that would be recorded beside it, so that it is judged as it will be.

Invariant: a certificate that is logged stands as the log has it, whatever the asker says of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from keystead.certificate.precertificate import log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.check.candidate import Candidate
from keystead.client.trust import Trust
from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.devices.anchors import AnchorSet
from keystead.errors import EvidenceError, ParseError, UsageError
from keystead.lookup.gathered import Gathered
from keystead.lookup.tables import LOG, LookupTables
from keystead.monitor.evidence import Outcome, examine
from keystead.monitor.facts import CertificateRecord, ExtensionRecord, IssuanceFacts
from keystead.monitor.recording import Recorder
from keystead.monitor.replay import StatementReplay
from keystead.monitor.statement_facts import Said
from keystead.statements.dsse import Envelope
from keystead.statements.entry import StatementEntry
from keystead.statements.kinds.device_evidence import DeviceEvidence
from keystead.statements.statement import DeviceReference

__all__ = ["CheckTables", "certificates_like"]

_UNLOGGED = 1 << 61
"""Stands for the entry, and from there on for the statements, of a certificate that is not logged."""

_UNKNOWN_SCHEME = "device"
_UNSIGNED = Envelope("none", b"{}", bytes(32).hex(), bytes(1))


class CheckTables(LookupTables):
    """The tables of a check.

    Args:
        trust, found, anchors: as for `LookupTables`.
    """

    def __init__(self, trust: Trust, found: Gathered, anchors: AnchorSet) -> None:
        super().__init__(trust, found, anchors)
        self._trust = trust
        self._found = found
        self._own = anchors

    def place(self, candidate: Candidate, at_ms: int) -> bytes:
        """Put a candidate where it stands; its certificate id.

        Args:
            candidate: logged or not.
            at_ms: when it is logged, if it is not.

        Raises:
            EvidenceError: evidence beside it does not verify, or is for another key.
            UsageError: it is logged, and names another service than is asked about.
        """
        record = self._identified(candidate)
        named = self._services_named(record.certificate_id)
        if named is None:
            record = replace(record, extension=self._labelled(record.extension))
            Recorder(self.db).entries(LOG, _UNLOGGED, [IssuanceFacts(at_ms, True, record, "")])
            statements = self._trust.statements
            replay = StatementReplay(self.db, LOG, statements.key.origin, statements.statement_key, self._own)
            for place, piece in enumerate(candidate.evidence, _UNLOGGED):
                self._place_evidence(replay, place, piece, record, at_ms)
        elif record.extension is not None and record.extension.service not in {None, *named}:
            raise UsageError(
                "the certificate is logged and does not name this signing service: its CA can say so with a "
                "device-binding statement"
            )
        return record.certificate_id

    def devices_of(self, certificate_id: bytes) -> tuple[tuple[bytes, str], ...]:
        """The devices that somebody says a certificate is on, now or before: id, and scheme."""
        query = (
            "SELECT device_id, min(scheme) FROM claim JOIN device ON device.id = claim.device "
            "JOIN certificate ON certificate.id = claim.certificate WHERE certificate_id = ? "
            "GROUP BY device_id ORDER BY device_id"
        )
        return tuple(self.db.execute(query, (certificate_id,)))

    def _services_named(self, certificate_id: bytes) -> set[bytes] | None:
        """The services that a logged certificate or its bindings name; None where it is not logged."""
        rows = self.db.execute(
            "SELECT certificate.service, binding.service FROM certificate "
            "JOIN entry ON entry.certificate = certificate.id "
            "LEFT JOIN binding ON binding.certificate = certificate.id WHERE certificate_id = ?",
            (certificate_id,),
        ).fetchall()
        return {service for row in rows for service in row if service is not None} if rows else None

    def _identified(self, candidate: Candidate) -> CertificateRecord:
        """The candidate under its certificate id, which needs the issuing key: if nobody gave it, the log has it."""
        record = candidate.record
        if record.issuer_key_hash or not candidate.tbs:
            return record
        found = next(certificates_like(self._found, candidate.tbs), None)
        return record if found is None else replace(found, extension=record.extension)

    def _labelled(self, extension: ExtensionRecord | None) -> ExtensionRecord | None:
        """Devices of which the asker knows the id alone are called as others call them."""
        if extension is None:
            return None
        query = "SELECT min(scheme) FROM claim JOIN device ON device.id = device WHERE device_id = ?"
        devices = tuple(
            (device_id, scheme or self.db.execute(query, (device_id,)).fetchone()[0] or _UNKNOWN_SCHEME)
            for device_id, scheme in extension.devices
        )
        return replace(extension, devices=devices)

    def _place_evidence(
        self, replay: StatementReplay, place: int, piece: bytes, record: CertificateRecord, at_ms: int
    ) -> None:
        found = examine(piece, self._own, AnchorSet(()))
        if found.outcome is not Outcome.VERIFIED:
            raise EvidenceError(found.why, check="evidence", evidence={"evidence": piece})
        statement = DeviceEvidence(
            replay.origin,
            at_ms // 1000,
            certificate=record.certificate_id,
            issuance_index=_UNLOGGED,
            evidence_digest=sha256(piece).digest(),
            format=found.format,
            devices=tuple(DeviceReference(one.scheme, one.device_id) for one in found.identities),
            anchors=found.anchors,
            policy_index=0,
        )
        said = Said(place, StatementEntry(at_ms, _UNSIGNED), statement, b"")
        replay.facts.keep(said, {statement.evidence_digest: piece})


def certificates_like(found: Gathered, tbs: bytes) -> Iterator[CertificateRecord]:
    """The logged certificates that say the same, whoever issued them: usually one.

    Args:
        found: what was gathered.
        tbs: the TBSCertificate as logs hash it.
    """
    for _, entry in sorted(found.entries.items()):
        if entry.facts.certificate is not None and _tbs(entry.leaf.entry) == tbs:
            yield entry.facts.certificate


def _tbs(entry: LogEntry) -> bytes:
    """What an entry's certificate id is made of, beside the issuing key; empty where it cannot be read."""
    if entry.entry_type == PRECERT_ENTRY:
        return entry.signed
    try:
        return log_tbs(parse_certificate(entry.signed))
    except ParseError:
        return b""
