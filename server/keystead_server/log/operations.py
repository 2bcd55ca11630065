# SPDX-License-Identifier: Apache-2.0
"""What admission hands to the sequencer: three kinds of operation, each known by a key.

An operation becomes exactly one entry. Submissions that ask for the same thing share one operation, so fifty
clients with one precertificate wait for one entry. Nothing here is checked again by the sequencer: what is an
operation has been admitted under the policy with the index `policy_index`.
"""

from dataclasses import dataclass

from keystead.devices.evidence import Evidence
from keystead.statements.dsse import Envelope

__all__ = ["AddEntry", "AddEvidence", "AddStatement", "Operation", "OperationKey"]

OperationKey = tuple[str, bytes]
"""What an operation is known by while it waits."""


@dataclass(frozen=True, slots=True)
class AddEntry:
    """An issuance entry.

    Attributes:
        entry_type: 0 for a certificate, 1 for a precertificate (RFC 6962 section 3.1).
        signed: the certificate's DER, or the precertificate's TBSCertificate without the poison.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo, for both types.
        precertificate: the DER as submitted; empty for a certificate.
        chain: the completed chain, leaf excluded, anchor included: (SHA-256, DER) of each.
        certificate_id: the one id of a precertificate and its certificate.
        known_by: what makes a duplicate: the certificate id, or the certificate's SHA-256.
        devices: ids of those that its extension names.
    """

    entry_type: int
    signed: bytes
    issuer_key_hash: bytes
    precertificate: bytes
    chain: tuple[tuple[bytes, bytes], ...]
    certificate_id: bytes
    known_by: bytes
    policy_index: int
    devices: tuple[bytes, ...] = ()

    @property
    def key(self) -> OperationKey:
        """Precertificates and certificates are known apart."""
        return ("precertificate" if self.entry_type else "certificate", self.known_by)


@dataclass(frozen=True, slots=True)
class AddEvidence:
    """A `device-evidence` statement of the log about a logged certificate.

    Attributes:
        certificate_id: the certificate that it is about.
        issuer_key_hash: of the key that issued it.
        entry: the issuance index of one of its entries, or the key of the operation that will have one.
        evidence: the evidence; `digest` its SHA-256.
        devices: (scheme name, device id) of each identity proven; empty for class none.
        anchors: SHA-256 of the anchors' SubjectPublicKeyInfo, in the order of the chain's paths.
    """

    certificate_id: bytes
    issuer_key_hash: bytes
    entry: int | OperationKey
    evidence: Evidence
    digest: bytes
    devices: tuple[tuple[str, bytes], ...]
    anchors: tuple[bytes, ...]
    policy_index: int

    @property
    def key(self) -> OperationKey:
        """One statement for a certificate and a piece of evidence."""
        return ("evidence", self.certificate_id + self.digest)


@dataclass(frozen=True, slots=True)
class AddStatement:
    """A party's statement, or a `log-policy` of the log itself.

    Attributes:
        envelope: as it will stand in the log.
        known_by: the envelope's `identity`: type, payload and keyid.
        registers: whether later statements are judged by it.
        objects: what must be durable before the statement is (a policy's JSON and roots), by path.
        binds: the issuing key of the certificate that it binds, and the ids of the devices; None where it binds none.
    """

    envelope: Envelope
    known_by: bytes
    registers: bool
    policy_index: int
    objects: tuple[tuple[str, bytes], ...] = ()
    binds: tuple[bytes, tuple[bytes, ...]] | None = None

    @property
    def key(self) -> OperationKey:
        """What a statement is known by."""
        return ("statement", self.known_by)


Operation = AddEntry | AddEvidence | AddStatement
