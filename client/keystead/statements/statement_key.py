# SPDX-License-Identifier: Apache-2.0
"""The keys that sign statements (`specs/statements.md`, section 2).

Three algorithms, each with one form of signature: Ed25519 (RFC 8032, 64 bytes), ECDSA on P-256 with SHA-256 and
on P-384 with SHA-384 (FIPS 186-5, DER). A key is named by its `keyid`, the SHA-256 of its SubjectPublicKeyInfo.

Invariants:

* one key has one SubjectPublicKeyInfo and so one `keyid`: points are uncompressed, curves named;
* our own ECDSA signatures are deterministic (RFC 6979): the same payload is signed alike;
* nothing but `ParseError` and `SignatureError` is raised on input.
"""

from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from keystead.errors import ParseError, SignatureError

__all__ = ["SigningKey", "keyid_of", "load_statement_key", "sign", "spki_of", "verify"]

SigningKey = Ed25519PrivateKey | EllipticCurvePrivateKey
"""A private key that can sign statements, if it is on one of the two curves."""

_HASHES: dict[str, type[HashAlgorithm]] = {SECP256R1.name: SHA256, SECP384R1.name: SHA384}


def keyid_of(spki: bytes) -> str:
    """The DSSE `keyid`: lowercase hex of the SHA-256 of a SubjectPublicKeyInfo."""
    return sha256(spki).hexdigest()


def spki_of(key: SigningKey) -> bytes:
    """The DER SubjectPublicKeyInfo of a private key's public half.

    Raises:
        ParseError: an EC key on another curve.
    """
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    load_statement_key(spki)
    return spki


@lru_cache(maxsize=1024)
def load_statement_key(spki: bytes, what: str = "the key") -> Ed25519PublicKey | EllipticCurvePublicKey:
    """Load a public key that may sign statements.

    Args:
        spki: DER SubjectPublicKeyInfo.
        what: what it is, for the error's sentence.

    Raises:
        ParseError: no such structure, another algorithm or curve, or not the one encoding of the key.
    """
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ParseError(f"{what} is not a SubjectPublicKeyInfo") from error
    if not isinstance(key, Ed25519PublicKey) and not (
        isinstance(key, EllipticCurvePublicKey) and key.curve.name in _HASHES
    ):
        raise ParseError(f"{what} is not an Ed25519, P-256 or P-384 key")
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise ParseError(f"{what} is not in the canonical encoding of its algorithm")
    return key


def sign(key: SigningKey, message: bytes) -> bytes:
    """The deterministic signature of `message`.

    Raises:
        ParseError: an EC key on another curve.
    """
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    if key.curve.name not in _HASHES:
        raise ParseError(f"statements are not signed with keys on {key.curve.name}")
    return key.sign(message, ECDSA(_HASHES[key.curve.name](), deterministic_signing=True))


def verify(spki: bytes, signature: bytes, message: bytes) -> None:
    """Check a signature.

    Raises:
        ParseError: `spki` is no statement key.
        SignatureError: the signature is wrong; `check` is `bad-signature`.
    """
    key = load_statement_key(spki)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ECDSA(_HASHES[key.curve.name]()))
    except (InvalidSignature, ValueError) as error:
        evidence = {"spki": spki, "signature": signature, "message": message}
        raise SignatureError(
            "the statement's signature does not verify under the key that it names",
            check="bad-signature",
            evidence=evidence,
        ) from error
