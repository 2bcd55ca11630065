# SPDX-License-Identifier: Apache-2.0
"""Test keys are reproducible, and good keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keystead.certificate.public_key import verify_signature
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key, generate_rsa_key

KINDS = ["ec-p256", "ec-p384", "ec-p521", "ec-bp256", "ed25519", "rsa-2048"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_follows_from_seed_and_label(kind: str) -> None:
    """The same seed and label give the same key, another seed or label another."""
    key = derive_key(b"seed", "label", kind)
    derive_key.cache_clear()
    assert derive_key(b"seed", "label", kind).spki == key.spki
    assert derive_key(b"other", "label", kind).spki != key.spki
    assert derive_key(b"seed", "other", kind).spki != key.spki


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_verify_and_are_deterministic(kind: str) -> None:
    """What a key signs verifies under its algorithm, twice the same."""
    key = derive_key(b"seed", "label", kind)
    signature = key.sign(b"message")
    verify_signature(key.spki, key.algorithm, signature, b"message")
    assert key.sign(b"message") == signature


def test_keys_do_not_change_between_versions() -> None:
    """Vectors depend on these: the derivation is frozen."""
    assert derive_bytes(b"seed", "label", 8).hex() == "22dbe79e70e7190b"
    assert derive_key(b"seed", "label").spki[-8:].hex() == "e788b66990a5f23e"
    assert derive_key(b"seed", "label", "rsa-2048").sign(b"m")[:8].hex() == "2eeccddc222867d5"


def test_rsa_keys_are_whole() -> None:
    """A derived RSA key has the size that was asked for and passes the library's own validation."""
    key = derive_key(b"seed", "label", "rsa-2048").private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    numbers = key.private_numbers()
    assert numbers.private_key().public_key() == key.public_key()
    assert numbers.p > numbers.q


def test_a_key_by_chance_is_new_each_time() -> None:
    """Where chance will do, the library makes the key."""
    assert generate_rsa_key(2048).spki != generate_rsa_key(2048).spki


def test_any_private_key_can_sign_certificates() -> None:
    """A caller's own key states its algorithm by its kind and curve."""
    key = SigningKey(ec.generate_private_key(ec.SECP384R1()))
    verify_signature(key.spki, key.algorithm, key.sign(b"m"), b"m")
