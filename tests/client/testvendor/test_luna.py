# SPDX-License-Identifier: Apache-2.0
"""Test Luna modules are shaped like real ones: field by field as in the published confirmation."""

from pathlib import Path

import pytest

from keystead.certificate.x509 import extended_key_usages, parse_certificate
from keystead.devices.evidence import Evidence
from keystead.devices.verify import verify_evidence
from keystead.encoding.der import parse
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from support.attestation_samples import der_of, luna_sample
from support.certificate_shape import shape

VENDOR = TestVendor("test luna shapes")


@pytest.mark.samples
def test_confirmations_are_shaped_like_the_real_one(samples: Path) -> None:
    """The module's four certificates, but for the object's name and the test root's."""
    real = luna_sample(samples)
    attestation = verify_evidence(real)
    made = VENDOR.luna(521_174).attest(attestation.key)
    assert shape(made.data, subject=False) == shape(real.data, subject=False)
    for place, (ours, theirs) in enumerate(zip(made.chain, real.chain, strict=True)):
        issuer = place < 2
        assert shape(ours, issuer=issuer) == shape(theirs, issuer=issuer), place


@pytest.mark.samples
@pytest.mark.parametrize(
    ("path", "file"),
    [("chrysalis-its", "luna-rsa-root-certificate.pem"), ("ecc", "luna-ecc-root-certificate.pem")],
)
def test_roots_have_the_purposes_of_the_real_ones(samples: Path, path: str, file: str) -> None:
    """Purpose and, for EC, the way to write the algorithm are the same; names say that they are test roots."""
    real = parse_certificate(der_of(samples / "attestation" / "vendor-roots" / "thales" / file))
    made = parse_certificate(VENDOR.luna(1, path=path).maker.root_der(path))
    assert extended_key_usages(made) == extended_key_usages(real)
    assert b"Keystead Test" in made.subject
    if path == "ecc":
        assert made.signature_algorithm == real.signature_algorithm


def test_the_encoders_liberties_are_there() -> None:
    """No strict parser reads a confirmation, and numbers of its EC signatures are negative by the letter."""
    module = VENDOR.luna(1, path="ecc")
    negative = 0
    for number in range(8):
        leaf = module.confirmation(module.generate(number).spki)
        with pytest.raises(ParseError, match="critical"):
            parse_certificate(leaf)
        numbers = parse(parse(leaf).children()[2].content[1:]).children()
        negative += sum(one.content[0] >= 0x80 for one in numbers)
        verify_evidence(Evidence("luna-pkc", leaf, module.chain), VENDOR.anchors("luna-pkc"))
    assert 2 < negative < 14


def test_modules_are_reproducible_and_have_keys_of_their_own() -> None:
    """The same seed gives the same evidence; no two modules share a key."""
    vendor = TestVendor("test luna", "ec-p256")
    key = vendor.luna(1).generate().spki
    assert vendor.luna(1).attest(key) == TestVendor("test luna", "ec-p256").luna(1).attest(key)
    assert vendor.luna(1).device_key.spki != vendor.luna(2).device_key.spki
    with pytest.raises(EvidenceError):
        verify_evidence(vendor.luna(1).attest(key))
