# SPDX-License-Identifier: Apache-2.0
"""Test YubiKeys are shaped like real ones: field by field as in published attestations."""

from pathlib import Path

import pytest

from keystead.certificate.name import display
from keystead.certificate.x509 import certificates_from_pem, parse_certificate
from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import derive_key
from support.attestation_samples import der_of, yubikey_samples
from support.certificate_shape import shape

VENDOR = TestVendor("test yubikey")


@pytest.mark.samples
def test_attestations_are_shaped_like_real_ones(samples: Path) -> None:
    """For each published sample, a test device of the same kind makes an attestation of the same shape."""
    compared = 0
    for sample in yubikey_samples(samples):
        if "mismatch" in sample.file:
            continue
        real = verify_evidence(sample.evidence)
        firmware = tuple(int(part) for part in str(real.firmware).split("."))
        form = sample.expected.get("form_raw")
        device = VENDOR.yubikey(
            sample.expected.get("serial"),
            firmware=firmware,  # type: ignore[arg-type]
            form_factor=None if form is None else int(form, 16) & 0x3F,
            fips=real.certification is not None,
        )
        made = device.attest(real.key, str(real.properties["slot"]))
        assert shape(made.data) == shape(sample.evidence.data), sample.file
        assert len(made.chain) == len(sample.evidence.chain)
        assert shape(made.chain[0], issuer=False) == shape(sample.evidence.chain[0], issuer=False)
        compared += 1
    assert compared == 23


@pytest.mark.samples
def test_the_newest_hierarchy_is_shaped_like_the_real_one(samples: Path) -> None:
    """The intermediates above f9 from firmware 5.7.4 on have the fields of the published ones."""
    pem = (samples / "attestation" / "vendor-roots" / "yubico" / "yubico-intermediate.pem").read_bytes()
    published = {display(parse_certificate(der).subject): der for der in certificates_from_pem(pem)}
    device = VENDOR.yubikey(1, firmware=(5, 7, 4))
    below, above = device.chain[1:]
    assert shape(below) == shape(published["CN=Yubico PIV Attestation B 1"])
    assert shape(above, issuer=False) == shape(
        published["CN=Yubico Attestation Intermediate B 1"], issuer=False
    )


@pytest.mark.samples
@pytest.mark.parametrize(
    ("hierarchy", "file"),
    [("piv", "yubico-piv-ca-1.pem"), ("u2f", "yubicoPIVCAPEMU2F.pem")],
)
def test_roots_are_shaped_like_the_real_ones(samples: Path, hierarchy: str, file: str) -> None:
    """But for their names, which say that they are test roots."""
    real = der_of(samples / "attestation" / "vendor-roots" / "yubico" / file)
    made = VENDOR.yubikey(1).maker.root_der(hierarchy)

    assert shape(made, issuer=False, subject=False) == shape(real, issuer=False, subject=False)
    assert b"Keystead Test" in made


def test_devices_are_reproducible() -> None:
    """The same seed gives the same evidence in another vendor object; another seed, other keys."""
    key = derive_key(b"test yubikey", "attested").spki
    one, same = (TestVendor("seed").yubikey(1).attest(key) for _ in range(2))
    assert one == same
    assert TestVendor("other seed", "ec-p256").yubikey(1).attest(key) != one
    assert TestVendor(None, "ec-p256").anchor().key != TestVendor(None, "ec-p256").anchor().key


def test_a_batch_shares_one_f9() -> None:
    """Devices of one batch have the same f9 certificate; of another batch, another key."""
    first, second, other = (VENDOR.yubikey(n, batch=b) for n, b in ((1, "1"), (2, "1"), (3, "2")))
    assert first.f9_der == second.f9_der
    assert first.f9_key.spki != other.f9_key.spki


def test_slots_hold_keys_of_their_own() -> None:
    """Each device and slot has its own key, the same each time."""
    keys = {VENDOR.yubikey(n).generate(slot).spki for n in (1, 2) for slot in ("9a", "9c")}
    assert len(keys) == 4
    assert VENDOR.yubikey(1).generate("9a") is VENDOR.yubikey(1).generate("9a")


def test_test_roots_are_no_builtin_anchors() -> None:
    """What a test vendor makes proves nothing under the keys that ship with the package."""
    assert all(BUILTIN_ANCHORS.by_key_hash(anchor.key_hash) is None for anchor in VENDOR.anchors())
    with pytest.raises(EvidenceError):
        verify_evidence(VENDOR.yubikey(1).attest(derive_key(b"x", "y").spki))
