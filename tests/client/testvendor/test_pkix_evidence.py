# SPDX-License-Identifier: Apache-2.0
"""Test Evidence is shaped like the draft's: element by element, claim by claim, certificate by certificate."""

from base64 import b64decode
from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.pkix_evidence_structure import parse_pkix_evidence
from keystead.devices.verify import verify_evidence
from keystead.encoding.der import parse
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.pkix_evidence import PLATFORM, TRANSACTION, element
from support.attestation_samples import der_of
from support.certificate_shape import shape, skeleton


@pytest.mark.samples
def test_elements_and_certificates_are_shaped_like_the_drafts(samples: Path) -> None:
    """The same but for keys, hashes, the root's name, and the order of two claims."""
    folder = samples / "attestation" / "ietf-pkix-evidence"
    device = TestVendor("shapes", "ec-p256").pkix_module(None)
    platform = device.platform_claims()
    claims = {
        name: platform[name] for name in ("vendor", "hwmodel", "hwversion", "fipsboot", "fipslevel", "uptime")
    }
    made = device.evidence(element(TRANSACTION, device.transaction_claims()), element(PLATFORM, claims))
    real = b64decode((folder / "evidence1.b64").read_bytes())
    assert skeleton(parse(parse_pkix_evidence(made.data).tbs)) == skeleton(
        parse(parse_pkix_evidence(real).tbs)
    )
    assert made.data.index(parse_pkix_evidence(made.data).tbs) == real.index(parse_pkix_evidence(real).tbs)
    assert shape(made.chain[0]) == shape(der_of(folder / "ak.crt"))
    assert shape(made.chain[1], issuer=False) == shape(der_of(folder / "int.crt"), issuer=False)
    root, real_root = device.maker.root_der, der_of(folder / "ca.crt")
    assert shape(root, issuer=False, subject=False) == shape(real_root, issuer=False, subject=False)
    assert b"Keystead Test" in root


def test_modules_are_reproducible() -> None:
    """The same seed gives the same evidence; another serial number, another module."""
    one, same = (TestVendor("seed", "ec-p256").pkix_module("7") for _ in range(2))
    key = one.generate().spki
    assert one.attest(key) == same.attest(key)
    assert one.generate().spki != TestVendor("seed", "ec-p256").pkix_module("8").generate().spki


def test_test_modules_prove_nothing_under_the_builtin_keys() -> None:
    """What a test vendor makes is refused by who pins real vendors."""
    device = TestVendor("seed", "ec-p256").pkix_module("7")
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(device.attest(device.generate().spki), BUILTIN_ANCHORS)
    assert caught.value.check == "unknown-anchor"
