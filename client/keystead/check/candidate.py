# SPDX-License-Identifier: Apache-2.0
"""The certificate that is asked about, before or after it is made.

Before a CA issues, it knows a device and a subscriber, and perhaps a key, a service and evidence. What is known is put
into the form that the monitor reads out of an entry, so that the question is judged as the certificate will be.

Invariants:

* evidence that does not verify under the asker's own anchors, or is for another key than the request's, is refused;
* two candidates that say the same have the same certificate id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from keystead.certificate.extension import Method
from keystead.certificate.precertificate import is_precertificate, log_tbs
from keystead.certificate.subscriber import Subscriber
from keystead.certificate.x509 import Certificate
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import parse_evidence
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError, ParseError, UsageError
from keystead.monitor.facts import (
    CertificateRecord,
    ExtensionRecord,
    IssuerName,
    read_entry,
    read_issuer_name,
    subscriber_record,
)

__all__ = [
    "NOBODY",
    "Candidate",
    "Vetting",
    "candidate_of_certificate",
    "candidate_of_devices",
    "candidate_of_evidence",
]

_FOR_EVER = 253_402_300_799
"""9999-12-31T23:59:59Z: how long it will be valid is not known yet."""


@dataclass(frozen=True, slots=True)
class Vetting:
    """Which CA vetted the subscriber.

    Attributes:
        name: as its certificate calls it.
        key_hash: SHA-256 of its issuing key; empty where that is not known.
    """

    name: IssuerName
    key_hash: bytes

    @classmethod
    def by(cls, issuer: Certificate) -> "Vetting":
        """The CA with this certificate."""
        return cls(read_issuer_name(issuer.subject), issuer.spki_hash)

    @classmethod
    def of(cls, certificate: Certificate) -> "Vetting":
        """The CA that a certificate says issued it."""
        return cls(read_issuer_name(certificate.issuer), b"")


NOBODY = Vetting(IssuerName("the asking CA", "the asking CA", ""), b"")
"""No CA is named: whom the others vetted is nobody whom this one did."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The certificate that is asked about.

    Attributes:
        record: as an entry would say it. A device of which only the id is known has an empty scheme.
        tbs: its TBSCertificate as logs hash it, where the certificate exists; empty otherwise.
        evidence: encodings of the evidence that would be recorded beside it.
        clouds: ids of the devices that this evidence proves to be a provider's.
    """

    record: CertificateRecord
    tbs: bytes = b""
    evidence: tuple[bytes, ...] = ()
    clouds: frozenset[bytes] = frozenset()

    @property
    def key(self) -> bytes | None:
        """SHA-256 of its normalized public key, where it is known."""
        return None if self.record.key == self.record.certificate_id else self.record.key

    @property
    def devices(self) -> tuple[tuple[bytes, str], ...]:
        """The devices that it names itself: id, and scheme."""
        extension = self.record.extension
        return () if extension is None else extension.devices


def candidate_of_certificate(
    certificate: Certificate, issuer: Certificate | None, *, service: bytes | None = None
) -> Candidate:
    """A certificate or precertificate that was made already.

    Args:
        certificate: which one.
        issuer: the CA's certificate; without it, the certificate is found in a log by its content.
        service: the signing service that its CA will name for it, if it names none itself.

    Raises:
        ParseError: it cannot be read, or its device extension cannot.
        UsageError: it names another service itself.
    """
    tbs = log_tbs(certificate)
    key_hash = b"" if issuer is None else issuer.spki_hash
    if is_precertificate(certificate):
        entry = LogEntry(0, PRECERT_ENTRY, tbs, key_hash or bytes(32), 0)
    else:
        entry = LogEntry(0, X509_ENTRY, certificate.der, b"", 0)
    record = read_entry(entry, key_hash).certificate
    if record is None:
        raise ParseError("the certificate cannot be read")
    if record.problem and record.extension is None:
        raise ParseError(record.problem)
    # Without the issuing key the certificate has no id: it is looked for in the log by what it says.
    record = replace(record, issuer_key_hash=key_hash)
    if service is not None:
        record = replace(record, extension=_naming(record.extension, service))
    return Candidate(record, tbs)


def candidate_of_devices(
    devices: Sequence[tuple[bytes, str]],
    subscriber: Subscriber,
    vetting: Vetting = NOBODY,
    *,
    key: bytes | None = None,
    service: bytes | None = None,
    at_ms: int,
) -> Candidate:
    """A certificate that a CA means to issue for a key in devices.

    Args:
        devices: id of each, and the scheme of its identifier, empty where that is not known.
        subscriber: whom it is for.
        vetting: by whom the subscriber is vetted.
        key: SHA-256 of its normalized public key, where it is known.
        service: the signing service that it will name.
        at_ms: when it would be issued, in milliseconds.
    """
    extension = ExtensionRecord(tuple(devices), Method.KEY_ATTESTATION, None, service)
    return Candidate(_record(subscriber, vetting, extension, key, at_ms))


def candidate_of_evidence(
    pieces: Sequence[bytes],
    subscriber: Subscriber,
    anchors: AnchorSet,
    vetting: Vetting = NOBODY,
    *,
    key: bytes | None = None,
    service: bytes | None = None,
    at_ms: int,
) -> Candidate:
    """A certificate that a CA means to issue for the key that evidence attests.

    Args:
        pieces: encodings of evidence, all for one key.
        subscriber, vetting, service, at_ms: as in `candidate_of_devices`.
        anchors: the asker's own.
        key: the request's key, which the evidence must be for.

    Raises:
        ParseError: a piece is no evidence.
        EvidenceError: a piece does not verify, or is for another key (`evidence-key-mismatch`).
        UsageError: the evidence names no device.
    """
    devices: dict[bytes, str] = {}
    clouds: set[bytes] = set()
    for piece in pieces:
        attestation = verify_evidence(parse_evidence(piece), anchors)
        if key is not None and attestation.key_hash != key:
            raise EvidenceError(
                "the evidence attests another key than the request has",
                check="evidence-key-mismatch",
                evidence={"evidence": piece},
            )
        key = attestation.key_hash
        devices.update((one.device_id, one.scheme) for one in attestation.identities)
        if attestation.cloud:
            clouds.update(one.device_id for one in attestation.identities)
    if not devices:
        raise UsageError(
            "the evidence proves hardware but names no device (class none), so there is nothing to look up: ask with "
            "--device if the device is known otherwise"
        )
    extension = ExtensionRecord(tuple(devices.items()), Method.KEY_ATTESTATION, None, service)
    record = _record(subscriber, vetting, extension, key, at_ms)
    return Candidate(record, evidence=tuple(pieces), clouds=frozenset(clouds))


def _naming(extension: ExtensionRecord | None, service: bytes) -> ExtensionRecord:
    if extension is None:
        return ExtensionRecord((), Method.SIGNING_SERVICE, None, service)
    if extension.service not in {None, service}:
        raise UsageError("the certificate names another signing service than --service")
    return replace(extension, service=service)


def _record(
    subscriber: Subscriber, vetting: Vetting, extension: ExtensionRecord, key: bytes | None, at_ms: int
) -> CertificateRecord:
    said = "\n".join(
        (
            subscriber.id.hex(),
            vetting.key_hash.hex(),
            *(device.hex() for device, _ in extension.devices),
            "" if key is None else key.hex(),
            "" if extension.service is None else extension.service.hex(),
        )
    )
    identifier = sha256(f"keystead/check/v1\n{said}".encode()).digest()
    return CertificateRecord(
        certificate_id=identifier,
        issuer_key_hash=vetting.key_hash,
        issuer=vetting.name,
        serial=b"",
        # A key that is not known yet is nobody else's.
        key=identifier if key is None else key,
        not_before=at_ms // 1000,
        not_after=_FOR_EVER,
        subscriber=subscriber_record(subscriber, vetting.key_hash, vetting.name.organization),
        extension=extension,
        problem="",
    )
