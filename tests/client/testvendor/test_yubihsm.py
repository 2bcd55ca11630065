# SPDX-License-Identifier: Apache-2.0
"""Test YubiHSMs are shaped like real ones: field by field as in published attestations."""

from pathlib import Path

import pytest

from keystead.certificate.name import display
from keystead.certificate.x509 import certificates_from_pem, parse_certificate
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from support.attestation_samples import der_of, yubihsm_samples
from support.certificate_shape import shape

VENDOR = TestVendor("test yubihsm shapes")


@pytest.mark.samples
def test_attestations_are_shaped_like_real_ones(samples: Path) -> None:
    """For each published sample, a test device of the same kind makes an attestation of the same shape."""
    for sample in yubihsm_samples(samples):
        real = verify_evidence(sample.evidence)
        device = VENDOR.yubihsm(
            sample.expected["serial"],
            firmware=tuple(int(part) for part in str(real.firmware).split(".")),  # type: ignore[arg-type]
        )
        made = device.attest(
            real.key, int(str(real.properties["object_id"]), 16), label=str(real.properties["label"])
        )
        assert shape(made.data) == shape(sample.evidence.data), sample.file
        assert shape(made.chain[0]) == shape(sample.evidence.chain[0]), sample.file
        assert shape(made.chain[1], issuer=False) == shape(sample.evidence.chain[1], issuer=False)
        assert len(made.chain) == len(sample.evidence.chain)


@pytest.mark.samples
def test_issuers_and_root_are_shaped_like_the_real_ones(samples: Path) -> None:
    """The newer issuer's certificate and the older root, but for the roots' names."""
    folder = samples / "attestation" / "vendor-roots" / "yubico"
    published = {
        display(parse_certificate(der).subject): der
        for der in certificates_from_pem((folder / "yubico-intermediate.pem").read_bytes())
    }
    newer = VENDOR.yubihsm(1, hierarchy="attestation-root")
    assert shape(newer.chain()[1]) == shape(published["CN=YubiHSM Attestation B2 1"])
    root = newer.maker.root_der()
    real = der_of(folder / "yubihsm2-attest-ca-crt.pem")
    assert shape(root, issuer=False, subject=False) == shape(real, issuer=False, subject=False)
    assert b"Keystead Test" in root


def test_devices_are_reproducible_and_have_keys_of_their_own() -> None:
    """The same seed gives the same evidence; no two devices share an attestation key."""
    key = VENDOR.yubihsm(1).generate().spki
    assert VENDOR.yubihsm(1).attest(key) == TestVendor("test yubihsm shapes").yubihsm(1).attest(key)
    assert VENDOR.yubihsm(1).key.spki != VENDOR.yubihsm(2).key.spki


def test_test_devices_prove_nothing_under_the_builtin_keys() -> None:
    """What a test vendor makes is refused by everybody else."""
    device = VENDOR.yubihsm(1)
    with pytest.raises(EvidenceError):
        verify_evidence(device.attest(device.generate().spki))
