# SPDX-License-Identifier: Apache-2.0
"""Revocation lists of test CAs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from keystead.certificate.x509 import parse_certificate
from keystead.monitor.revocation_list import RevocationList, parse_revocation_list
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import SigningKey
from support.history import Issued, seconds

Reason = x509.ReasonFlags


def moment(day: float) -> datetime:
    """A day of a history."""
    return datetime.fromtimestamp(seconds(day), UTC)


def encode_list(
    ca: TestCertificateAuthority,
    day: float,
    revoked: Sequence[tuple[bytes, Reason | None]],
    *,
    key: SigningKey | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
    entry_extensions: Sequence[x509.ExtensionType] = (),
) -> bytes:
    """DER of a list that a CA published on a day: certificates (DER) and reasons, dated back by a year."""
    authority = x509.load_der_x509_certificate(ca.intermediate_der)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(moment(day))
        .next_update(moment(day + 7))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    for der, reason in revoked:
        serial = int.from_bytes(parse_certificate(der).serial, signed=True)
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        entry = entry.revocation_date(moment(day) - timedelta(days=365))
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        for extension in entry_extensions:
            entry = entry.add_extension(extension, critical=True)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign((key or ca.issuer_key).private_key, SHA256())  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.DER)


def list_of(
    day: float, *revoked: Issued, reason: Reason | None = Reason.key_compromise, key: SigningKey | None = None
) -> RevocationList:
    """The list that the CA of some certificates published on a day."""
    named = [(issued.chain[0], reason) for issued in revoked]
    return parse_revocation_list(encode_list(revoked[0].ca, day, named, key=key))
