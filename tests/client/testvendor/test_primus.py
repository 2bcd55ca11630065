# SPDX-License-Identifier: Apache-2.0
"""Test Primus HSMs are shaped like a real one: field by field as in a published statement."""

import re
from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.primus import split_statement
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import generate_rsa_key
from keystead.testvendor.primus import TestPrimusMaker
from support.attestation_samples import der_of
from support.certificate_shape import shape


@pytest.mark.samples
def test_statements_and_certificates_are_shaped_like_real_ones(samples: Path) -> None:
    """The same statement but for key and label, and the same certificates but for keys and the root's name."""
    folder = samples / "attestation" / "securosys-primus" / "gillstrom-18386101"
    device = TestPrimusMaker(b"test primus shapes", (4096, 3072)).make(18_386_101)
    evidence = device.attest(generate_rsa_key(4096).spki, "rsa_4096_sign")
    xml, signature = split_statement(evidence.data)
    real = (folder / "attestation.xml").read_bytes()

    def without_key(statement: bytes) -> bytes:
        return re.sub(rb"<public_key>[^<]*", b"", statement)

    assert without_key(xml) == without_key(real)
    assert len(xml) == len(real)
    assert len(signature) == len((folder / "attestation.sig").read_bytes())
    assert shape(evidence.chain[0]) == shape(der_of(folder / "chain0.pem"))
    assert shape(evidence.chain[1], issuer=False) == shape(der_of(folder / "chain1.pem"), issuer=False)
    root = der_of(samples / "attestation" / "vendor-roots" / "securosys" / "primus_hsm_rootkey.pem")
    made = device.maker.root_der()
    assert shape(made, issuer=False, subject=False) == shape(root, issuer=False, subject=False)
    assert b"Keystead Test" in made


def test_devices_are_reproducible() -> None:
    """The same seed gives the same evidence; another serial number, another device."""
    one = TestVendor("seed", "ec-p256").primus(7)
    same = TestVendor("seed", "ec-p256").primus(7)
    key = one.generate().spki
    assert one.attest(key) == same.attest(key)
    assert one.generate().spki != TestVendor("seed", "ec-p256").primus(8).generate().spki


def test_test_devices_prove_nothing_under_the_builtin_keys() -> None:
    """What a test vendor makes is refused by who pins the real vendor."""
    device = TestVendor("seed", "ec-p256").primus(7)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(device.attest(device.generate().spki), BUILTIN_ANCHORS)
    assert caught.value.check in {"unknown-anchor", "wrong-signature"}
