# SPDX-License-Identifier: Apache-2.0
"""Keys that sign statements."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.errors import ParseError, SignatureError
from keystead.statements.statement_key import keyid_of, load_statement_key, sign, spki_of, verify
from support.statements import ec_key, ed25519_key

KEYS = {
    "Ed25519": ed25519_key("k"),
    "P-256": ec_key("k", ec.SECP256R1()),
    "P-384": ec_key("k", ec.SECP384R1()),
}


def spki(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", KEYS)
def test_signature_verifies_and_is_deterministic(name: str) -> None:
    """The same message is signed alike twice, and only that message verifies."""
    key = KEYS[name]
    signature = sign(key, b"message")
    assert sign(key, b"message") == signature
    verify(spki_of(key), signature, b"message")
    with pytest.raises(SignatureError) as refused:
        verify(spki_of(key), signature, b"massage")
    assert refused.value.check == "bad-signature"
    assert refused.value.evidence["message"] == b"massage"


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\xff" * 64])
def test_nonsense_is_a_wrong_signature(name: str, signature: bytes) -> None:
    """Whatever the bytes, it is our error that comes out."""
    with pytest.raises(SignatureError):
        verify(spki_of(KEYS[name]), signature, b"message")


def test_signature_of_another_key_is_wrong() -> None:
    """A signature verifies under its own key only, also under one of another algorithm."""
    signature = sign(KEYS["P-256"], b"message")
    for key in (ec_key("other", ec.SECP256R1()), KEYS["P-384"], KEYS["Ed25519"]):
        with pytest.raises(SignatureError):
            verify(spki_of(key), signature, b"message")


def test_ecdsa_uses_the_hash_of_the_curve() -> None:
    """P-384 goes with SHA-384 and not with SHA-256."""
    from cryptography.hazmat.primitives.hashes import SHA256

    key = KEYS["P-384"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    with pytest.raises(SignatureError):
        verify(spki_of(key), key.sign(b"message", ec.ECDSA(SHA256())), b"message")


def compressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


def rsa_spki() -> bytes:
    key = rsa.RSAPublicNumbers(65537, (1 << 2047) + 1).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (compressed(ec_key("k", ec.SECP256R1())), "canonical"),
        (rsa_spki(), "not an Ed25519"),
        (spki(Ed448PrivateKey.from_private_bytes(bytes(57))), "not an Ed25519"),
        (spki(ec.derive_private_key(5, ec.SECP521R1())), "not an Ed25519"),
    ],
    ids=["compressed", "RSA", "Ed448", "P-521"],
)
def test_other_keys_are_refused(data: bytes, sentence: str) -> None:
    """Algorithms that are not listed, and a point in its second encoding, are no statement keys."""
    with pytest.raises(ParseError, match=sentence):
        load_statement_key(data)


def test_other_curves_are_refused_for_signing_too() -> None:
    """Nobody signs with what nobody accepts."""
    key = ec.derive_private_key(5, ec.SECP521R1())
    with pytest.raises(ParseError):
        sign(key, b"message")
    with pytest.raises(ParseError):
        spki_of(key)


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"\x00" * 44, spki(KEYS["Ed25519"]) + b"\x00"])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    """Truncated, padded or foreign bytes are a `ParseError`."""
    with pytest.raises(ParseError):
        load_statement_key(data)


def test_keyid_is_the_hash_of_the_key() -> None:
    """Lowercase hex of SHA-256."""
    from hashlib import sha256

    assert keyid_of(b"key") == sha256(b"key").hexdigest()
