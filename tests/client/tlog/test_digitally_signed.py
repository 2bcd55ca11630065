# SPDX-License-Identifier: Apache-2.0
"""The TLS signature element: its one form, its one algorithm, and its determinism."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.encoding.tls import Reader
from keystead.errors import ParseError, SignatureError
from keystead.tlog.digitally_signed import (
    encode_digitally_signed,
    load_p256_key,
    read_digitally_signed,
    sign_p256,
    verify_p256,
)

KEY = ec.derive_private_key(7, ec.SECP256R1())
SPKI = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(data: bytes) -> bytes:
    reader = Reader(data, "an example")
    signature = read_digitally_signed(reader)
    reader.finish()
    return signature


def test_form() -> None:
    """SHA-256 is 4, ECDSA is 3, and the signature stands behind two bytes of length."""
    assert encode_digitally_signed(b"abc") == b"\x04\x03\x00\x03abc"
    assert _read(b"\x04\x03\x00\x03abc") == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04",
        b"\x04\x03",
        b"\x04\x03\x00\x03ab",
        b"\x04\x03\x00\x00",
        b"\x04\x01\x00\x01a",
        b"\x02\x03\x00\x01a",
    ],
)
def test_other_forms(data: bytes) -> None:
    """Cut short, empty, RSA, or with another hash: refused."""
    with pytest.raises(ParseError):
        _read(data)


def test_signing_is_deterministic() -> None:
    """The same message gets the same signature, and another message another."""
    assert sign_p256(KEY, b"message") == sign_p256(KEY, b"message") != sign_p256(KEY, b"massage")
    verify_p256(SPKI, sign_p256(KEY, b"message"), b"message", "it")


def test_wrong_signatures_carry_the_evidence() -> None:
    """What does not verify is an error that holds key, signature and message; garbage is no other error."""
    for signature in (sign_p256(KEY, b"massage"), b"", b"\x30\x00", b"garbage"):
        with pytest.raises(SignatureError, match="it has a wrong signature") as caught:
            verify_p256(SPKI, signature, b"message", "it")
        assert caught.value.evidence == {"key": SPKI, "signature": signature, "message": b"message"}


def test_keys_that_logs_do_not_have() -> None:
    """Only P-256 is a log's key: not another curve, not Ed25519, not bytes that are no key."""
    public_format = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    p384 = ec.derive_private_key(7, ec.SECP384R1()).public_key().public_bytes(*public_format)
    edwards = (
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes(*public_format)
    )
    for spki in (p384, edwards, SPKI[:-1], SPKI + b"\x00", b""):
        with pytest.raises(ParseError):
            load_p256_key(spki)
