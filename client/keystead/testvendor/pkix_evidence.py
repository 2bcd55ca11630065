# SPDX-License-Identifier: Apache-2.0
"""Test modules that speak PKIX Evidence: elements, claims and certificates shaped like the draft's samples.

No device makes such Evidence yet, so nothing here imitates one; a test compares with a vector of the draft.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from keystead.devices.evidence import Evidence
from keystead.devices.pkix_evidence import FORMAT
from keystead.devices.pkix_evidence_structure import ARC
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import (
    BOOLEAN,
    OCTET_STRING,
    SEQUENCE,
    encode,
    encode_integer,
    encode_oid,
)
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    extension,
    key_identifier,
    key_usage,
    name,
    subject_key_identifier,
)
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = [
    "TestPkixMaker",
    "TestPkixModule",
    "claim",
    "element",
    "evidence_der",
    "purposes",
    "signature_block",
    "tbs_evidence",
]

ATTESTS = "1.3.6.1.5.5.7.3.999"
"""id-kp-attestationKey: a placeholder."""

KEY, PLATFORM, TRANSACTION = f"{ARC}.0.2", f"{ARC}.0.1", f"{ARC}.0.0"
"""Types of elements."""

_ROOT, _ISSUER, _ATTESTER = "Keystead Test RootCA", "IntCA", "test-ak"
_DAY, _END = 1_784_632_358, 2_099_992_418  # 2026-07-21, 2036-07-18

_GROUPS = {
    "0": ("nonce", "timestamp", "ak-spki"),
    "1": (
        *("vendor", "oemid", "hwmodel", "hwversion", "hwserial", "swname", "swversion", "dbgstat"),
        *("uptime", "bootcount", "fipsboot", "fipsver", "fipslevel", "fipsmodule"),
    ),
    "2": (
        "identifier",
        "spki",
        "extractable",
        "sensitive",
        "never-extractable",
        "local",
        "expiry",
        "purpose",
    ),
}
_NUMBERS = {
    one: f"{group}.{number}" for group, listed in _GROUPS.items() for number, one in enumerate(listed)
}
_TIMES = {"timestamp", "expiry"}


def claim(claimed: str, value: bytes | str | int | bool | tuple[str, ...] | None) -> bytes:
    """DER of a claim by name or identifier; the value's type decides how it is written, None writes none."""
    oid = encode_oid(f"{ARC}.1.{_NUMBERS[claimed]}" if claimed in _NUMBERS else claimed)
    if value is None:
        return encode(SEQUENCE, oid)
    if isinstance(value, bool):
        written = encode(BOOLEAN, b"\xff" if value else b"\0")
    elif isinstance(value, int):
        written = encode_integer(value)
    elif isinstance(value, str):
        written = encode(0x18 if claimed in _TIMES else 0x0C, value.encode())
    elif isinstance(value, bytes):
        written = encode(OCTET_STRING, value)
    else:
        written = encode(SEQUENCE, *map(encode_oid, value))
    return encode(SEQUENCE, oid, written)


def element(kind: str, claims: Mapping[str, bytes | str | int | bool | tuple[str, ...] | None]) -> bytes:
    """DER of an element."""
    listed = encode(SEQUENCE, *(claim(one, value) for one, value in claims.items()))
    return encode(SEQUENCE, encode_oid(kind), listed)


def tbs_evidence(elements: Sequence[bytes], version: int = 1) -> bytes:
    """DER of what is signed."""
    return encode(SEQUENCE, encode_integer(version), encode(SEQUENCE, *elements))


def signature_block(
    tbs: bytes, key: SigningKey, *, identifier: bytes | None = None, spki: bytes = b"", der: bytes = b""
) -> bytes:
    """DER of a signature by `key`, which says whose it is by a key's identifier, a key, a certificate, or several."""
    signer = b"" if identifier is None else encode(0xA0, encode(OCTET_STRING, identifier))
    signer += encode(0xA1, spki) if spki else b""
    signer += encode(0xA2, der) if der else b""
    return encode(SEQUENCE, encode(SEQUENCE, signer), key.algorithm, encode(OCTET_STRING, key.sign(tbs)))


def evidence_der(tbs: bytes, blocks: Sequence[bytes], attached: bytes = b"") -> bytes:
    """DER of an Evidence; `attached` is the third part, if any."""
    return encode(SEQUENCE, tbs, encode(SEQUENCE, *blocks), attached)


def purposes(*oids: str, critical: bool = False) -> bytes:
    """The ExtendedKeyUsage extension."""
    return extension("2.5.29.37", encode(SEQUENCE, *map(encode_oid, oids)), critical=critical)


def _name(text: str) -> bytes:
    return name(("2.5.4.10", "ietf-rats"), ("2.5.4.11", "pkix-key-attestation"), ("2.5.4.3", text))


class TestPkixMaker:
    """Makes modules, and the authorities that certify their attestation keys.

    Args:
        seed: what keys and names follow from.
        key: kind of all keys.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "ec-p256") -> None:
        self.seed = seed
        self.kind = key

    def key(self, label: str) -> SigningKey:
        """The key for a label."""
        return derive_key(self.seed, f"pkix/{label}", self.kind)

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The root."""
        return (VendorAnchor(_ROOT, self.key("root").spki, frozenset({FORMAT})),)

    @cached_property
    def root_der(self) -> bytes:
        """The root's own certificate."""
        return self.issue(_ROOT, self.key("root").spki, _ROOT, "root", *self.authority_extensions("root"))

    @cached_property
    def issuer_der(self) -> bytes:
        """The authority's certificate."""
        return self.issuer(*self.authority_extensions("issuer"))

    def issuer(self, *extensions: bytes) -> bytes:
        """The same with other extensions."""
        return self.issue(_ISSUER, self.key("issuer").spki, _ROOT, "root", *extensions)

    def authority_extensions(self, label: str) -> tuple[bytes, ...]:
        """What authorities' certificates have."""
        return (
            basic_constraints(),
            subject_key_identifier(self.key(label).spki),
            authority_key_identifier(self.key("root").spki),
            key_usage(0, 5),
        )

    def certify(self, spki: bytes, *extensions: bytes, signer: str = "issuer") -> bytes:
        """A certificate for an attestation key."""
        usual = (
            basic_constraints(authority=False),
            subject_key_identifier(spki),
            authority_key_identifier(self.key("issuer").spki),
            key_usage(0),
            purposes(ATTESTS),
        )
        return self.issue(_ATTESTER, spki, _ISSUER, signer, *(extensions or usual))

    def issue(self, subject: str, spki: bytes, issuer: str, signer: str, *extensions: bytes) -> bytes:
        """Any certificate, signed by the key for the label `signer`."""
        return certificate(
            subject=_name(subject),
            spki=spki,
            issuer=_name(issuer),
            key=self.key(signer),
            not_before=_DAY,
            not_after=_END,
            extensions=extensions,
        )

    def make(self, serial: str | None) -> "TestPkixModule":
        """A module; see `TestPkixModule`."""
        return TestPkixModule(self, serial)


@dataclass(frozen=True)
class TestPkixModule:
    """One test module.

    Attributes:
        maker: its vendor.
        serial: what it claims as its serial number; None: nothing.
    """

    __test__ = False

    maker: TestPkixMaker
    serial: str | None

    @property
    def key(self) -> SigningKey:
        """The attestation key."""
        return self.maker.key(f"attestation/{self.serial}")

    @property
    def nonce(self) -> bytes:
        """What it repeats of each request."""
        return derive_bytes(self.maker.seed, "pkix/nonce", 8)

    @cached_property
    def chain(self) -> tuple[bytes, bytes]:
        """Attestation key, authority."""
        return self.maker.certify(self.key.spki), self.maker.issuer_der

    def generate(self, label: str = "signing", kind: str = "ec-p256") -> SigningKey:
        """The key that this module made under a label (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"pkix/{self.serial}/{label}", kind)

    def attest(self, public_key: bytes) -> Evidence:
        """Evidence that this module made `public_key` (SubjectPublicKeyInfo, DER) and keeps it."""
        return self.evidence(
            element(TRANSACTION, self.transaction_claims()),
            element(PLATFORM, self.platform_claims()),
            element(KEY, self.key_claims(public_key)),
        )

    def evidence(self, *elements: bytes) -> Evidence:
        """Evidence of any elements."""
        tbs = tbs_evidence(elements)
        return Evidence(FORMAT, evidence_der(tbs, [self.block(tbs)]), self.chain)

    def block(self, tbs: bytes) -> bytes:
        """A signature, which says whose it is by the key's identifier."""
        return signature_block(tbs, self.key, identifier=key_identifier(self.key.spki))

    def transaction_claims(self) -> dict[str, bytes | str | int | bool | tuple[str, ...] | None]:
        """What it claims of the request."""
        return {"nonce": self.nonce, "timestamp": "20260721111338Z", "ak-spki": self.key.spki}

    def platform_claims(self) -> dict[str, bytes | str | int | bool | tuple[str, ...] | None]:
        """What it claims of itself."""
        claims: dict[str, bytes | str | int | bool | tuple[str, ...] | None] = {
            "vendor": "Acme Corp",
            "hwmodel": b"HSM-9000",
            "hwversion": "2.1.0",
            "hwserial": self.serial,
            "fipsboot": True,
            "fipslevel": 3,
            "uptime": 86_400,
        }
        if self.serial is None:
            del claims["hwserial"]
        return claims

    def key_claims(self, public_key: bytes) -> dict[str, bytes | str | int | bool | tuple[str, ...] | None]:
        """What it claims of a key."""
        return {
            "identifier": "9a25f603-a2c4-4dad-9ee0-a1b4e771f2c3",
            "spki": public_key,
            "extractable": False,
            "never-extractable": True,
            "sensitive": True,
            "local": True,
            "purpose": (f"{ARC}.2.4",),
        }
