# SPDX-License-Identifier: Apache-2.0
"""Which entry stands under which keys (`specs/device-index.md`, section 5). Frozen for the life of an index.

Each key of an entry is derived on its own. What cannot be read of an issuance entry puts it under `undecodable` as
well, and takes nothing from the others; a statement that cannot be read has no keys.

Invariants:

* pure and total: nothing is raised on an entry's content, and the same bytes have the same keys everywhere;
* an entry stands under a key once.
"""

from collections.abc import Mapping
from typing import Any

from keystead.certificate.extension import SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import (
    Certificate,
    TbsCertificate,
    parse_certificate,
    parse_tbs_certificate,
)
from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.errors import ParseError, StatementError
from keystead.index.kinds import IndexKind, Subject
from keystead.statements.entry import parse_statement_entry
from keystead.statements.kinds.log_policy import LogPolicy
from keystead.statements.payloads import Statement, parse_statement

__all__ = [
    "issuer_key_hash",
    "subjects_of_certificate",
    "subjects_of_entry",
    "subjects_of_parsed_statement",
    "subjects_of_statement",
]

_UNDECODABLE = Subject(IndexKind.UNDECODABLE, b"")
_POLICIES = Subject(IndexKind.POLICIES, b"")


def issuer_key_hash(issuer: bytes) -> bytes | None:
    """The issuing key of an `x509_entry`, from the DER of the first certificate in its chain; None if it is none."""
    try:
        return parse_certificate(issuer).spki_hash
    except ParseError:
        return None


def subjects_of_entry(entry: LogEntry, issued_by: bytes | None) -> frozenset[Subject]:
    """What an issuance entry is listed under.

    Args:
        entry: as it was hashed.
        issued_by: of an `x509_entry`, `issuer_key_hash`; None where its issuer cannot be had or read. A `precert_entry`
            states it itself.
    """
    certificate = _certificate(entry)
    # Kind 10: the certificate id. Of a precertificate it is made from bytes that nobody need be able to read.
    if entry.entry_type == PRECERT_ENTRY:
        identifier: bytes | None = certificate_id(entry.issuer_key_hash, entry.signed)
    else:
        identifier = _identifier(certificate, issued_by)
    extension: SignatureCreationDevice | ParseError | None = None
    if certificate is not None:
        try:
            extension = device_extension(certificate)
        except ParseError as error:
            extension = error
    return subjects_of_certificate(certificate, identifier, extension)


def subjects_of_certificate(
    certificate: TbsCertificate | None,
    identifier: bytes | None,
    extension: SignatureCreationDevice | ParseError | None,
) -> frozenset[Subject]:
    """What an issuance entry is listed under, for whoever read it already.

    Args:
        certificate: None if it cannot be read.
        identifier: the certificate id; None if it cannot be made.
        extension: its device extension, or why that is malformed; None without one.
    """
    found: set[Subject] = set()
    if identifier is not None:
        found.add(Subject(IndexKind.CERTIFICATE_ENTRIES, identifier))
    if certificate is None or identifier is None:
        found.add(_UNDECODABLE)
    if certificate is None:
        return frozenset(found)
    # Kind 2: the public key. One that cannot be normalized is taken as it is.
    found.add(Subject(IndexKind.KEY_CERTIFICATES, certificate.key_hash))
    # Kind 3: the subscriber, by the last of its rules where the subject cannot be read.
    subscriber = subscriber_of(certificate)
    found.add(Subject(IndexKind.SUBSCRIBER_CERTIFICATES, subscriber.id))
    if not subscriber.decodable:
        found.add(_UNDECODABLE)
    # Kinds 1 and 4: what the device extension names.
    if isinstance(extension, ParseError):
        found.add(_UNDECODABLE)
    elif extension is not None:
        found |= {Subject(IndexKind.DEVICE_CERTIFICATES, device.device_id) for device in extension.devices}
        if extension.service is not None:
            found.add(Subject(IndexKind.SERVICE_CERTIFICATES, extension.service))
    return frozenset(found)


def _certificate(entry: LogEntry) -> TbsCertificate | None:
    try:
        if entry.entry_type == PRECERT_ENTRY:
            return parse_tbs_certificate(entry.signed)
        return parse_certificate(entry.signed)
    except ParseError:
        return None


def _identifier(certificate: TbsCertificate | None, issued_by: bytes | None) -> bytes | None:
    if issued_by is None or not isinstance(certificate, Certificate):
        return None
    try:
        return certificate_id(issued_by, log_tbs(certificate))
    except ParseError:
        return None


def subjects_of_statement(entry: bytes) -> frozenset[Subject]:
    """What a statement entry is listed under; nothing where it cannot be read.

    Args:
        entry: as it was hashed.
    """
    try:
        statement = parse_statement(parse_statement_entry(entry).envelope)
    except (ParseError, StatementError):
        return frozenset()
    return subjects_of_parsed_statement(statement)


def subjects_of_parsed_statement(statement: Statement) -> frozenset[Subject]:
    """What a statement is listed under, for whoever read it already.

    The rule goes by the names of members, which mean the same in every kind of statement: `devices`, `device`, `join`
    and `leave` name devices, `service` a service, `subscribers` subscribers, `certificate` a certificate. Whoever says
    it, and whether it stands, is for the reader to judge.
    """
    if isinstance(statement, LogPolicy):
        return frozenset((_POLICIES,))
    members = statement.members()
    found = {
        Subject(IndexKind.DEVICE_STATEMENTS, bytes.fromhex(device))
        for name in ("device", "devices", "join", "leave")
        for device in _devices(members, name)
    }
    for name, kind in (
        ("service", IndexKind.SERVICE_STATEMENTS),
        ("certificate", IndexKind.CERTIFICATE_STATEMENTS),
    ):
        if name in members:
            found.add(Subject(kind, bytes.fromhex(members[name])))
    found |= {
        Subject(IndexKind.SUBSCRIBER_STATEMENTS, bytes.fromhex(subscriber))
        for subscriber in members.get("subscribers", ())
    }
    return frozenset(found)


def _devices(members: Mapping[str, Any], name: str) -> list[str]:
    named = members.get(name, ())
    return [device["device_id"] for device in ((named,) if isinstance(named, dict) else named)]
