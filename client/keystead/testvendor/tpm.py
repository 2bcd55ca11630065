# SPDX-License-Identifier: Apache-2.0
"""Test TPMs: certifications of keys, and certificates of attestation keys shaped like Microsoft's.

The structures are those of published samples, field by field; a test compares them. Windows' two attributes are made
after their description, because no sample is public.
"""

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keystead.certificate.public_key import load_public_key
from keystead.devices.evidence import Evidence
from keystead.devices.tpm2_structures import FORMAT, sized
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import OCTET_STRING, SEQUENCE, SET, encode, encode_oid
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    common_name,
    extension,
    key_usage,
    name,
    subject_key_identifier,
)
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = [
    "ATTRIBUTES",
    "TestTpm",
    "TestTpmMaker",
    "attestation_name",
    "certify_statement",
    "windows_attributes",
]

ATTRIBUTES = 0x0006_0472
"""Of a key that was made in the TPM and stays there, and signs and decrypts."""

_ROOT = "Keystead Test TPM Root Certificate Authority"
_ROOT_DAY, _ROOT_END = 1_418_245_891, 2_207_165_491  # 2014-12-10, 2039-12-10
_ISSUER_DAY, _DAY, _END = 1_553_200_199, 1_624_316_020, 1_742_588_999  # 2019-03-21, 2021-06-21, 2025-03-21
_ATTESTS = "2.23.133.8.3"
_PRIVACY_CA = "1.3.6.1.4.1.311.21.36"
_VERIFIED_ENDORSEMENT = "1.3.6.1.4.1.311.21.31"
_POLICY = bytes.fromhex("9dffcbf36c383ae699fb9868dc6dcb89d7153884be2803922c124158bfad22ae")
_CURVES = {"secp256r1": 3, "secp384r1": 4, "secp521r1": 5}
_HASHES: dict[str, tuple[int, hashes.HashAlgorithm]] = {
    "sha1": (0x0004, hashes.SHA1()),  # noqa: S303 - many TPMs sign with it
    "sha256": (0x000B, hashes.SHA256()),
    "sha384": (0x000C, hashes.SHA384()),
    "sha512": (0x000D, hashes.SHA512()),
}


def attestation_name(manufacturer: str = "4E544300", model: str = "NPCT6xx", version: str = "id:13") -> bytes:
    """The SubjectAltName of an attestation key's certificate: what TPM it is in, all in one part of a name."""
    values = (("2.23.133.2.3", version), ("2.23.133.2.2", model), ("2.23.133.2.1", f"id:{manufacturer}"))
    parts = [encode(SEQUENCE, encode_oid(kind), encode(0x0C, value.encode())) for kind, value in values]
    directory = encode(0xA4, encode(SEQUENCE, encode(SET, *parts)))
    return extension("2.5.29.17", encode(SEQUENCE, directory), critical=True)


def _published(kind: str, label: bytes, size: int) -> bytes:
    """An extension with one address of `size` characters: of the issuer's certificate, or of its revocations."""
    start = "http://aik.test-tpm.keystead.example/"
    address = encode(
        0x86, (start + derive_bytes(label, kind, 64).hex())[: size - 4].encode() + b"." + kind.encode()
    )
    if kind == "crl":
        point = encode(SEQUENCE, encode(0xA0, encode(0xA0, address)))
        return extension("2.5.29.31", encode(SEQUENCE, point))
    method = encode(SEQUENCE, encode_oid("1.3.6.1.5.5.7.48.2"), address)
    return extension("1.3.6.1.5.5.7.1.1", encode(SEQUENCE, method))


def purposes(*oids: str) -> bytes:
    """The ExtendedKeyUsage extension."""
    return extension("2.5.29.37", encode(SEQUENCE, *map(encode_oid, oids)))


class TestTpmMaker:
    """Makes TPMs, and the authority that certifies their attestation keys.

    Args:
        seed: what keys and names follow from.
        key: kind of all keys: `rsa-2048` as in production, or `ec-p256`.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "rsa-2048") -> None:
        self.seed = seed
        self.kind = key

    def key(self, label: str, kind: str = "") -> SigningKey:
        """The key for a label."""
        return derive_key(self.seed, f"tpm/{label}", kind or self.kind)

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The root."""
        return (VendorAnchor(_ROOT, self.key("root").spki, frozenset({FORMAT})),)

    @cached_property
    def root_der(self) -> bytes:
        """The root's own certificate."""
        key, subject = self.key("root"), common_name(_ROOT)
        return certificate(
            subject=subject,
            spki=key.spki,
            issuer=subject,
            key=key,
            not_before=_ROOT_DAY,
            not_after=_ROOT_END,
            extensions=(key_usage(0, 5, 6), basic_constraints(), subject_key_identifier(key.spki)),
        )

    @property
    def issuer_name(self) -> bytes:
        """The name of the authority, which has its key's identifier in it."""
        digest = hashlib.sha1(self.key("issuer").spki, usedforsecurity=False).hexdigest().upper()
        return name(("2.5.4.3", f"EUS-NTC-KEYID-{digest}", 0x13))

    @cached_property
    def issuer_der(self) -> bytes:
        """The authority's certificate."""
        return self.issuer()

    def issuer(self, *extensions: bytes, signer: SigningKey | None = None) -> bytes:
        """The same with other extensions."""
        key = self.key("issuer")
        usual = (
            key_usage(0, 5),
            purposes(_PRIVACY_CA, _ATTESTS),
            extension("2.5.29.32", encode(SEQUENCE, encode(SEQUENCE, encode_oid(_VERIFIED_ENDORSEMENT)))),
            basic_constraints(0),
            subject_key_identifier(key.spki),
            authority_key_identifier(self.key("root").spki),
            _published("crl", self.seed, 95),
            _published("crt", self.seed, 97),
        )
        return certificate(
            subject=self.issuer_name,
            spki=key.spki,
            issuer=common_name(_ROOT),
            key=signer or self.key("root"),
            not_before=_ISSUER_DAY,
            not_after=_END,
            extensions=extensions or usual,
        )

    def certify(self, spki: bytes, *extensions: bytes, key: SigningKey | None = None) -> bytes:
        """A certificate for an attestation key: without a subject, as it says nothing of a person."""
        return certificate(
            subject=name(),
            spki=spki,
            issuer=self.issuer_name,
            key=key or self.key("issuer"),
            not_before=_DAY,
            not_after=_END,
            extensions=extensions or self.attestation_extensions(spki),
        )

    def attestation_extensions(self, spki: bytes, alternative_name: bytes | None = None) -> tuple[bytes, ...]:
        """What such a certificate has."""
        notice = encode(SEQUENCE, encode(0x1E, "TCPA  Trusted  Platform  Identity".encode("utf-16-be")))
        qualifier = encode(SEQUENCE, encode_oid("1.3.6.1.5.5.7.2.2"), notice)
        policy = encode(SEQUENCE, encode_oid(_VERIFIED_ENDORSEMENT), encode(SEQUENCE, qualifier))
        return (
            key_usage(0),
            basic_constraints(authority=False),
            extension("2.5.29.32", encode(SEQUENCE, policy), critical=True),
            purposes(_ATTESTS),
            attestation_name() if alternative_name is None else alternative_name,
            authority_key_identifier(self.key("issuer").spki),
            subject_key_identifier(spki),
            _published("cer", spki, 146),
        )

    def make(self, number: int, *, key: str = "", digest: str = "sha256") -> "TestTpm":
        """A TPM; see `TestTpm`. `key` is the kind of its attestation key."""
        return TestTpm(self, number, key or self.kind, digest)


@dataclass(frozen=True)
class TestTpm:
    """One test TPM.

    Attributes:
        maker: its vendor.
        number: which one.
        kind: of its attestation key.
        digest: the hash that the attestation key signs with: `sha1` in many.
    """

    __test__ = False

    maker: TestTpmMaker
    number: int
    kind: str
    digest: str

    @property
    def key(self) -> SigningKey:
        """The attestation key. Making RSA keys takes time: ten TPMs share one."""
        return self.maker.key(f"attestation/{self.number % 10}", self.kind)

    @cached_property
    def key_der(self) -> bytes:
        """Its certificate."""
        return self.maker.certify(self.key.spki)

    @property
    def chain(self) -> tuple[bytes, bytes]:
        """Attestation key, authority."""
        return self.key_der, self.maker.issuer_der

    def generate(self, label: str = "signing", kind: str = "ec-p256") -> SigningKey:
        """The key that this TPM made under a label (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"tpm/{self.number}/{label}", kind)

    def attest(self, public_key: bytes, attributes: int = ATTRIBUTES, extra: bytes | None = None) -> Evidence:
        """Evidence that this TPM holds `public_key` (SubjectPublicKeyInfo, DER)."""
        public = self.public(public_key, attributes)
        return self.evidence(self.certification(public, extra), public)

    def evidence(self, attest: bytes, public: bytes, signature: bytes | None = None) -> Evidence:
        """Evidence of any three parts."""
        made = self.sign(attest) if signature is None else signature
        return Evidence(FORMAT, sized(attest) + made + sized(public), self.chain)

    @staticmethod
    def public(public_key: bytes, attributes: int = ATTRIBUTES, name_hash: str = "sha256") -> bytes:
        """The TPMT_PUBLIC of a key."""
        key = load_public_key(public_key)
        head = struct.pack(">HI", _HASHES[name_hash][0], attributes) + sized(_POLICY)
        if isinstance(key, rsa.RSAPublicKey):
            numbers = key.public_numbers()
            size = key.key_size
            modulus = sized(numbers.n.to_bytes((size + 7) // 8))
            exponent = 0 if numbers.e == 65537 else numbers.e
            return b"\x00\x01" + head + struct.pack(">HHHI", 0x10, 0x10, size, exponent) + modulus
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("no TPM has such a key")
        point, length = key.public_numbers(), (key.key_size + 7) // 8
        curve = struct.pack(">HHHH", 0x10, 0x10, _CURVES[key.curve.name], 0x10)
        return (
            b"\x00\x23" + head + curve + b"".join(sized(one.to_bytes(length)) for one in (point.x, point.y))
        )

    def certification(
        self,
        public: bytes,
        extra: bytes | None = None,
        *,
        name_hash: str = "sha256",
        magic: bytes = b"\xffTCG",
        kind: int = 0x8017,
    ) -> bytes:
        """The TPMS_ATTEST about the key of a public area."""

        def named(label: str) -> bytes:
            return sized(b"\x00\x0b" + derive_bytes(self.maker.seed, f"tpm/{self.number}/{label}"))

        challenge = derive_bytes(self.maker.seed, "tpm/challenge", 20) if extra is None else extra
        clock = struct.pack(">QIIB", 0x2A99F55ABF738F41 ^ self.number, 0xA7CC0FE1, 0xCC4C142D, 1)
        identifier, algorithm = _HASHES[name_hash]
        digest = hashlib.new(algorithm.name, public).digest()
        return b"".join(
            (
                magic,
                struct.pack(">H", kind),
                named("signer"),
                sized(challenge),
                clock,
                struct.pack(">Q", 0x0007000200030001),
                sized(identifier.to_bytes(2) + digest),
                named(f"qualified/{digest.hex()}"),
            )
        )

    def octets(self, attest: bytes) -> bytes:
        """The bare signature: RSASSA, or ECDSA in DER."""
        algorithm, key = _HASHES[self.digest][1], self.key.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(attest, padding.PKCS1v15(), algorithm)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("no TPM has such a key")
        return key.sign(attest, ec.ECDSA(algorithm, deterministic_signing=True))

    def sign(self, attest: bytes) -> bytes:
        """The TPMT_SIGNATURE by the attestation key."""
        octets, hash_algorithm = self.octets(attest), _HASHES[self.digest][0]
        if isinstance(self.key.private_key, rsa.RSAPrivateKey):
            return struct.pack(">HH", 0x0014, hash_algorithm) + sized(octets)
        length = (self.key.private_key.key_size + 7) // 8  # type: ignore[union-attr] # octets() refuses others
        numbers = b"".join(sized(number.to_bytes(length)) for number in decode_dss_signature(octets))
        return struct.pack(">HH", 0x0018, hash_algorithm) + numbers


def certify_statement(attest: bytes, signature: bytes, public: bytes | None) -> bytes:
    """DER of a statement of the type tcg-attest-tpm-certify."""
    parts = [attest, signature] if public is None else [attest, signature, public]
    return encode(SEQUENCE, *(encode(OCTET_STRING, part) for part in parts))


def windows_attributes(attest: bytes, signature: bytes, public: bytes) -> dict[str, bytes]:
    """What a request to AD CS has for a TPM's key, by identifier: the statement, and an envelope for the CA."""
    key = b"PCPM" + struct.pack("<IIIII", 24, 2, 0, len(public) + 2, 0) + sized(public)
    attestation = struct.pack("<4sIIIII", b"KADS", 2, 24, len(attest), len(signature), len(key))
    attestation += attest + signature + key
    binding = sized(b"an attestation key")
    blob = struct.pack("<4sIIIIII", b"KAST", 1, 2, 28, len(binding), len(attestation), 0)
    return {
        "1.3.6.1.4.1.311.21.24": encode(OCTET_STRING, blob + binding + attestation),
        "1.3.6.1.4.1.311.21.39": encode(SEQUENCE, encode_oid("1.2.840.113549.1.7.3")),
    }
