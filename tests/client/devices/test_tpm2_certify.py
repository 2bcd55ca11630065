# SPDX-License-Identifier: Apache-2.0
"""Certifications by TPMs from a test vendor: what is read from them, and that every defect is refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given

from keystead.certificate.public_key import load_public_key
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence
from keystead.devices.tpm2_structures import parse_attest, parse_public, sized, split_statement
from keystead.devices.verify import require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.refusals import Refusal
from keystead.testvendor.tpm import ATTRIBUTES, attestation_name
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.mutation import flip_bits
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test tpm", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.tpm(1)
KEY = DEVICE.generate()
GOOD = DEVICE.attest(KEY.spki)


def test_a_key_is_proven_to_be_in_a_tpm_and_no_tpm_is_named() -> None:
    """Class none: nothing that a third party can check ties the attestation key to one TPM."""
    attestation = verify_evidence(GOOD, ANCHORS)
    assert (attestation.identities, attestation.serial, attestation.firmware) == ((), None, None)
    assert (attestation.vendor, attestation.model) == ("Nuvoton", "NPCT6xx")
    assert (attestation.form_factor, attestation.certification) == (None, None)
    require_key(attestation, KEY.spki)
    assert [(element.role, element.name) for element in attestation.chain[:2]] == [
        ("attestation", "the TPM's attestation"),
        ("attestation key", "no name"),
    ]
    assert any("which TPM" in sentence for sentence in attestation.unproven)
    assert any("only who chose it knows" in sentence for sentence in attestation.unproven)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ec-p521", "rsa-2048"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """RSA and the NIST curves."""
    key = DEVICE.generate("another", kind)
    assert verify_evidence(DEVICE.attest(key.spki), ANCHORS).key == key.spki


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_attestation_keys_of_every_kind_sign(kind: str, digest: str) -> None:
    """Whatever the key and hash, the result says which; SHA-1 is called a weakness."""
    device = VENDOR.tpm(2, key=kind, digest=digest)
    attestation = verify_evidence(device.attest(KEY.spki), ANCHORS)
    assert attestation.properties["signature_hash"] == digest
    assert any("SHA-1" in sentence for sentence in attestation.unproven) == (digest == "sha1")


def test_public_areas_are_named_by_their_own_hash() -> None:
    """A key that is named by SHA-384 is found by that name."""
    public = DEVICE.public(KEY.spki, name_hash="sha384")
    attest = DEVICE.certification(public, name_hash="sha384")
    assert verify_evidence(DEVICE.evidence(attest, public), ANCHORS).key == KEY.spki


def test_what_a_key_may_do_and_what_was_signed_along() -> None:
    """Attributes by name, and the challenge, of which an empty one is none."""
    attestation = verify_evidence(DEVICE.attest(KEY.spki, ATTRIBUTES | 0x10000, b""), ANCHORS)
    assert dict(attestation.properties) == {
        "generated_on_device": True,
        "exportable": False,
        "permissions": ["restricted", "decrypt", "sign"],
        "qualifying_data": "",
        "signature_hash": "sha256",
        "tpm_version": "id:13",
    }
    assert any("no challenge" in sentence for sentence in attestation.unproven)


def test_what_a_public_area_says_of_schemes_is_read_over() -> None:
    """A storage key with a symmetric algorithm, a signing key with a scheme and a hash, one with ECDAA."""
    public = DEVICE.public(KEY.spki)
    for parameters in (
        "000600800043 0010 0003 0010",
        "0010 0018000b 0003 0010",
        "0010 001a000b0001 0003 0020000b",
    ):
        assert parse_public(public[:42] + bytes.fromhex(parameters) + public[50:]).spki == KEY.spki
    rsa = DEVICE.generate("rsa", "rsa-2048").spki
    usual = bytes.fromhex("0010 0010 0800 00000000")
    for parameters, exponent in (("0010 0014000b 0800 00000000", 65537), ("0010 0015 0800 00000003", 3)):
        key = load_public_key(parse_public(DEVICE.public(rsa).replace(usual, bytes.fromhex(parameters))).spki)
        assert isinstance(key, RSAPublicKey)
        assert key.public_numbers().e == exponent


@pytest.mark.parametrize(
    ("manufacturer", "vendor"),
    [
        ("494E5443", "Intel"),
        ("49465800", "Infineon"),
        ("53544D20", "STMicroelectronics"),
        ("414D4400", "AMD"),
        ("58595A20", "XYZ"),
        ("zz", "unknown"),
        ("3C623E00", "unknown"),
        ("FFFFFFFF", "unknown"),
    ],
)
def test_manufacturers_are_told_by_the_registry(manufacturer: str, vendor: str) -> None:
    """Those that it does not list by their letters, and whatever is no letters not at all."""
    maker = DEVICE.maker
    extensions = maker.attestation_extensions(DEVICE.key.spki, attestation_name(manufacturer))
    chain = (maker.certify(DEVICE.key.spki, *extensions), maker.issuer_der)
    assert verify_evidence(Evidence("tpm2-certify", GOOD.data, chain), ANCHORS).vendor == vendor


def test_an_attestation_keys_certificate_may_say_nothing_of_its_tpm() -> None:
    """Then nobody knows who made it; a malformed name says as little."""
    usage, constraints, _, purpose, *_ = DEVICE.maker.attestation_extensions(DEVICE.key.spki)
    malformed = attestation_name().replace(b"\xa4\x3c", b"\xa4\x3b")
    for extensions in ([usage, constraints, purpose], [usage, constraints, purpose, malformed]):
        chain = (DEVICE.maker.certify(DEVICE.key.spki, *extensions), DEVICE.maker.issuer_der)
        attestation = verify_evidence(Evidence("tpm2-certify", GOOD.data, chain), ANCHORS)
        assert (attestation.vendor, attestation.model) == ("unknown", None)


REFUSALS = VENDOR.refusals("tpm2-certify")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "binding-mismatch",
        "extractable-key",
        "malformed-attestation",
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-issuing-certificate",
        "not-generated",
        "signature-algorithm",
        "unknown-critical-extension",
        "wrong-signature",
    }


def test_a_pinned_attestation_key_is_not_enough() -> None:
    """Its certificate belongs into the chain: it says that the key is one, and whose TPM it is in."""
    anchors = AnchorSet([VendorAnchor("key", DEVICE.key.spki, frozenset({"tpm2-certify"}))])
    with pytest.raises(EvidenceError, match="without a certificate") as caught:
        verify_evidence(Evidence("tpm2-certify", GOOD.data), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_an_anchor_of_another_format_attests_no_tpm() -> None:
    """The same key, pinned for another vendor's devices, proves nothing here."""
    assert_anchors_are_of_a_format(GOOD, ANCHORS, "yubihsm")


def test_no_flipped_bit_gives_another_key() -> None:
    """Every place of the encoding: none is accepted."""
    assert flip_bits(GOOD, None, 20260201, ANCHORS) == []


ATTEST, _, PUBLIC = split_statement(GOOD.data)


@FUZZ
@given(damaged(GOOD.data, DEVICE.attest(DEVICE.generate("x", "rsa-2048").spki).data))
def test_damaged_statements_raise_our_errors_only(data: bytes) -> None:
    """Whatever the bytes."""
    only_our_errors(
        lambda one: verify_evidence(Evidence("tpm2-certify", one, GOOD.chain), ANCHORS), data or b"x"
    )


@FUZZ
@given(damaged(ATTEST.signed, PUBLIC.marshalled, sized(ATTEST.signed)))
def test_damaged_structures_raise_our_errors_only(data: bytes) -> None:
    """What is accepted is read back byte for byte."""
    for parse in (parse_attest, parse_public):
        try:
            parsed = parse(data)
        except ParseError:
            continue
        assert data in {getattr(parsed, "signed", None), getattr(parsed, "marshalled", None)}
