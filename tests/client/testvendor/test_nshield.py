# SPDX-License-Identifier: Apache-2.0
"""Test nShield modules are shaped like a real one: member by member as in a published bundle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keystead.devices.nshield.acl import MakeArchiveBlob, MakeBlob, OpPermissions
from keystead.devices.nshield.bundle import parse_bundle
from keystead.devices.nshield.certificates import parse_key_generation
from keystead.devices.nshield.warrant import Symbol, decode_ddds
from keystead.testvendor import TestVendor
from keystead.testvendor.dsa import P, Q, derive_dsa_key
from keystead.testvendor.keys import derive_key

VENDOR = TestVendor("test nshield", "ec-p256")


def shape(value: Any) -> Any:
    """What two warrants have in common: kinds, symbols, order, lengths; numbers and octets are anything."""
    match value:
        case Mapping():
            return [(name, _opened(name, member)) for name, member in value.items()]
        case list():
            return [shape(one) for one in value]
        case Symbol():
            return value
        case int() if value < 32:
            return value
        case str() | bytes():
            return (type(value), len(value))
    return type(value)


def _opened(name: str, member: Any) -> Any:
    return shape(decode_ddds(member, name)) if name == "Payload" else shape(member)


def acl_shape(message: bytes) -> Any:
    """Groups and actions, hashes as anything."""
    described = []
    for group in parse_key_generation(message).acl:
        actions: list[Any] = []
        for action in group.actions:
            match action:
                case OpPermissions(bits):
                    actions.append(bits)
                case MakeBlob(flags, key, token):
                    actions.append((flags, key is None, token))
                case MakeArchiveBlob(key):
                    actions.append(key is None)
        described.append((actions, len(group.certifiers)))
    return described


@pytest.mark.samples
def test_bundles_are_shaped_like_a_real_one(samples: Path) -> None:
    """The same members in the same order, of the same length, with the same warrant and access control list."""
    real = (samples / "attestation" / "entrust-nshield" / "key_simple_test1.att").read_bytes()
    device = VENDOR.nshield("8938-1075-88BB", upgraded=True)
    made = device.attest(device.generate(kind="rsa-2048").spki, recoverable=True).data
    assert list(json.loads(made)) == list(json.loads(real))
    assert made.split(b'"')[0] == real.split(b'"')[0]
    ours, theirs = parse_bundle(made), parse_bundle(real)
    # A coordinate in a warrant is one octet shorter for one key in 256; its shape is compared below.
    lengths = [
        {name: len(part) for name, part in one.parts.items() if name != "warrant"} for one in (ours, theirs)
    ]
    assert lengths[0] == lengths[1]
    assert ours.suite == theirs.suite
    assert shape(decode_ddds(ours.parts["warrant"], "ours")) == shape(
        decode_ddds(theirs.parts["warrant"], "theirs")
    )
    assert acl_shape(ours.parts["kcmsg"]) == acl_shape(theirs.parts["kcmsg"])
    # All but the generation flags, hashes and the key are the same bytes.
    assert ours.parts["kcmsg"][:8] == theirs.parts["kcmsg"][:8]
    assert ours.parts["modstatemsg"][:36] == theirs.parts["modstatemsg"][:36]


def test_modules_are_reproducible() -> None:
    """The same seed gives the same bundle in another vendor object; another seed, another."""
    key = derive_key(b"test nshield", "attested").spki
    one, same = (TestVendor("seed", "ec-p256").nshield("1-2").attest(key) for _ in range(2))
    assert one == same
    assert TestVendor("other seed", "ec-p256").nshield("1-2").attest(key) != one


def test_worlds_share_their_keys_and_modules_do_not() -> None:
    """The officers' key is the world's, KML and KLF2 the module's."""
    first, second = VENDOR.nshield("1-1"), VENDOR.nshield("2-2")
    assert first.world.hknso == second.world.hknso
    assert first.kml != second.kml
    assert first.klf2.spki != second.klf2.spki
    assert first.generate("a", "ec-p256").spki != second.generate("a", "ec-p256").spki


def test_the_group_of_dsa_keys_is_one() -> None:
    """The subgroup has the order that is written there, and keys differ."""
    key, other = derive_dsa_key(b"seed", "a"), derive_dsa_key(b"seed", "b")
    assert (P.bit_length(), Q.bit_length()) == (3072, 256)
    assert (P - 1) % Q == 0
    assert pow(key.group[2], Q, P) == 1 != key.group[2]
    assert key.public != other.public
    assert key.sign(b"x") == key.sign(b"x") != key.sign(b"y")
