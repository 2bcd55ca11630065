# SPDX-License-Identifier: Apache-2.0
"""How LiquidSecurity partitions sign statements: RSA of 2048 bits with SHA-256.

Firmware 3 signs by PKCS#1 v1.5. Firmware 2 signed "with raw padding": what raising the signature to the public
exponent recovers ends in the digest, and that is all that is documented of it.
"""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keystead.certificate.public_key import load_public_key, verify_signature
from keystead.devices.marvell.statement import Statement
from keystead.devices.vendor_chain import SignedStatement
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.errors import ParseError, SignatureError

__all__ = ["BARE_DIGEST", "signed_statement", "verify_marvell_signature"]

_SHA256_RSA = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.11"), b"\x05\x00")
BARE_DIGEST = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), b"\x05\x00")
"""Stands for the signatures of older firmware, which have no AlgorithmIdentifier: the digest without its name."""


def signed_statement(statement: Statement) -> SignedStatement:
    """The statement as the lower end of a path, for `verify_marvell_signature`."""
    algorithm = _SHA256_RSA if statement.version == 2 else BARE_DIGEST
    return SignedStatement("the statement", statement.signed, algorithm, statement.signature)


def verify_marvell_signature(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> None:
    """As `verify_signature`; signatures by older firmware are the digest without its name, or as usual.

    Of what the signature recovers, older firmware fixes the last 32 bytes alone. That is as good as a signature
    only because raising to the public exponent cannot be undone for chosen last bytes, which with an exponent of
    3 it can: so the exponent must be 65537.

    Raises:
        SignatureError: the signature does not verify.
    """
    if algorithm != BARE_DIGEST:
        verify_signature(spki, algorithm, signature, message)
        return
    try:
        verify_signature(spki, _SHA256_RSA, signature, message)
    except SignatureError:
        if not _ends_in_digest(spki, signature, message):
            raise


def _ends_in_digest(spki: bytes, signature: bytes, message: bytes) -> bool:
    try:
        key = load_public_key(spki)
    except ParseError:
        return False
    if not isinstance(key, RSAPublicKey):
        return False
    numbers = key.public_numbers()
    number = int.from_bytes(signature)
    size = (numbers.n.bit_length() + 7) // 8
    if numbers.e != 65537 or len(signature) != size or number >= numbers.n:
        return False
    return pow(number, numbers.e, numbers.n).to_bytes(size)[-32:] == sha256(message).digest()
