# SPDX-License-Identifier: Apache-2.0
"""Public keys as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): compared, loaded, used.

`normalize_spki` undoes the two liberties that encoders take with one key, so that "the same key" is a
comparison of bytes: EC points become uncompressed (RFC 5480 section 2.2), RSA parameters NULL (RFC 3279
section 2.3.1). A key that cannot be normalized so is taken as it is.

`verify_signature` accepts what certificates of the last decades are signed with: RSA PKCS#1 v1.5 with SHA-1
or SHA-2, RSASSA-PSS, ECDSA and Ed25519. SHA-1 is accepted because a log records history; MD5 and older are
not.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.utils import CryptographyDeprecationWarning

from keystead.encoding.der import (
    BIT_STRING,
    INTEGER,
    SEQUENCE,
    Element,
    decode_integer,
    decode_oid,
    encode,
    encode_oid,
    parse,
)
from keystead.errors import ParseError, SignatureError

__all__ = ["key_hash", "load_public_key", "normalize_spki", "verify_signature"]

_RSA = encode_oid("1.2.840.113549.1.1.1")
_EC = encode_oid("1.2.840.10045.2.1")
_NULL = b"\x05\x00"

_CURVES: dict[str, ec.EllipticCurve] = {
    "1.2.840.10045.3.1.7": ec.SECP256R1(),
    "1.3.132.0.34": ec.SECP384R1(),
    "1.3.132.0.35": ec.SECP521R1(),
    "1.3.132.0.33": ec.SECP224R1(),
    "1.3.132.0.10": ec.SECP256K1(),
    "1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1(),
    "1.3.36.3.3.2.8.1.1.11": ec.BrainpoolP384R1(),
    "1.3.36.3.3.2.8.1.1.13": ec.BrainpoolP512R1(),
}

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1.3.14.3.2.26": hashes.SHA1,
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_RSA_PKCS1: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.5": hashes.SHA1,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.10045.4.1": hashes.SHA1,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_RSA_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_ED25519 = "1.3.101.112"
_WEAK = {"1.2.840.113549.1.1.2": "MD2", "1.2.840.113549.1.1.3": "MD4", "1.2.840.113549.1.1.4": "MD5"}

_Verify = Callable[[bytes, bytes], None]


_NORMAL = (
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
    bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"),
)
"""How a P-256 and a P-384 key begin whose point is not compressed."""


def normalize_spki(spki: bytes) -> bytes:
    """The SubjectPublicKeyInfo with its EC point uncompressed and its RSA parameters NULL, else as it is."""
    if spki.startswith(_NORMAL):
        return spki  # as nearly all are
    try:
        algorithm, key = parse(spki).expect(SEQUENCE, "a public key").children()
        identifier, *parameters = algorithm.expect(SEQUENCE, "a public key's algorithm").children()
        if identifier.encoded == _RSA:
            if parameters:
                return spki  # NULL already, or nothing that RFC 3279 knows
            return encode(SEQUENCE, encode(SEQUENCE, _RSA, _NULL), key.encoded)
        if identifier.encoded == _EC and len(parameters) == 1:
            return _uncompressed(spki, algorithm, decode_oid(parameters[0]), key)
    except (ParseError, ValueError):
        pass  # not a shape that can be normalized
    return spki


def _uncompressed(spki: bytes, algorithm: Element, curve: str, key: Element) -> bytes:
    content = key.expect(BIT_STRING, "a public key's bits").content
    if curve not in _CURVES or len(content) < 2 or content[0]:
        return spki
    size = (_CURVES[curve].key_size + 7) // 8
    form = content[1]
    if form in {2, 3} and len(content) == 2 + size:
        point = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], content[1:]).public_numbers()
        coordinates = point.x.to_bytes(size) + point.y.to_bytes(size)
    elif form in {6, 7} and len(content) == 2 + 2 * size and content[-1] & 1 == form & 1:
        coordinates = content[2:]  # the hybrid form of X9.62: both coordinates, and the sign of y again
    else:
        return spki
    return encode(SEQUENCE, algorithm.encoded, encode(BIT_STRING, b"\x00\x04", coordinates))


def key_hash(spki: bytes) -> bytes:
    """SHA-256 of the normalized SubjectPublicKeyInfo."""
    return sha256(normalize_spki(spki)).digest()


@lru_cache(maxsize=1024)
def load_public_key(spki: bytes) -> PublicKeyTypes:
    """The key, loaded; remembered, because one issuer signs many certificates.

    Raises:
        ParseError: no public key, or of an algorithm or curve that `cryptography` does not know.
    """
    try:
        return load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm, CryptographyDeprecationWarning) as error:
        # A warning is an error only where the program says so, and then about a key that verifies nothing here.
        raise ParseError("the public key cannot be loaded") from error


def verify_signature(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> None:
    """Verify an X.509-style signature.

    Args:
        spki: DER of the signer's SubjectPublicKeyInfo.
        algorithm: DER of the AlgorithmIdentifier beside the signature.
        signature: the octets of the BIT STRING.
        message: what was signed.

    Raises:
        SignatureError: `check` is `signature-algorithm`, `signature-key` or `signature-invalid`.
    """
    evidence = {"spki": spki, "algorithm": algorithm, "signature": signature, "message": message}
    try:
        verify = _verifier(spki, algorithm)
    except ParseError as error:
        raise SignatureError(str(error), check="signature-key", evidence=evidence) from error
    except SignatureError as error:
        raise SignatureError(str(error), check=error.check, evidence=evidence) from error
    try:
        verify(signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(
            "the signature does not verify under the key", check="signature-invalid", evidence=evidence
        ) from error


@lru_cache(maxsize=1024)
def _verifier(spki: bytes, algorithm: bytes) -> _Verify:
    """What checks (signature, message) for this key and algorithm."""
    oid, parameters = _algorithm(algorithm)
    if oid in _WEAK:
        raise SignatureError(f"the signature uses {_WEAK[oid]}, which is broken", check="signature-algorithm")
    key = load_public_key(spki)
    if oid in _RSA_PKCS1 and parameters in {b"", _NULL}:  # RFC 4055 section 5: accept both
        if isinstance(key, rsa.RSAPublicKey):
            return partial(_verify_rsa, key, padding.PKCS1v15(), _RSA_PKCS1[oid]())
    elif oid == _RSA_PSS and parameters:
        if isinstance(key, rsa.RSAPublicKey):
            return partial(_verify_rsa, key, *_pss(parameters))
    elif oid in _ECDSA and not parameters:  # RFC 5758 section 3.2
        if isinstance(key, ec.EllipticCurvePublicKey):
            return partial(_verify_ecdsa, key, ec.ECDSA(_ECDSA[oid]()))
    elif oid == _ED25519 and not parameters:  # RFC 8410 section 3
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key.verify
    else:
        raise SignatureError(f"the signature algorithm {oid} is not accepted", check="signature-algorithm")
    raise SignatureError("the key is of another kind than the signature", check="signature-key")


def _verify_rsa(
    key: rsa.RSAPublicKey,
    scheme: padding.AsymmetricPadding,
    digest: hashes.HashAlgorithm,
    signature: bytes,
    message: bytes,
) -> None:
    key.verify(signature, message, scheme, digest)


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, scheme: ec.ECDSA, signature: bytes, message: bytes) -> None:
    key.verify(signature, message, scheme)


def _algorithm(der: bytes) -> tuple[str, bytes]:
    """The identifier and the DER of the parameters, empty where there are none."""
    try:
        identifier, *parameters = parse(der).expect(SEQUENCE, "a signature algorithm").children()
        oid = decode_oid(identifier)
    except (ParseError, ValueError) as error:
        raise SignatureError("the signature algorithm is malformed", check="signature-algorithm") from error
    if len(parameters) > 1:
        raise SignatureError("the signature algorithm is malformed", check="signature-algorithm")
    return oid, parameters[0].encoded if parameters else b""


def _pss(der: bytes) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    """RSASSA-PSS-params (RFC 4055 section 3.1); by default SHA-1, MGF1 with SHA-1 and a salt of 20."""
    digest: type[hashes.HashAlgorithm] = hashes.SHA1
    mask: type[hashes.HashAlgorithm] = hashes.SHA1
    salt = 20
    try:
        last = -1
        for field in parse(der).expect(SEQUENCE, "PSS parameters").children():
            number = field.tag - 0xA0
            (value,) = field.children()
            if not last < number <= 3:
                raise ParseError("PSS parameters are out of order", offset=field.start)
            last = number
            if number == 0:
                digest = _hash(value.encoded)
            elif number == 1:
                oid, parameters = _algorithm(value.encoded)
                if oid != _MGF1:
                    raise ParseError("PSS uses another mask than MGF1", offset=field.start)
                mask = _hash(parameters)
            elif number == 2:
                salt = decode_integer(value.expect(INTEGER, "the salt length"))
            elif decode_integer(value.expect(INTEGER, "the trailer field")) != 1:
                raise ParseError("PSS has another trailer than 1", offset=field.start)
        if not 0 <= salt <= 1024:
            raise ParseError("the PSS salt length cannot be")
    except (ParseError, ValueError, KeyError) as error:
        raise SignatureError("the PSS parameters are not accepted", check="signature-algorithm") from error
    return padding.PSS(padding.MGF1(mask()), salt), digest()


def _hash(der: bytes) -> type[hashes.HashAlgorithm]:
    oid, parameters = _algorithm(der)
    if parameters not in {b"", _NULL}:
        raise ParseError("a hash algorithm has parameters")
    return _HASHES[oid]
