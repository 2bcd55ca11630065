# SPDX-License-Identifier: Apache-2.0
"""What was gathered from one log about a question, and how its pieces join.

Entries name certificates, services and devices; statements name certificates, which name entries again. What else is
needed to understand what is here follows from what is here, until nothing is missing.

Pure: `Gathering` fetches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.paging import History
from keystead.lookup.proven import ProvenEntry, ProvenStatement
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    DeviceTransfer,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
)

__all__ = ["POLICIES", "Gathered"]

POLICIES = Subject(IndexKind.POLICIES, b"")

_OF_CERTIFICATES = {
    IndexKind.DEVICE_CERTIFICATES,
    IndexKind.KEY_CERTIFICATES,
    IndexKind.SUBSCRIBER_CERTIFICATES,
    IndexKind.SERVICE_CERTIFICATES,
}
"""Both entries of a certificate are in such a history, for they name the same."""


@dataclass(slots=True)
class Gathered:
    """What one log has.

    Attributes:
        issuance_size: entries of the issuance log that can be read.
        histories: what was looked up, by subject.
        entries: issuance entries by index.
        statements: statement entries by index.
        objects: policies and evidence by digest, each hashing to it; None for what the log does not serve.
    """

    issuance_size: int
    histories: dict[Subject, History] = field(default_factory=dict)
    entries: dict[int, ProvenEntry] = field(default_factory=dict)
    statements: dict[int, ProvenStatement] = field(default_factory=dict)
    objects: dict[bytes, bytes | None] = field(default_factory=dict)

    def is_whole(self, kind: IndexKind, value: bytes) -> bool:
        """Whether all of a history is here."""
        history = self.histories.get(Subject(kind, value))
        return history is not None and history.whole

    # What is missing.

    def certificates(self) -> set[bytes]:
        """The ids of all certificates that entries are of, or that statements which are followed name."""
        ids = {
            entry.facts.certificate.certificate_id
            for entry in self.entries.values()
            if entry.facts.certificate
        }
        return ids | {certificate for certificate, _ in self._named()}

    def missing_entries(self) -> set[int]:
        """Issuance entries that statements name."""
        return {
            index for _, index in self._named() if index < self.issuance_size and index not in self.entries
        }

    def missing_histories(self) -> list[Subject]:
        """The histories of certificates and of services without which what is here cannot be judged."""
        wanted: list[Subject] = []
        listed = self._in_whole_histories()
        for certificate in sorted(self.certificates()):
            wanted.append(Subject(IndexKind.CERTIFICATE_STATEMENTS, certificate))
            if certificate not in listed:
                wanted.append(Subject(IndexKind.CERTIFICATE_ENTRIES, certificate))
        wanted += [Subject(IndexKind.SERVICE_STATEMENTS, service) for service in sorted(self.services())]
        return [subject for subject in (*wanted, POLICIES) if subject not in self.histories]

    def services(self) -> set[bytes]:
        """The ids of all services that certificates or their bindings name, or that enrolled a device."""
        found: set[bytes] = set()
        for entry in self.entries.values():
            record = entry.facts.certificate
            if record is not None and record.extension is not None and record.extension.service is not None:
                found.add(record.extension.service)
        for said in self.statements.values():
            service = getattr(said.statement, "service", None)
            if service is not None:
                found.add(service)
        return found

    def missing_objects(self) -> tuple[set[bytes], set[bytes]]:
        """Digests of policies and of evidence."""
        policies: set[bytes] = set()
        evidence: set[bytes] = set()
        for said in self.judgeable():
            if isinstance(said.statement, LogPolicy):
                policies.add(said.statement.policy)
            elif isinstance(said.statement, DeviceEvidence):
                evidence.add(said.statement.evidence_digest)
        return policies - self.objects.keys(), evidence - self.objects.keys()

    # What can be judged.

    def judgeable(self) -> Iterator[ProvenStatement]:
        """The statements of which all is here that their judge asks for, in the order of the log."""
        for _, said in sorted(self.statements.items()):
            if self._can_judge(said):
                yield said

    def _can_judge(self, said: ProvenStatement) -> bool:
        match said.statement:
            case None:
                return False
            case DeviceEvidence() | DeviceBinding() | CertificateRevoked():
                index = said.statement.issuance_index
                about = Subject(IndexKind.CERTIFICATE_STATEMENTS, said.statement.certificate)
                return about in self.histories and (index in self.entries or index >= self.issuance_size)
            case ServiceAudit() | AuditWithdrawal() | ServiceDevices():
                return self.is_whole(IndexKind.SERVICE_STATEMENTS, said.statement.service)
            case DeviceTransfer():
                # Whether its signer has a certificate on the device, or enrolled it.
                device = said.statement.device.device_id
                return self.is_whole(IndexKind.DEVICE_CERTIFICATES, device) and self.is_whole(
                    IndexKind.DEVICE_STATEMENTS, device
                )
            case _:
                return True

    def _named(self) -> Iterator[tuple[bytes, int]]:
        for said in self.statements.values():
            if isinstance(said.statement, DeviceEvidence | DeviceBinding | CertificateRevoked):
                yield said.statement.certificate, said.statement.issuance_index

    def _in_whole_histories(self) -> set[bytes]:
        """Certificates of which every entry is here."""
        found: set[bytes] = set()
        for subject, history in self.histories.items():
            if subject.kind in _OF_CERTIFICATES and history.whole:
                records = (self.entries[index].facts.certificate for index in history.entries)
                found.update(record.certificate_id for record in records if record is not None)
        return found
