# SPDX-License-Identifier: Apache-2.0
"""YubiHSM attestations from a test vendor: what is read from them, and that every defect is refused."""

import pytest

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.der import OCTET_STRING, encode
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.containers import certificate_bundle, certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import Refusal
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test yubihsm", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.yubihsm(20_000_001)
KEY = DEVICE.generate(3)


@pytest.mark.parametrize(("hierarchy", "length"), [("sub-ca", 2), ("attestation-root", 3)])
def test_both_hierarchies_verify(hierarchy: str, length: int) -> None:
    """The older path has a Sub-CA, the newer one Yubico's common intermediates."""
    device = VENDOR.yubihsm(13_200_460, firmware=(2, 1, 2), hierarchy=hierarchy)
    evidence = device.attest(KEY.spki, 0x7E57)
    attestation = verify_evidence(evidence, ANCHORS)
    assert len(evidence.chain) == length
    assert len(attestation.chain) == length + 2
    assert (attestation.vendor, attestation.model, attestation.firmware) == ("Yubico", "YubiHSM 2", "2.1.2")
    assert attestation.serial == "13200460"
    assert attestation.key == KEY.spki
    require_key(attestation, KEY.spki)


def test_identity_is_the_serial_number_whatever_the_object() -> None:
    """One device has one identity, of class unit, whatever object, label and domains the attestation is about."""
    for object_id in (1, 3, 0xFFFF):
        evidence = DEVICE.attest(DEVICE.generate(object_id).spki, object_id, label=f"key {object_id}")
        attestation = verify_evidence(evidence, ANCHORS)
        (identity,) = attestation.identities
        assert (identity.scheme, identity.value) == ("yubihsm-serial", "20000001")
        assert identity.class_ is DeviceClass.UNIT
        assert identity.device_id == device_id("yubihsm-serial", "20000001")
        assert attestation.properties["object_id"] == f"{object_id:#06x}"


def test_a_yubikey_with_the_same_serial_number_is_another_device() -> None:
    """Numbers of the two products overlap; schemes keep them apart."""
    yubikey = VENDOR.yubikey(20_000_001)
    ids = {
        verify_evidence(evidence, ANCHORS).identities[0].device_id
        for evidence in (yubikey.attest(KEY.spki), DEVICE.attest(KEY.spki))
    }
    assert len(ids) == 2


def test_what_the_device_states_about_itself_and_the_key() -> None:
    """Domains and capabilities by name, the label as it is, the series by its mark."""
    leaf = DEVICE.attestation(
        KEY.spki, label="\u202ekey", domains=0x8005, capabilities=1 << 7 | 1 << 34 | 1 << 63
    )
    attestation = verify_evidence(Evidence("yubihsm", leaf, DEVICE.chain(fips=True)), ANCHORS)
    assert attestation.model == "YubiHSM 2 FIPS"
    assert attestation.certification == "FIPS series"
    assert dict(attestation.properties) == {
        "object_id": "0x0003",
        "generated_on_device": True,
        "exportable": False,
        "domains": ["1", "3", "16"],
        "capabilities": ["sign-ecdsa", "sign-attestation-certificate", "bit 63"],
        "fips_series": True,
        "label": "\u202ekey",
    }


def test_certification_and_label_are_unknown_where_they_are_not_stated() -> None:
    """No mark, no claim; an object may have no label."""
    attestation = verify_evidence(DEVICE.attest(KEY.spki, label=None), ANCHORS)
    assert attestation.certification is None
    assert attestation.form_factor is None
    assert "label" not in attestation.properties


def test_the_vendors_advisory_is_said() -> None:
    """EC keys of firmware before 2.4.0 can be measured by someone who has the device; RSA keys cannot."""
    rsa = derive_key(b"attested", "rsa-2048", "rsa-2048").spki

    def unproven(firmware: tuple[int, int, int], key: bytes) -> str:
        device = VENDOR.yubihsm(1, firmware=firmware)
        return "\n".join(verify_evidence(device.attest(key), ANCHORS).unproven)

    assert "YSA-2024-03" in unproven((2, 3, 2), KEY.spki)
    assert "YSA-2024-03" not in unproven((2, 4, 0), KEY.spki)
    assert "YSA-2024-03" not in unproven((2, 3, 2), rsa)
    assert "any number of users" in unproven((2, 4, 0), rsa)


REFUSALS = VENDOR.refusals("yubihsm")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.name} ({len(one.evidence.chain)})")
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "device-mismatch",
        "extractable-key",
        "malformed-attestation",
        "malformed-extension",
        "malformed-key",
        "not-a-device-certificate",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "not-generated",
        "unknown-critical-extension",
        "wrong-signature",
    }


def test_a_pinned_device_key_is_not_enough() -> None:
    """The device certificate belongs into the chain: it says whose key that is."""
    anchors = AnchorSet([VendorAnchor("device", DEVICE.key.spki, frozenset({"yubihsm"}))])
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("yubihsm", DEVICE.attestation(KEY.spki)), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_an_anchor_of_yubikeys_alone_attests_no_yubihsm() -> None:
    """The same key, pinned for another format, proves nothing here."""
    assert_anchors_are_of_a_format(DEVICE.attest(KEY.spki), ANCHORS, "yubikey-piv")


def test_one_formats_evidence_is_none_of_the_other() -> None:
    """Both products' attestations have one root; each format refuses the other's."""
    newer = VENDOR.yubihsm(1, hierarchy="attestation-root").attest(KEY.spki)
    yubikey = VENDOR.yubikey(1, firmware=(5, 7, 4)).attest(KEY.spki)
    for evidence, name in ((newer, "yubikey-piv"), (yubikey, "yubihsm")):
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(Evidence(name, evidence.data, evidence.chain), ANCHORS)
        assert caught.value.check == "not-an-attestation"


@pytest.mark.parametrize("hierarchy", ["sub-ca", "attestation-root"])
def test_files_become_the_canonical_form(hierarchy: str) -> None:
    """PEM in any order with the root among it, DER files, PKCS#7 and requests lead to the same bytes."""
    device = VENDOR.yubihsm(7, hierarchy=hierarchy)
    key = device.generate(5)
    evidence = device.attest(key.spki, 5)
    root = device.maker.root_der(hierarchy)
    parts = [root, *evidence.chain[::-1], evidence.data]
    bundle = "".join(map(to_pem, parts)).encode()
    request = certification_request(
        b"\x30\x00", key, attributes=[("1.2.3.4", part) for part in (evidence.data, *evidence.chain)]
    )
    for files in (
        {"bundle.pem": bundle},
        {f"{number}.der": part for number, part in enumerate(parts)},
        {"bundle.p7b": certificate_bundle(parts)},
        {"request.csr": request},
    ):
        (piece,) = collect(files, ANCHORS).pieces
        assert piece.evidence == evidence
        assert identify(piece, ANCHORS).serial == "7"


def test_a_missing_sub_ca_is_asked_for() -> None:
    """Most people have the two certificates of their device; the sentence says where the third is."""
    files = {"attestation.der": DEVICE.attestation(KEY.spki), "device.der": DEVICE.device_der()}
    (piece,) = collect(files, ANCHORS).pieces
    where = r"https://developers\.yubico\.com/YubiHSM2/Concepts/[0-9A-F]{40}\.pem"
    with pytest.raises(EvidenceError, match=where) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "unknown-anchor"
    with pytest.raises(EvidenceError, match="opaque object 0"):
        verify_evidence(Evidence("yubihsm", DEVICE.attestation(KEY.spki)), ANCHORS)


def test_a_device_certificate_alone_is_no_evidence() -> None:
    """Nothing attests a key."""
    with pytest.raises(ParseError):
        collect({"device.der": DEVICE.device_der(), "raw": encode(OCTET_STRING, b"x")}, ANCHORS)
