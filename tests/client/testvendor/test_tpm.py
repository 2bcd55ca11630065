# SPDX-License-Identifier: Apache-2.0
"""Test TPMs are shaped like real ones: structure by structure and certificate by certificate."""

from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.tpm2_structures import parse_public
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import generate_rsa_key
from keystead.testvendor.tpm import TestTpmMaker
from support.certificate_shape import shape


@pytest.mark.samples
def test_structures_and_certificates_are_shaped_like_real_ones(samples: Path) -> None:
    """The same but for keys, hashes, clocks and names of authorities."""
    folder = samples / "attestation" / "tpm2" / "webauthn" / "py_webauthn_test_verify_attestation_dell_xps_13"
    maker = TestTpmMaker(b"test tpm shapes")
    device = maker.make(1, digest="sha1")
    key = generate_rsa_key(2048)
    public, real_public = device.public(key.spki), (folder / "pubArea.bin").read_bytes()
    assert public[:-256] == real_public[:-256]
    assert parse_public(public).attributes == parse_public(real_public).attributes
    attest, real_attest = device.certification(public), (folder / "certInfo.bin").read_bytes()
    assert len(attest) == len(real_attest)
    for start, end in ((0, 10), (42, 44), (89, 93), (125, 129)):  # all but hashes, clocks and versions
        assert attest[start:end] == real_attest[start:end]
    assert device.sign(attest)[:6] == b"\x00\x14\x00\x04\x01\x00"
    assert shape(device.key_der, issuer=False) == shape((folder / "x5c0.der").read_bytes(), issuer=False)
    real_issuer = (folder / "x5c1.der").read_bytes()
    assert shape(maker.issuer_der, issuer=False, subject=False) == shape(
        real_issuer, issuer=False, subject=False
    )


def test_tpms_are_reproducible() -> None:
    """The same seed gives the same evidence; another number, another TPM."""
    one, same = (TestVendor("seed", "ec-p256").tpm(7) for _ in range(2))
    key = one.generate().spki
    assert one.attest(key) == same.attest(key)
    assert one.generate().spki != TestVendor("seed", "ec-p256").tpm(8).generate().spki


def test_test_tpms_prove_nothing_under_the_builtin_keys() -> None:
    """What a test vendor makes is refused by who pins real vendors."""
    device = TestVendor("seed", "ec-p256").tpm(7)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(device.attest(device.generate().spki), BUILTIN_ANCHORS)
    assert caught.value.check == "unknown-anchor"
