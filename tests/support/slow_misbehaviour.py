# SPDX-License-Identifier: Apache-2.0
"""What a log did that it must not, judged slowly: everything that stands before each entry is looked through again.

Written from `specs/monitor.md` (sections 2.2, 2.3, 2.4 and 2.6) on the raw entries of a log; what signers have the
right to say is asked of `keystead.statements.rights`, with a view that remembers nothing but lists.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from keystead.certificate.extension import device_extension
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import TbsCertificate, parse_certificate, parse_tbs_certificate
from keystead.ct.leaf import X509_ENTRY
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import parse_evidence
from keystead.devices.result import Attestation
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError, ParseError, SignatureError, StatementError
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import (
    AuditWithdrawal,
    DeviceBinding,
    DeviceEvidence,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
    parse_statement,
)
from keystead.statements.policy import parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.rights import judge_logged, logged_statement
from keystead.statements.services import Service, ServiceRegistry
from keystead.statements.statement import Statement
from keystead.statements.view import LoggedCertificate, LoggedStatement
from support.memory_log import MemoryLog

__all__ = ["Deed", "misdeeds"]

Deed = tuple[str, str, str]
"""The origin of a log, the kind, and the index that it is about."""


@dataclass(frozen=True)
class _Issuance:
    """An issuance entry that can be read."""

    index: int
    time_ms: int
    final: bool
    certificate: TbsCertificate
    logged: LoggedCertificate


@dataclass(frozen=True)
class _Said:
    """A statement that its signer had the right to make."""

    index: int
    entry: StatementEntry
    statement: Statement


class _View:
    """What stands before a statement: lists, looked through for each question."""

    def __init__(self, log: MemoryLog, anchors: AnchorSet) -> None:
        self.origin = log.statements.origin
        self.policies = PolicyHistory()
        self.registry = ServiceRegistry(self.policies)
        self.said: list[_Said] = []
        self.now_ms = 0
        self._log = log
        self._anchors = anchors
        self._issuance = list(_read(log))

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        return next((one.logged for one in self._before() if one.index == issuance_index), None)

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        return any(
            one.final and one.time_ms < self.now_ms and one.logged.certificate_id == certificate_id
            for one in self._issuance
        )

    def statement_at(self, index: int) -> LoggedStatement | None:
        return next(
            (logged_statement(index, one.entry, self.policies) for one in self.said if one.index == index),
            None,
        )

    def service(self, service_id: bytes) -> Service | None:
        return self.registry.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[Service]:
        return self.registry.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        return any(
            one.logged.issuer_key_hash in issuers and device_id in self._devices_of(one)
            for one in self._before()
        )

    def key_of(self, issuance_index: int) -> bytes:
        """SHA-256 of the normalized key of the certificate at an entry."""
        (found,) = [one for one in self._issuance if one.index == issuance_index]
        return found.certificate.key_hash

    def proven(self, statement: DeviceEvidence, logged_ms: int) -> Attestation | str:
        """What evidence proves; else what is wrong: `withheld` or `wrong`."""
        data = self._log.objects.get(f"evidence/{statement.evidence_digest.hex()}")
        if data is None or sha256(data).digest() != statement.evidence_digest:
            return "withheld"
        in_force = self.policies.in_force_for(logged_ms)
        of_policy = AnchorSet(()) if in_force is None else in_force.policy.anchors
        for anchors in (self._anchors, of_policy, self._anchors.extended(of_policy)):
            try:
                return verify_evidence(parse_evidence(data), anchors)
            except (ParseError, EvidenceError):
                continue
        return "wrong"

    def _before(self) -> Iterator[_Issuance]:
        return (one for one in self._issuance if one.time_ms <= self.now_ms)

    def _devices_of(self, one: _Issuance) -> set[bytes]:
        try:
            extension = device_extension(one.certificate)
        except ParseError:
            extension = None
        found = set() if extension is None else {device.device_id for device in extension.devices}
        for said in self.said:
            statement = said.statement
            if getattr(statement, "certificate", None) != one.logged.certificate_id:
                continue
            if isinstance(statement, DeviceBinding):
                found |= {device.device_id for device in statement.devices}
            elif isinstance(statement, DeviceEvidence):
                proven = self.proven(statement, said.entry.timestamp)
                if proven == "withheld":
                    found |= {device.device_id for device in statement.devices}
                elif isinstance(proven, Attestation) and proven.key_hash == one.certificate.key_hash:
                    found |= {identity.device_id for identity in proven.identities}
        return found


def _read(log: MemoryLog) -> Iterator[_Issuance]:
    for index, leaf in enumerate(log.issuance.leaves):
        entry = leaf.entry
        try:
            if entry.entry_type == X509_ENTRY:
                certificate = parse_certificate(entry.signed)
                issuer = parse_certificate(log.objects[f"issuance/issuer/{leaf.fingerprints[0].hex()}"])
                tbs: TbsCertificate = certificate
                issued_by, signed = issuer.spki_hash, log_tbs(certificate)
            else:
                tbs, issued_by, signed = (
                    parse_tbs_certificate(entry.signed),
                    entry.issuer_key_hash,
                    entry.signed,
                )
        except ParseError:
            continue
        logged = LoggedCertificate(certificate_id(issued_by, signed), issued_by)
        yield _Issuance(index, entry.timestamp, entry.entry_type == X509_ENTRY, tbs, logged)


def misdeeds(log: MemoryLog, anchors: AnchorSet) -> set[Deed]:
    """Everything that one log did and must not, as somebody with these anchors of his own sees it."""
    return set(_issuance_deeds(log)) | set(_statement_deeds(log, anchors))


def _issuance_deeds(log: MemoryLog) -> Iterator[Deed]:
    before = 0
    for index, leaf in enumerate(log.issuance.leaves):
        if leaf.entry.leaf_index != index:
            yield log.issuance.origin, "wrong-leaf-index", str(index)
        elif leaf.entry.timestamp < before:
            yield log.issuance.origin, "time-goes-back", str(index)
        before = leaf.entry.timestamp


def _statement_deeds(log: MemoryLog, anchors: AnchorSet) -> Iterator[Deed]:
    view, origin, before = _View(log, anchors), log.statements.origin, 0
    statement_key = log.trust.statements.statement_key
    for index, raw in enumerate(log.statements.entries):
        try:
            entry = parse_statement_entry(raw)
        except ParseError:
            yield origin, "malformed-statement", str(index)
            continue
        if entry.timestamp < before:
            yield origin, "time-goes-back", str(index)
        before = view.now_ms = entry.timestamp
        try:
            statement = parse_statement(entry.envelope)
            in_force = view.policies.in_force_for(entry.timestamp)
            judge_logged(statement, entry, statement_key, in_force, view)
        except (ParseError, StatementError, SignatureError):
            yield origin, "statement-without-right", str(index)
            continue
        if isinstance(statement, DeviceEvidence):
            kind = _evidence_deed(view, statement, entry.timestamp)
            if kind:
                yield origin, kind, str(index)
        elif isinstance(statement, LogPolicy):
            policy = parse_policy(log.objects[f"policy/{statement.policy.hex()}"])
            view.policies.add(index, entry.timestamp, policy)
        elif isinstance(statement, ServiceAudit | AuditWithdrawal | ServiceDevices):
            view.registry.apply(index, entry.timestamp, statement, entry.envelope)
        view.said.append(_Said(index, entry, statement))


def _evidence_deed(view: _View, statement: DeviceEvidence, logged_ms: int) -> str:
    proven = view.proven(statement, logged_ms)
    if isinstance(proven, str):
        return f"evidence-{proven}"
    said = {device.device_id for device in statement.devices}
    right = (
        proven.key_hash == view.key_of(statement.issuance_index)
        and proven.format == statement.format
        and proven.anchors == statement.anchors
        and {identity.device_id for identity in proven.identities} == said
    )
    return "" if right else "evidence-wrong"
