# SPDX-License-Identifier: Apache-2.0
"""Who and what appears in a `History`: keys, days, devices, certificates, services."""

from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.certificate.device_identifier import device_id
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import parse_certificate
from keystead.statements.statement_key import SigningKey as StatementKey
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import SigningKey

DAY = 86_400
START = 1_767_225_600
"""Seconds: 2026-01-01T00:00:00Z, day 0 of every history."""

YEAR = 365


def party_key(name: str) -> Ed25519PrivateKey:
    """The statement key of somebody."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"party {name}".encode()).digest())


def seconds(day: float) -> int:
    """The second at which a day of a history begins."""
    return START + round(day * DAY)


def milliseconds(day: float) -> int:
    """The same in milliseconds."""
    return seconds(day) * 1000


def yubikey(serial: int) -> bytes:
    """The device id of a YubiKey."""
    return device_id("yubico-piv-serial", str(serial))


@dataclass(frozen=True)
class Issued:
    """A certificate of a history."""

    ca: TestCertificateAuthority
    chain: tuple[bytes, ...]
    certificate_id: bytes
    index: int
    key: SigningKey
    precertificate: bool
    reissue: dict[str, object]

    @property
    def subscriber_id(self) -> bytes:
        """By the strict rule."""
        return subscriber_of(parse_certificate(self.chain[0])).id


@dataclass(frozen=True)
class Operated:
    """A signing service of a history, and who runs it."""

    id: bytes
    name: str
    operator: str
    founding_key: StatementKey
    key: StatementKey
