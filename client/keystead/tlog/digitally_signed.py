# SPDX-License-Identifier: Apache-2.0
"""The `digitally-signed` element of TLS 1.2 (RFC 5246 section 4.7), as RFC 6962 section 2.1.4 uses it.

Tree heads and SCTs carry it: two bytes that name SHA-256 and ECDSA, then a DER signature behind a uint16
length.

Invariants:

* the key is on P-256, as static-ct-api has it; RSA, which RFC 6962 allows too, is refused;
* signatures are deterministic (RFC 6979): the same bytes under the same key are signed alike.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keystead.encoding.tls import Reader, opaque16
from keystead.errors import ParseError, SignatureError

__all__ = [
    "encode_digitally_signed",
    "load_p256_key",
    "read_digitally_signed",
    "sign_p256",
    "verify_p256",
]

# HashAlgorithm.sha256, SignatureAlgorithm.ecdsa: RFC 5246 section 7.4.1.4.1.
_SHA256_ECDSA = b"\x04\x03"
_SIGNING = ec.ECDSA(SHA256(), deterministic_signing=True)
_VERIFYING = ec.ECDSA(SHA256())


def encode_digitally_signed(signature: bytes) -> bytes:
    """The TLS form of a DER ECDSA signature."""
    return _SHA256_ECDSA + opaque16(signature)


def read_digitally_signed(reader: Reader) -> bytes:
    """Take the element off `reader`.

    Returns:
        The DER ECDSA signature.

    Raises:
        ParseError: it ends early, is empty, or is by another algorithm.
    """
    start = reader.offset
    if reader.fixed(2) != _SHA256_ECDSA:
        raise ParseError(f"{reader.what} is not signed with SHA-256 and ECDSA", offset=start)
    signature = reader.opaque16()
    if not signature:
        raise ParseError(f"{reader.what} has an empty signature", offset=start)
    return signature


@lru_cache(maxsize=64)
def load_p256_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 key in a DER SubjectPublicKeyInfo.

    Raises:
        ParseError: it is no such key.
    """
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ParseError("the log's ECDSA key is not a SubjectPublicKeyInfo") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ParseError("the log's ECDSA key is not on P-256")
    return key


def sign_p256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """The deterministic DER ECDSA signature of `message` with SHA-256."""
    return key.sign(message, _SIGNING)


def verify_p256(spki: bytes, signature: bytes, message: bytes, what: str) -> None:
    """Check a DER ECDSA signature with SHA-256.

    Raises:
        ParseError: `spki` is no P-256 key.
        SignatureError: the signature is wrong; `what` begins the sentence.
    """
    try:
        load_p256_key(spki).verify(signature, message, _VERIFYING)
    except InvalidSignature as error:
        evidence = {"key": spki, "signature": signature, "message": message}
        raise SignatureError(f"{what} has a wrong signature", check="signature", evidence=evidence) from error
