# SPDX-License-Identifier: Apache-2.0
"""Test QASMs are shaped like a real one: claim by claim and certificate by certificate."""

from pathlib import Path

import pytest

from keystead.devices.qasm_message import parse_message
from keystead.encoding.der import parse
from keystead.testvendor import TestVendor
from keystead.testvendor.hss import HssSigningKey
from support.certificate_shape import shape, skeleton

VENDOR = TestVendor("test qasm shapes", "ec-p256")


@pytest.mark.samples
def test_messages_are_shaped_like_a_real_one(samples: Path) -> None:
    """The same claims, signers and certificates, but for keys, names of keys and the root's name."""
    folder = samples / "attestation" / "crypto4a-qasm" / "pkic-QSM000129"
    real = parse_message((folder / "attestation.der").read_bytes())
    device = VENDOR.qasm(129)
    made = parse_message(device.attest(device.generate().spki).data)
    assert skeleton(parse(made.signed)) == skeleton(parse(real.signed))
    assert made.module.text("1.1") == real.module.text("1.1")
    assert [block.algorithm for block in made.blocks] == [block.algorithm for block in real.blocks]
    for ours, theirs in zip(made.blocks, real.blocks, strict=True):
        assert shape(ours.certificate) == shape(theirs.certificate)
    issuer, root, *copies = made.certificates
    real_issuer, real_root, *real_copies = real.certificates
    assert (copies, real_copies) == ([issuer, root], [real_issuer, real_root])
    assert shape(issuer, issuer=False) == shape(real_issuer, issuer=False)
    assert shape(root, issuer=False, subject=False) == shape(real_root, issuer=False, subject=False)
    assert b"Keystead Test" in root


def test_modules_are_reproducible() -> None:
    """The same seed gives the same message in another vendor object; another seed, another."""
    one, same = (TestVendor("seed", "ec-p256").qasm(7) for _ in range(2))
    key = one.generate().spki
    assert one.attest(key) == same.attest(key)
    assert one.attest(key) != TestVendor("other seed", "ec-p256").qasm(7).attest(key)
    assert HssSigningKey(b"a").spki != HssSigningKey(b"b").spki


def test_modules_have_keys_of_their_own() -> None:
    """Each has its own classical attestation key, its own identifier and its own keys."""
    one, two = VENDOR.qasm(1), VENDOR.qasm(2)
    assert one.key.spki != two.key.spki
    assert one.uuid != two.uuid
    assert one.generate().spki != two.generate().spki
