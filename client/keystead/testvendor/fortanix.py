# SPDX-License-Identifier: Apache-2.0
"""Test DSM clusters: key attestation statements shaped like Fortanix's, under a root of our own.

Names, validity, extensions and their order are those of the statement in Fortanix's published example, down to
`cA FALSE` written out and a keyUsage that counts its unused bits wrongly.
"""

import json
from dataclasses import dataclass

from keystead.devices.evidence import Evidence
from keystead.devices.fortanix import FORMAT
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    extension,
    key_usage,
    name,
    subject_key_identifier,
)
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = ["FORTANIX_ARC", "TestFortanix", "TestFortanixMaker", "node_policy", "policies", "purposes"]

FORTANIX_ARC = "1.3.6.1.4.1.49690"

_ROOT = "Keystead Test Attestation and Provisioning Root CA"
_CA = "Fortanix Key Attestation CA"
_AUTHORITY = "Fortanix DSM SaaS Key Attestation Authority"
_STATEMENT = "Fortanix DSM Key Attestation"
_ROOT_VALID = (1_693_526_446, 2_008_887_646)
_CA_VALID = (1_693_527_719, 1_788_135_719)  # three years
_AUTHORITY_VALID = (1_693_578_525, 1_696_170_525)  # a month
_STATEMENT_VALID = (1_693_528_566, 253_402_300_799)  # to the end of the calendar


def _company(common_name: str) -> bytes:
    return name(
        ("2.5.4.6", "US"),
        ("2.5.4.8", "California"),
        ("2.5.4.7", "Santa Clara"),
        ("2.5.4.10", "Fortanix, Inc."),
        ("2.5.4.3", common_name),
    )


def purposes(*oids: str) -> bytes:
    """The extendedKeyUsage extension, not critical."""
    return extension("2.5.29.37", encode(SEQUENCE, *map(encode_oid, oids)))


def policies(*oids: str) -> bytes:
    """The certificatePolicies extension, not critical."""
    return extension("2.5.29.32", encode(SEQUENCE, *(encode(SEQUENCE, encode_oid(oid)) for oid in oids)))


def node_policy(*items: tuple[str, ...]) -> bytes:
    """The node enrolment policy: each item an identifier below the vendor's arc, perhaps with a qualifier."""
    listed = (encode(SEQUENCE, *(encode_oid(f"{FORTANIX_ARC}.{oid}") for oid in item)) for item in items)
    return extension(f"{FORTANIX_ARC}.2.5", encode(SEQUENCE, *listed))


def _revocation(place: str) -> bytes:
    """The cRLDistributionPoints extension with one address."""
    address = encode(0x86, f"https://pki.example/{place}.crl".encode())
    return extension("2.5.29.31", encode(SEQUENCE, encode(SEQUENCE, encode(0xA0, encode(0xA0, address)))))


class TestFortanixMaker:
    """The vendor: its root and the CA that certifies clusters' authorities.

    Args:
        seed: every key follows from it.
        key: kind of all keys but attested ones.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "rsa-2048") -> None:
        self.seed = seed
        self._kind = key

    def key(self, label: str) -> SigningKey:
        """The key with this label: `root`, `ca`, or a cluster's."""
        return derive_key(self.seed, f"fortanix/{label}", self._kind)

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The root's pinned key."""
        return (
            VendorAnchor(
                _ROOT,
                self.key("root").spki,
                frozenset({FORMAT}),
                source="keystead.testvendor",
                note="proves nothing",
            ),
        )

    def root_der(self) -> bytes:
        """The root's own certificate; authority chains end with it."""
        key = self.key("root")
        return certificate(
            subject=_company(_ROOT),
            spki=key.spki,
            issuer=_company(_ROOT),
            key=key,
            not_before=_ROOT_VALID[0],
            not_after=_ROOT_VALID[1],
            extensions=(key_usage(0, 5, 6), basic_constraints(), subject_key_identifier(key.spki)),
        )

    def ca_der(self, *extensions: bytes) -> bytes:
        """The Key Attestation CA's certificate, with its usual extensions or others."""
        key, root = self.key("ca"), self.key("root")
        usual = (
            key_usage(0, 5, 6),
            basic_constraints(),
            subject_key_identifier(key.spki),
            _revocation("Root_CA"),
            policies(f"{FORTANIX_ARC}.6.1.2"),
            authority_key_identifier(root.spki),
        )
        return certificate(
            subject=_company(_CA),
            spki=key.spki,
            issuer=_company(_ROOT),
            key=root,
            not_before=_CA_VALID[0],
            not_after=_CA_VALID[1],
            extensions=extensions or usual,
        )

    def make(self, cluster: str = "1") -> "TestFortanix":
        """A cluster; its name decides about its keys and stands in no statement."""
        return TestFortanix(self, cluster)


@dataclass(frozen=True)
class TestFortanix:
    """One cluster.

    Attributes:
        maker: its vendor.
        cluster: what tells it from others of the maker's, here and in no evidence.
    """

    __test__ = False

    maker: TestFortanixMaker
    cluster: str

    @property
    def key(self) -> SigningKey:
        """The authority's key."""
        return self.maker.key(f"cluster/{self.cluster}")

    @property
    def name(self) -> bytes:
        """DER of the authority's name, which all clusters share."""
        return name(("2.5.4.3", _AUTHORITY))

    def authority_der(self, *extensions: bytes) -> bytes:
        """The authority's certificate, with its usual extensions or others."""
        issuer = self.maker.key("ca")
        return certificate(
            subject=self.name,
            spki=self.key.spki,
            issuer=_company(_CA),
            key=issuer,
            not_before=_AUTHORITY_VALID[0],
            not_after=_AUTHORITY_VALID[1],
            extensions=extensions or self.authority_extensions(),
        )

    def authority_extensions(self, **changed: bytes | None) -> tuple[bytes, ...]:
        """The authority's extensions; `changed` replaces those named, or leaves them out.

        Args:
            changed: of `usage`, `constraints`, `purpose`, `nodes`, `policy`.
        """
        usual: dict[str, bytes | None] = {
            "usage": extension("2.5.29.15", b"\x03\x02\x01\x80", critical=True),
            "constraints": extension("2.5.29.19", b"\x30\x03\x01\x01\x00", critical=True),
            "identifier": subject_key_identifier(self.key.spki),
            "purpose": purposes(f"{FORTANIX_ARC}.8.1"),
            "nodes": node_policy(("2.5.1", "2.5.1.1"), ("2.5.2",)),
            "revocation": _revocation("Key_Attestation_CA"),
            "policy": policies(f"{FORTANIX_ARC}.6.1.2"),
            "issuer": authority_key_identifier(self.maker.key("ca").spki),
            **changed,
        }
        return tuple(value for value in usual.values() if value is not None)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What stands above a statement, up to the pinned key."""
        return (self.authority_der(), self.maker.ca_der())

    def generate(self, number: int = 1, kind: str = "ec-p256") -> SigningKey:
        """A key that this cluster generated; production attests RSA keys."""
        return derive_key(self.maker.seed, f"fortanix/{self.cluster}/{number}", kind)

    def attest(self, public_key: bytes) -> Evidence:
        """Evidence that `public_key` (SubjectPublicKeyInfo, DER) was generated in this cluster."""
        return Evidence(FORMAT, self.statement(public_key), self.chain)

    def key_id(self, public_key: bytes) -> str:
        """The UUID of a key."""
        digits = derive_bytes(public_key, "fortanix-key", 16).hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def statement(
        self,
        public_key: bytes,
        *,
        changed: dict[str, bytes | None] | None = None,
        extra_extensions: tuple[bytes, ...] = (),
        usage: bytes | None = None,
        subject: bytes | None = None,
        key: SigningKey | None = None,
        issuer: bytes | None = None,
    ) -> bytes:
        """DER of the statement's certificate.

        Args:
            public_key: the attested key.
            changed: by the arc below the vendor's, another value of an extension, or None to leave it out.
            extra_extensions: DER of further Extensions.
            usage: another KeyUsage extension, DER.
            subject: another DER Name.
            key: another key than the authority's to sign with.
            issuer: another issuer's name, DER.
        """
        values: dict[str, bytes | None] = {
            "2.4.1.1": b"\x30\x00",
            "2.4.1.2": b"\x30\x00",
            **(changed or {}),
        }
        usual = name(("2.5.4.3", _STATEMENT), (f"{FORTANIX_ARC}.1.2.2", self.key_id(public_key)))
        return certificate(
            subject=usual if subject is None else subject,
            spki=public_key,
            issuer=self.name if issuer is None else issuer,
            key=self.key if key is None else key,
            not_before=_STATEMENT_VALID[0],
            not_after=_STATEMENT_VALID[1],
            extensions=(
                usage or extension("2.5.29.15", b"\x03\x02\x04\xb0", critical=True),
                *(
                    extension(f"{FORTANIX_ARC}.{arc}", value)
                    for arc, value in values.items()
                    if value is not None
                ),
                authority_key_identifier(self.key.spki),
                *extra_extensions,
            ),
        )

    def answer(self, public_key: bytes) -> bytes:
        """The JSON that DSM answers with, the root at the end of the chain."""
        document = {
            "authority_chain": [encode_base64(der) for der in (*self.chain, self.maker.root_der())],
            "attestation_statement": {
                "format": "x509_certificate",
                "statement": encode_base64(self.statement(public_key)),
            },
        }
        return json.dumps(document).encode()
