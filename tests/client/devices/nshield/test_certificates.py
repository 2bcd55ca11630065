# SPDX-License-Identifier: Apache-2.0
"""The messages that a module signs about itself and about a key."""

from hypothesis import given

from keystead.devices.nshield.certificates import parse_key_generation, parse_module_state
from keystead.devices.nshield.ncore import KeyKind
from keystead.testvendor.nshield import TestNShieldMaker
from keystead.testvendor.nshield_messages import integer, word
from support.fuzzing import FUZZ, damaged, only_our_errors

DEVICE = TestNShieldMaker(b"test certificates").make("1234-5678-9ABC")
STATE = DEVICE.state()
GENERATED = {
    "rsa": word(2) + word(7) + word(2048) + integer(65537) + word(50),
    "ecdsa": word(47) + word(5),
    "ec": word(45) + word(4),
}


def test_the_module_state_is_read_whole() -> None:
    """Serial number, keys, world and module keys, KLF2 where it is repeated."""
    state = parse_module_state(STATE)
    assert state.esn == "1234-5678-9ABC"
    assert state.signing_key.values[-1] == DEVICE.kml.public
    assert state.security_officer == DEVICE.world.hknso
    assert DEVICE.world.hash_of("hkm") in state.module_keys
    assert state.module_key is not None
    assert state.module_key.spki == DEVICE.klf2.spki


def test_every_way_to_generate_a_key_is_read() -> None:
    """With a chosen exponent and number of tests, or on a curve."""
    for generation, kind, curve in (
        ("rsa", KeyKind.RSA, 0),
        ("ecdsa", KeyKind.ECDSA, 5),
        ("ec", KeyKind.EC, 4),
    ):
        message = word(2) + word(0) + GENERATED[generation] + DEVICE.acl("cardset") + bytes(range(20))
        read = parse_key_generation(message)
        assert (read.kind, read.curve, read.key_hash) == (kind, curve, bytes(range(20)))
        assert len(read.acl) == 2


@FUZZ
@given(damaged(STATE))
def test_damaged_module_states_raise_our_errors_only(data: bytes) -> None:
    """Whatever the message, a state or an error of ours."""
    only_our_errors(parse_module_state, data)


@FUZZ
@given(
    damaged(
        *(word(2) + word(0) + one + DEVICE.acl(recoverable=True) + bytes(20) for one in GENERATED.values())
    )
)
def test_damaged_key_generation_certificates_raise_our_errors_only(data: bytes) -> None:
    """Whatever the message, a key generation or an error of ours."""
    only_our_errors(parse_key_generation, data)
