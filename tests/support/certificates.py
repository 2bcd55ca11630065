# SPDX-License-Identifier: Apache-2.0
"""Certificates minted with `cryptography`, so that what the project reads was not written by the project.

Keys on P-256 are derived from small numbers and signatures are deterministic: the same call gives the same bytes.
What `cryptography` refuses to write is made by `rewrapped`, which edits the fields and signs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.encoding.der import Element, encode, parse

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
RawExtension = tuple[str, bool, bytes]
"""Dotted identifier, critical, the DER inside extnValue."""

CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
BASIC_CONSTRAINTS = "2.5.29.19"
POISON: RawExtension = ("1.3.6.1.4.1.11129.2.4.3", True, b"\x05\x00")
CA: RawExtension = (BASIC_CONSTRAINTS, True, b"\x30\x03\x01\x01\xff")
NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2027, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def ec_key(number: int, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The private key that is `number`."""
    return ec.derive_private_key(number, curve())


@lru_cache(maxsize=2)
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once a run."""
    return rsa.generate_private_key(65537, bits)


def spki(key: PrivateKey) -> bytes:
    """DER of the key's SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Minted:
    """A certificate and the key that is in it."""

    der: bytes
    key: PrivateKey

    @property
    def certificate(self) -> Certificate:
        """Parsed by the project."""
        return parse_certificate(self.der)

    @property
    def library(self) -> x509.Certificate:
        """Parsed by `cryptography`."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return sha256(self.der).digest()


def subject(**attributes: str) -> x509.Name:
    """A name of `C`, `O`, `CN`, `serialNumber`, `jurisdictionC` and so on, in the order given."""
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[label], text) for label, text in attributes.items()])


_ATTRIBUTES = {
    "C": x509.NameOID.COUNTRY_NAME,
    "ST": x509.NameOID.STATE_OR_PROVINCE_NAME,
    "L": x509.NameOID.LOCALITY_NAME,
    "O": x509.NameOID.ORGANIZATION_NAME,
    "OU": x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": x509.NameOID.COMMON_NAME,
    "serialNumber": x509.NameOID.SERIAL_NUMBER,
    "organizationIdentifier": x509.NameOID.ORGANIZATION_IDENTIFIER,
    "jurisdictionC": x509.NameOID.JURISDICTION_COUNTRY_NAME,
    "jurisdictionST": x509.NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME,
    "jurisdictionL": x509.NameOID.JURISDICTION_LOCALITY_NAME,
}


def purposes(*oids: str) -> RawExtension:
    """An extendedKeyUsage extension."""
    value = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids]).public_bytes()
    return ("2.5.29.37", False, value)


def ca_constraints(path_length: int | None) -> RawExtension:
    """A basicConstraints extension of a CA."""
    return (BASIC_CONSTRAINTS, True, x509.BasicConstraints(True, path_length).public_bytes())


def key_usage(*, sign_certificates: bool) -> RawExtension:
    """A keyUsage extension with digitalSignature, and keyCertSign or not."""
    return ("2.5.29.15", True, b"\x03\x02\x02\x84" if sign_certificates else b"\x03\x02\x07\x80")


def mint(
    name: x509.Name,
    key: PrivateKey,
    issuer: Minted | None = None,
    extensions: Sequence[RawExtension] = (),
    *,
    serial: int = 1,
    digest: HashAlgorithm | None = None,
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
    **signing: object,
) -> Minted:
    """A certificate for `key`, self-signed without an `issuer`.

    Args:
        signing: passed to the builder, `rsa_padding` for example.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.library.subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for oid, critical, value in extensions:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical
        )
    signer = key if issuer is None else issuer.key
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else (digest or SHA256())
    deterministic = {"ecdsa_deterministic": True} if isinstance(signer, ec.EllipticCurvePrivateKey) else {}
    signed = builder.sign(signer, algorithm, **deterministic, **signing)  # type: ignore[arg-type]
    return Minted(signed.public_bytes(Encoding.DER), key)


@dataclass(frozen=True)
class Chain:
    """A leaf, an intermediate CA and a root."""

    leaf: Minted
    intermediate: Minted
    root: Minted

    @property
    def certificates(self) -> list[Certificate]:
        """Leaf first."""
        return [self.leaf.certificate, self.intermediate.certificate, self.root.certificate]

    @property
    def anchors(self) -> dict[bytes, Certificate]:
        """The root, as the accepted anchor."""
        return {self.root.fingerprint: self.root.certificate}


def chain(
    *,
    leaf_extensions: Sequence[RawExtension] = (purposes(CODE_SIGNING),),
    intermediate_extensions: Sequence[RawExtension] = (ca_constraints(0), key_usage(sign_certificates=True)),
    root_extensions: Sequence[RawExtension] = (CA,),
    leaf_name: x509.Name | None = None,
) -> Chain:
    """A chain that is fine unless the extensions say otherwise."""
    root = mint(subject(C="SE", O="Root"), ec_key(101), None, root_extensions)
    intermediate = mint(subject(C="SE", O="Issuing"), ec_key(102), root, intermediate_extensions)
    name = leaf_name or subject(C="SE", O="Exempel AB", CN="Exempel AB")
    return Chain(mint(name, ec_key(103), intermediate, leaf_extensions), intermediate, root)


def rewrapped(der: bytes, edit: Callable[[list[bytes]], None], *, outer: bool = False) -> bytes:
    """A certificate after `edit` changed the list of the DER of its fields; its signature does not verify.

    Args:
        edit: gets the fields of the TBSCertificate, `[0]` version first and `[3]` extensions last; or, with
            `outer`, the TBSCertificate, the algorithm and the signature.
    """
    parts = [child.encoded for child in parse(der).children()]
    fields = parts if outer else [child.encoded for child in Element(parts[0], 0, len(parts[0])).children()]
    edit(fields)
    if not outer:
        parts[0] = encode(0x30, *fields)
    return encode(0x30, *parts)
