# SPDX-License-Identifier: Apache-2.0
"""nCore's wire format, public keys and key hashes."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.public_key import load_public_key
from keystead.devices.nshield.curves import CURVES
from keystead.devices.nshield.ncore import (
    KeyKind,
    NCoreKey,
    WireReader,
    hash_key_material,
    parse_key,
    verify_wire_signature,
)
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor.dsa import derive_dsa_key
from keystead.testvendor.keys import derive_key
from keystead.testvendor.nshield_messages import (
    dsa_key_data,
    integer,
    key_data,
    sign_dsa,
    sign_ecdsa,
    text,
    wire_signature,
    word,
)
from support.fuzzing import FUZZ, damaged, only_our_errors

DSA = derive_dsa_key(b"test ncore", "key")
P521 = derive_key(b"test ncore", "key", "ec-p521")


@pytest.mark.parametrize(("number", "curve"), [(4, ec.SECP256R1()), (5, ec.SECP384R1()), (6, ec.SECP521R1())])
def test_curve_parameters_are_those_of_the_standard(number: int, curve: ec.EllipticCurve) -> None:
    """The generator is what another library has; it lies on the curve, and its order is the one written here."""
    ours = CURVES[number]
    generator = ec.derive_private_key(1, curve).public_key().public_numbers()
    x, y = ours.generator
    assert (generator.x, generator.y) == (x, y)
    assert (y * y - x**3 + 3 * x - ours.b) % ours.prime == 0
    opposite = ec.derive_private_key(ours.order - 1, curve).public_key().public_numbers()
    assert (opposite.x, opposite.y) == (x, ours.prime - y)
    assert ours.bits == curve.key_size == ours.prime.bit_length()


def test_the_vendors_example_of_a_key_hash() -> None:
    """The bytes that are hashed are those of the vendor's worked example: kind, prime curve, parameters, point."""
    x, y = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_numbers().x, 1
    curve = CURVES[4]

    def block(value: int) -> bytes:
        return value.to_bytes(64, "little")

    numbers = (curve.prime, curve.prime - 3, curve.b, *curve.generator, curve.order, 1, x, y)
    material = bytes(8) + b"\x00\x01\x00\x00" + b"".join(map(block, numbers))
    assert NCoreKey(KeyKind.EC, (x, y), 4).hash == hash_key_material("EC00", material)
    assert NCoreKey(KeyKind.ECDSA, (x, y), 4).hash != NCoreKey(KeyKind.EC, (x, y), 4).hash


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "ec-p384", "ec-p521"])
def test_keys_come_out_as_they_are_elsewhere(kind: str) -> None:
    """A key's SubjectPublicKeyInfo is that of the same key made by another library."""
    spki = derive_key(b"test ncore", kind, kind).spki
    assert parse_key(key_data(spki), "a key").spki == spki


def test_dsa_keys_are_loaded() -> None:
    """The SubjectPublicKeyInfo of a DSA key has its group as parameters (RFC 3279 section 2.3.2)."""
    key = load_public_key(parse_key(dsa_key_data(DSA), "a key").spki)
    assert key.public_numbers().y == DSA.public  # type: ignore[union-attr]


@pytest.mark.parametrize("made", [True, False])
def test_signatures_verify_under_their_key(made: bool) -> None:
    """DSA with SHA-256 and ECDSA with SHA-512, each refused for another message."""
    cases = [
        (parse_key(dsa_key_data(DSA), "a key"), sign_dsa(DSA, b"message")),
        (parse_key(key_data(P521.spki), "a key"), sign_ecdsa(P521, b"message")),
    ]
    for key, signature in cases:
        if made:
            verify_wire_signature(key, signature, b"message", "the signature")
            continue
        with pytest.raises(EvidenceError, match="the signature is wrong") as caught:
            verify_wire_signature(key, signature, b"massage", "the signature")
        assert caught.value.check == "wrong-signature"


def test_a_mechanism_belongs_to_a_kind_of_key() -> None:
    """A DSA key does not verify ECDSA, nor the other way round, nor either of them anything else."""
    dsa, ecdsa = parse_key(dsa_key_data(DSA), "a key"), parse_key(key_data(P521.spki), "a key")
    rsa = parse_key(key_data(derive_key(b"test ncore", "rsa-2048", "rsa-2048").spki), "a key")
    for key, mechanism in ((dsa, 187), (ecdsa, 170), (dsa, 69), (rsa, 170), (rsa, 187)):
        with pytest.raises(EvidenceError) as caught:
            verify_wire_signature(key, wire_signature(mechanism, 1, 1), b"", "the signature")
        assert caught.value.check == "signature-algorithm"


def test_zero_and_huge_signatures_are_wrong() -> None:
    """Whatever the integers, there is an answer."""
    key = parse_key(dsa_key_data(DSA), "a key")
    for r, s in ((0, 0), (1, 0), (2**4096, 1), (1, 2**16_000)):
        assert encode_dss_signature(r, s)
        with pytest.raises(EvidenceError, match="wrong"):
            verify_wire_signature(key, wire_signature(170, r, s), b"", "the signature")


def test_texts_end_with_a_nul() -> None:
    """The length counts it, and padding is zero."""
    for value in ("", "a", "abc", "8938-1075-88BB"):
        reader = WireReader(text(value), "a message")
        assert reader.text() == value
        reader.finish()
    for wrong in (
        word(0),
        word(2) + b"ab\0\0",
        word(2) + b"a\0\0\1",
        word(3) + b"a\0\0\0",
        word(2) + b"\x1b\0\0\0",
        word(300) + bytes(300),
    ):
        with pytest.raises(ParseError):
            WireReader(wrong, "a message").text()


def test_integers_are_whole_words() -> None:
    """A length that is no multiple of four, or beyond the largest key, is refused before anything is read."""
    assert WireReader(integer(2**40), "a message").integer() == 2**40
    assert WireReader(word(0), "a message").integer() == 0
    for wrong in (word(5) + bytes(8), word(2**31), word(8) + bytes(4)):
        with pytest.raises(ParseError):
            WireReader(wrong, "a message").integer()


@FUZZ
@given(damaged(key_data(P521.spki), dsa_key_data(DSA)), st.binary(max_size=80))
def test_damaged_keys_raise_our_errors_only(key: bytes, signature: bytes) -> None:
    """A key that parses can be hashed, encoded and asked to verify."""
    parsed = only_our_errors(lambda data: parse_key(data, "a key"), key)
    if parsed is not None:
        assert len(parsed.hash) == 20
        only_our_errors(lambda one: verify_wire_signature(parsed, one, b"", "it"), signature)
        only_our_errors(lambda one: verify_wire_signature(parsed, one, b"", "it"), wire_signature(170, 1, 1))
