# SPDX-License-Identifier: Apache-2.0
"""Luna confirmations from a test vendor: what is read from them, and that every defect is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.certificate.public_key import verify_signature
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.luna import verify_luna_signature
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.der import BIT_STRING, INTEGER, SEQUENCE, encode, parse
from keystead.errors import EvidenceError, SignatureError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.containers import certificate_bundle, certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.luna import PATHS
from keystead.testvendor.refusals import Refusal
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test luna", "ec-p256")
ANCHORS = VENDOR.anchors()
MODULE = VENDOR.luna(521_174)
KEY = MODULE.generate()


@pytest.mark.parametrize(
    ("path", "name", "length", "model", "firmware"),
    [
        ("chrysalis-its", "Chrysalis-ITS", 3, "Luna K7", "7.84"),
        ("tc-trustcenter", "TC-TrustCenter", 2, None, "7.84"),
        ("ecc", "ECC", 1, None, None),
    ],
)
def test_each_path_verifies(
    path: str, name: str, length: int, model: str | None, firmware: str | None
) -> None:
    """What a path does not state is unknown: the ECC path neither model nor firmware."""
    module = VENDOR.luna(521_174, path=path)
    evidence = module.attest(KEY.spki)
    attestation = verify_evidence(evidence, ANCHORS)
    assert len(evidence.chain) == length
    assert len(attestation.chain) == length + 2
    assert attestation.properties["confirmation"] == name
    assert attestation.properties["object_id"] == str(attestation.chain[0].name).split(",")[0][3:]
    assert (attestation.vendor, attestation.model, attestation.firmware) == ("Thales", model, firmware)
    assert (attestation.form_factor, attestation.certification) == (None, None)
    assert not attestation.cloud
    require_key(attestation, KEY.spki)


def test_identity_is_the_module_whatever_path_and_key() -> None:
    """All confirmations of one module name one device, of class appliance."""
    for path in PATHS:
        module = VENDOR.luna(521_174, path=path)
        for number in (1, 2):
            attestation = verify_evidence(module.attest(module.generate(number).spki), ANCHORS)
            (identity,) = attestation.identities
            assert (identity.scheme, identity.value) == ("luna-serial", "521174")
            assert identity.class_ is DeviceClass.APPLIANCE
            assert identity.device_id == device_id("luna-serial", "521174")


@pytest.mark.parametrize("serial", [1, 255, 256, 65_536, 2**31, 2**32 - 1])
def test_serial_numbers_are_little_endian(serial: int) -> None:
    """The four raw bytes are read as the number that they are."""
    for path in PATHS:
        module = VENDOR.luna(serial, firmware=(10, 300), path=path)
        attestation = verify_evidence(module.attest(KEY.spki), ANCHORS)
        assert attestation.serial == str(serial)
        assert attestation.firmware in {"10.300", None}


def test_what_it_cannot_prove_is_said() -> None:
    """A confirmation has no attribute list: approved mode, partition and owner are open."""
    unproven = "\n".join(verify_evidence(MODULE.attest(KEY.spki), ANCHORS).unproven)
    for words in ("FIPS mode", "partition", "cloud service", "no challenge", "holds the key"):
        assert words in unproven


REFUSALS = VENDOR.refusals("luna-pkc")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.name} ({len(one.evidence.chain)})")
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "device-mismatch",
        "malformed-attestation",
        "malformed-extension",
        "malformed-key",
        "not-a-device-certificate",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "unknown-critical-extension",
    }


def test_a_pinned_intermediate_shortens_the_chain() -> None:
    """An operator may pin the hardware origin's key, but a confirmation never stands alone below a key."""
    name, key = VENDOR.luna(1, path="tc-trustcenter").signer
    anchors = AnchorSet([VendorAnchor("Hardware Origin", MODULE.origin_key.spki, frozenset({"luna-pkc"}))])
    leaf = MODULE.confirmation(KEY.spki)
    attestation = verify_evidence(Evidence("luna-pkc", leaf, MODULE.chain[:1]), anchors)
    assert attestation.properties["confirmation"] == "Chrysalis-ITS"
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("luna-pkc", leaf, MODULE.chain), anchors)
    assert caught.value.check == "chain-includes-anchor"
    assert name != MODULE.signer[0]
    assert key.spki != MODULE.signer[1].spki


def test_an_anchor_of_another_vendor_attests_no_luna() -> None:
    """The same keys, pinned for other formats, prove nothing here."""
    other = AnchorSet(VendorAnchor(one.name, one.key, frozenset({"marvell"})) for one in ANCHORS)
    for path in PATHS:
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(VENDOR.luna(1, path=path).attest(KEY.spki), other)
        assert caught.value.check == "anchor-format"


@pytest.mark.parametrize("path", PATHS)
def test_files_become_the_canonical_form(path: str) -> None:
    """The PKCS#7 that `cmu getpkc` writes, with the root at its end; PEM in any order; a request beside it."""
    module = VENDOR.luna(7, path=path)
    key = module.generate()
    evidence = module.attest(key.spki)
    parts = [evidence.data, *evidence.chain, module.maker.root_der(path)]
    request = certification_request(b"\x30\x00", key)
    for files in (
        {"key.p7b": certificate_bundle(parts), "key.csr": request},
        {"key.pem": to_pem(certificate_bundle(parts), "PKCS7").encode()},
        {"key.pem": "".join(map(to_pem, parts[::-1])).encode()},
        {f"{number}.der": part for number, part in enumerate(parts)},
    ):
        (piece,) = collect(files, ANCHORS).pieces
        assert piece.evidence == evidence
        assert identify(piece, ANCHORS).serial == "7"


def test_certificates_that_are_missing_are_asked_for() -> None:
    """The sentence says to give the whole confirmation."""
    (piece,) = collect({"leaf.der": MODULE.confirmation(KEY.spki)}, ANCHORS).pieces
    with pytest.raises(EvidenceError, match="cmu getpkc") as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "unknown-anchor"


EC_KEY = derive_key(b"test luna", "signer", "ec-p384")


@FUZZ
@given(st.binary(max_size=40))
def test_signatures_without_sign_octets_verify(message: bytes) -> None:
    """Whatever the numbers of the signature, taking their sign octets away changes nothing."""
    signature = EC_KEY.sign(message)
    bare = encode(
        SEQUENCE, *(encode(INTEGER, one.content.lstrip(b"\0")) for one in parse(signature).children())
    )
    with_null = encode(SEQUENCE, parse(EC_KEY.algorithm).content, b"\x05\x00")
    for spelling in (signature, bare):
        for algorithm in (EC_KEY.algorithm, with_null):
            verify_luna_signature(EC_KEY.spki, algorithm, spelling, message)
    with pytest.raises(SignatureError):
        verify_luna_signature(EC_KEY.spki, EC_KEY.algorithm, bare, message + b"x")


GOOD_SIGNATURE = EC_KEY.sign(b"message")


@FUZZ
@given(damaged(GOOD_SIGNATURE))
def test_damaged_signatures_do_not_verify(signature: bytes) -> None:
    """No edit of a signature verifies but one that spells the same numbers."""
    accepted = only_our_errors(
        lambda one: verify_luna_signature(EC_KEY.spki, EC_KEY.algorithm, one, b"message") or "verified",
        signature,
    )
    if accepted is not None:
        numbers = [int.from_bytes(one.content) for one in parse(signature).children()]
        assert numbers == [int.from_bytes(one.content) for one in parse(GOOD_SIGNATURE).children()]


def test_rsa_signatures_are_verified_in_the_usual_way() -> None:
    """The liberty is for ECDSA alone."""
    key = derive_key(b"test luna", "rsa", "rsa-2048")
    verify_luna_signature(key.spki, key.algorithm, key.sign(b"message"), b"message")
    verify_signature(key.spki, key.algorithm, key.sign(b"message"), b"message")
    with pytest.raises(SignatureError):
        verify_luna_signature(key.spki, key.algorithm, encode(BIT_STRING, b"\0"), b"message")
