# SPDX-License-Identifier: Apache-2.0
"""HSS/LMS signatures: made by small trees, verified, and refused after any change."""

import random

import pytest
from hypothesis import given

from keystead.devices.hss import HSS_ALGORITHM, MAX_LEVELS, parse_hss_key, verify_hss
from keystead.encoding.der import BIT_STRING, OCTET_STRING, SEQUENCE, encode
from keystead.encoding.tls import uint32
from keystead.errors import ParseError, SignatureError
from keystead.testvendor.hss import HssSigningKey
from keystead.testvendor.keys import derive_key
from support.fuzzing import FUZZ, damaged, only_our_errors

KEY = HssSigningKey(b"test hss")
SIGNATURE = KEY.sign(b"message")


def spki_of(key: bytes) -> bytes:
    """The SubjectPublicKeyInfo that holds `key`."""
    return encode(SEQUENCE, HSS_ALGORITHM, encode(BIT_STRING, b"\0", encode(OCTET_STRING, key)))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_signatures_of_every_number_of_levels_verify(levels: int) -> None:
    """Many messages, and with them many leaves of the lowest tree."""
    key = HssSigningKey(b"levels", levels)
    assert parse_hss_key(key.spki).levels == levels
    for number in range(20):
        message = b"message %d" % number
        verify_hss(key.spki, key.sign(message), message)


def test_another_message_or_key_does_not_verify() -> None:
    """The signature is of one message by one key."""
    verify_hss(KEY.spki, SIGNATURE, b"message")
    for spki, message in ((KEY.spki, b"massage"), (HssSigningKey(b"another").spki, b"message")):
        with pytest.raises(SignatureError, match="root"):
            verify_hss(spki, SIGNATURE, message)


def test_every_changed_octet_is_noticed() -> None:
    """All parts of a signature count: indices, types, randomizers, chains, paths, inner keys."""
    chance = random.Random(8554)
    for position in chance.sample(range(len(SIGNATURE)), 400):
        changed = bytearray(SIGNATURE)
        changed[position] ^= 1 << chance.randrange(8)
        with pytest.raises(SignatureError):
            verify_hss(KEY.spki, bytes(changed), b"message")


def test_a_signature_is_exactly_as_long_as_it_says() -> None:
    """Nothing is missing at its end and nothing follows it."""
    for changed in (SIGNATURE[:-1], SIGNATURE + b"\0", b"", SIGNATURE[:100]):
        with pytest.raises(SignatureError):
            verify_hss(KEY.spki, changed, b"message")


def test_the_number_of_levels_is_the_keys() -> None:
    """A signature of fewer levels, good in itself, is none of this key."""
    one = HssSigningKey(KEY.seed, 1)
    verify_hss(one.spki, one.sign(b"message"), b"message")
    with pytest.raises(SignatureError, match="levels"):
        verify_hss(KEY.spki, one.sign(b"message"), b"message")


def test_keys_of_another_form_are_refused() -> None:
    """Other algorithms, no OCTET STRING, no level or too many, parameters that are not known."""
    root = parse_hss_key(KEY.spki).root
    for wrong in (
        derive_key(b"test hss", "ec").spki,
        encode(SEQUENCE, HSS_ALGORITHM, encode(BIT_STRING, b"\0", uint32(2), root)),
        encode(SEQUENCE, HSS_ALGORITHM, encode(BIT_STRING, b"")),
        encode(SEQUENCE, HSS_ALGORITHM),
        spki_of(uint32(0) + root),
        spki_of(uint32(MAX_LEVELS + 1) + root),
    ):
        with pytest.raises(ParseError):
            parse_hss_key(wrong)
        with pytest.raises(SignatureError):
            verify_hss(wrong, SIGNATURE, b"message")
    for tree in (uint32(4) + root[4:], root[:4] + uint32(5) + root[8:], root[:-1], root + b"\0"):
        with pytest.raises(SignatureError):
            verify_hss(spki_of(uint32(2) + tree), SIGNATURE, b"message")


@FUZZ
@given(damaged(KEY.spki), damaged(SIGNATURE))
def test_damaged_signatures_raise_our_errors_only(spki: bytes, signature: bytes) -> None:
    """Whatever the octets, an answer or an error of ours."""
    only_our_errors(lambda one: verify_hss(one, SIGNATURE, b"message"), spki)
    only_our_errors(lambda one: verify_hss(KEY.spki, one, b"message"), signature)
