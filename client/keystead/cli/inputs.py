# SPDX-License-Identifier: Apache-2.0
"""Files that people hand to verbs: certificates, keys, anchors; a broken one is named in the error.

Formats are recognized by content, not by the file's name: CAs write `.crt` for PEM and for DER alike.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_der_x509_csr, load_pem_x509_csr

from keystead.certificate.x509 import certificates_from_pem, parse_vendor_certificate
from keystead.devices.request import CertificationRequest, parse_request
from keystead.errors import ParseError, UsageError
from keystead.statements.statement_key import SigningKey, spki_of

__all__ = [
    "MAX_FILE_BYTES",
    "is_file",
    "read_certificates",
    "read_chain",
    "read_claimed_key",
    "read_file",
    "read_public_key",
    "read_request_or_certificates",
    "read_statement_key",
]

_SEQUENCE = b"\x30"  # what every DER certificate and request begins with

MAX_FILE_BYTES = 4 * 1024 * 1024
"""More than any chain, key, statement or piece of evidence; a wrong file should not fill the memory."""


def is_file(path: Path) -> bool:
    """Whether what may be a path or something else, as a long name or `scheme:value`, is that of a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a path, or with characters that none has
        return False


def read_file(path: Path) -> bytes:
    """The bytes of a file that a verb was given.

    Raises:
        UsageError: it is larger than `MAX_FILE_BYTES`.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{path} is larger than {MAX_FILE_BYTES} bytes, so it is not what this verb reads")
    return data


def read_certificates(path: Path) -> list[bytes]:
    """The DER of every certificate in a PEM file, in order, or the DER of a DER file, unread.

    Raises:
        ParseError: there is no certificate.
    """
    data = read_file(path)
    try:
        certificates = certificates_from_pem(data)
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
    if not certificates and data[:1] == _SEQUENCE:
        certificates = [data]
    if not certificates:
        raise ParseError(f"{path} holds no certificate, neither PEM nor DER")
    return certificates


def read_chain(paths: Sequence[Path]) -> list[bytes]:
    """The certificates of several files, one after the other."""
    return [certificate for path in paths for certificate in read_certificates(path)]


def read_claimed_key(path: Path) -> bytes:
    """The DER SubjectPublicKeyInfo of a certificate, the first of a bundle, of a PKCS#10 request, or a PEM public key.

    Raises:
        ParseError, UsageError: it is none of these.
    """
    data = read_file(path)
    if b"-----BEGIN PUBLIC KEY-----" in data and b"CERTIFICATE" not in data:
        return read_public_key(path)
    found = read_request_or_certificates(path)
    return found.spki if isinstance(found, CertificationRequest) else parse_vendor_certificate(found[0]).spki


def read_request_or_certificates(path: Path) -> CertificationRequest | list[bytes]:
    """A PKCS#10 request, or the DER of every certificate in a file, of which the first can be read.

    Raises:
        ParseError: it is neither.
    """
    data = read_file(path)
    if b"CERTIFICATE REQUEST-----" in data:
        return _request(path, data)
    certificates = read_certificates(path)
    try:
        parse_vendor_certificate(certificates[0])
    except ParseError as error:
        if certificates[0] != data:  # it was in PEM, which says that it is a certificate
            raise ParseError(f"{path}: {error}") from error
        return _request(path, data)
    return certificates


def _request(path: Path, data: bytes) -> CertificationRequest:
    try:
        request = load_der_x509_csr(data) if data[:1] == _SEQUENCE else load_pem_x509_csr(data)
        return parse_request(request.public_bytes(Encoding.DER))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ParseError(f"{path} is neither a certificate nor a certification request") from error


def read_statement_key(path: Path) -> SigningKey:
    """A private key that signs statements: unencrypted PEM, Ed25519, P-256 or P-384.

    Raises:
        UsageError: it is something else, or encrypted.
    """
    try:
        key = load_pem_private_key(read_file(path), None)
    except TypeError as error:
        raise UsageError(f"{path} is encrypted; give the key without a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise UsageError(f"{path} cannot sign statements: they take Ed25519, P-256 or P-384")
    try:
        spki_of(key)
    except ParseError as error:
        raise UsageError(f"{path} cannot sign statements: {error}") from error
    return key


def read_public_key(path: Path) -> bytes:
    """The DER SubjectPublicKeyInfo of a public key in PEM or DER, or of a PEM private key's public half.

    Raises:
        UsageError: it is none of these.
    """
    data = read_file(path)
    try:
        if b"PRIVATE KEY-----" in data:
            key = load_pem_private_key(data, None).public_key()
        elif b"-----BEGIN" in data:
            key = load_pem_public_key(data)
        else:
            key = load_der_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no public key in PEM or DER") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
