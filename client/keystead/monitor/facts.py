# SPDX-License-Identifier: Apache-2.0
"""What an issuance entry says, read once and kept: the facts that rules will judge.

Pure: the entry's bytes and its issuer's key hash in, values out. An entry that cannot be read is a fact as well;
nothing is skipped (`specs/monitor.md`, section 2).

Invariants:

* what a CA claims and what a subscriber is called are kept as they stand, unjudged;
* a precertificate and its certificate give the same `CertificateRecord`;
* nothing is raised on an entry's content.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from keystead.certificate.device_identifier import scheme_name
from keystead.certificate.extension import Method, device_extension
from keystead.certificate.name import Attribute, decode_name, display, printable
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.subscriber import Subscriber, subscriber_of
from keystead.certificate.x509 import TbsCertificate, parse_certificate, parse_tbs_certificate
from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.errors import ParseError

__all__ = [
    "CertificateRecord",
    "IssuanceFacts",
    "IssuerName",
    "SubscriberRecord",
    "read_entry",
    "read_issuer_name",
    "subscriber_record",
]

_ORGANIZATION = "2.5.4.10"
_COMMON_NAME = "2.5.4.3"
_COUNTRY = "2.5.4.6"


@dataclass(frozen=True, slots=True)
class IssuerName:
    """What a certificate calls its issuer.

    Attributes:
        short: organization, else common name, else all of it; safe to print.
        full: RFC 4514; safe to print.
        organization: name and country in one text: the issuing organization, unless a policy's party lists the key;
            empty where there is no name.
    """

    short: str
    full: str
    organization: str


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """What a certificate says about its subscriber, and who vetted it.

    Attributes:
        subscriber_id: by the strict rule.
        label: safe to print.
        decodable: the subject could be read.
        registration, organization, lei, eku: strong identifiers, as in `StrongIdentifiers`.
        name: (country, name) in the strict form, or None.
        place: (state, locality) in the strict form, placeholders left out.
        issuer_key_hash: the issuing key.
        issuer_organization: see `IssuerName`; the key, where the issuer has no name.
    """

    subscriber_id: bytes
    label: str
    decodable: bool
    registration: tuple[str, str, str, str] | None
    organization: tuple[str, str] | None
    lei: str | None
    eku: str | None
    name: tuple[str, str] | None
    place: tuple[str, str]
    issuer_key_hash: bytes
    issuer_organization: str

    def to_text(self) -> str:
        """All of it as JSON: equal records have equal texts, and are one profile."""
        return json.dumps(
            [
                self.subscriber_id.hex(),
                self.label,
                self.decodable,
                self.registration,
                self.organization,
                self.lei,
                self.eku,
                self.name,
                self.place,
                self.issuer_key_hash.hex(),
                self.issuer_organization,
            ],
            ensure_ascii=False,
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The record of a text that `to_text` made."""
        identifier, label, decodable, registration, organization, lei, eku, name, place, key, issuer = (
            json.loads(text)
        )
        return cls(
            bytes.fromhex(identifier),
            label,
            decodable,
            None if registration is None else tuple(registration),
            None if organization is None else tuple(organization),
            lei,
            eku,
            None if name is None else tuple(name),
            tuple(place),
            bytes.fromhex(key),
            issuer,
        )


@dataclass(frozen=True, slots=True)
class ExtensionRecord:
    """What a certificate's device extension claims.

    Attributes:
        devices: (device id, name of the scheme).
        method: how the CA knows.
        evidence_digest: of the evidence that it names, or None.
        service: of the service that it names, or None.
    """

    devices: tuple[tuple[bytes, str], ...]
    method: Method
    evidence_digest: bytes | None
    service: bytes | None


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate, whichever entry it was read from.

    Attributes:
        certificate_id: 32 bytes.
        issuer_key_hash: SHA-256 of the issuing key.
        issuer: what it calls its issuer.
        serial: content octets of the serial number.
        key: SHA-256 of the normalized public key.
        not_before, not_after: seconds.
        subscriber: whose it is.
        extension: what it claims about its device; None where it claims nothing, or nothing readable.
        problem: why its extension or subject cannot be read; empty where they can.
    """

    certificate_id: bytes
    issuer_key_hash: bytes
    issuer: IssuerName
    serial: bytes
    key: bytes
    not_before: int
    not_after: int
    subscriber: SubscriberRecord
    extension: ExtensionRecord | None
    problem: str


@dataclass(frozen=True, slots=True)
class IssuanceFacts:
    """One issuance entry.

    Attributes:
        time_ms: of its batch.
        final: it is of a certificate, not of a precertificate.
        certificate: what it holds; None where that cannot be read.
        problem: what cannot be read, in a sentence; empty where all can.
    """

    time_ms: int
    final: bool
    certificate: CertificateRecord | None
    problem: str


def read_entry(entry: LogEntry, issuer_key_hash: bytes) -> IssuanceFacts:
    """The facts of an issuance entry.

    Args:
        entry: as it was hashed.
        issuer_key_hash: of the key that issued an `x509_entry`; a `precert_entry` states it itself.
    """
    final = entry.entry_type != PRECERT_ENTRY
    try:
        certificate: TbsCertificate
        if final:
            certificate = parse_certificate(entry.signed)
            tbs = log_tbs(certificate)
        else:
            certificate = parse_tbs_certificate(entry.signed)
            tbs, issuer_key_hash = entry.signed, entry.issuer_key_hash
    except ParseError as error:
        return IssuanceFacts(entry.timestamp, final, None, f"the certificate cannot be read: {error}")
    record = _certificate(certificate, tbs, issuer_key_hash)
    return IssuanceFacts(entry.timestamp, final, record, record.problem)


def _certificate(certificate: TbsCertificate, tbs: bytes, issuer_key_hash: bytes) -> CertificateRecord:
    issuer = read_issuer_name(certificate.issuer)
    subscriber = subscriber_of(certificate)
    extension, problem = _extension(certificate)
    if not subscriber.decodable:
        problem = problem or "the subject has an attribute that is not text"
    return CertificateRecord(
        certificate_id=certificate_id(issuer_key_hash, tbs),
        issuer_key_hash=issuer_key_hash,
        issuer=issuer,
        serial=certificate.serial,
        key=certificate.key_hash,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        # Issuers without a name are not one organization: each is its key.
        subscriber=subscriber_record(
            subscriber, issuer_key_hash, issuer.organization or f"the key {issuer_key_hash.hex()}"
        ),
        extension=extension,
        problem=problem,
    )


def _extension(certificate: TbsCertificate) -> tuple[ExtensionRecord | None, str]:
    try:
        found = device_extension(certificate)
    except ParseError as error:
        return None, f"the device extension cannot be read: {error}"
    if found is None:
        return None, ""
    devices = tuple((device.device_id, scheme_name(device.scheme_oid)) for device in found.devices)
    return ExtensionRecord(devices, found.method, found.evidence_digest, found.service), ""


def subscriber_record(
    subscriber: Subscriber, issuer_key_hash: bytes, issuer_organization: str
) -> SubscriberRecord:
    """What is said of a subscriber, and who vetted it: the key, and the organization that it is stated to be."""
    strong = subscriber.strong
    state, locality = (_stated(part) for part in subscriber.strict_place)
    return SubscriberRecord(
        subscriber_id=subscriber.id,
        label=printable(subscriber.name),
        decodable=subscriber.decodable,
        registration=strong.registration,
        organization=strong.organization,
        lei=strong.lei,
        eku=strong.eku,
        name=subscriber.strict_name,
        place=(state, locality),
        issuer_key_hash=issuer_key_hash,
        issuer_organization=issuer_organization,
    )


def _stated(place: str) -> str:
    """A place, or nothing where a CA filled the field with a placeholder: `N/A`, `-`, `.`."""
    return "" if place in {"n/a", "na", "none"} or not any(map(str.isalnum, place)) else place


@lru_cache(maxsize=1024)
def read_issuer_name(der: bytes) -> IssuerName:
    """What the DER of an issuer's name says; a name that cannot be read is called by its bytes."""
    full = display(der) or "#" + der.hex()
    try:
        attributes = decode_name(der)
    except ParseError:
        return IssuerName(full, full, "")
    organization = _first(attributes, _ORGANIZATION) or _first(attributes, _COMMON_NAME)
    if not organization:
        return IssuerName(full, full, "")
    country = _first(attributes, _COUNTRY)
    stated = f"{organization} ({country})" if country else organization
    return IssuerName(printable(organization), full, printable(stated))


def _first(attributes: tuple[Attribute, ...], oid: str) -> str:
    return next((found.text for found in attributes if found.oid == oid and found.text), "")
