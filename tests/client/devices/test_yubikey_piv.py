# SPDX-License-Identifier: Apache-2.0
"""YubiKey attestations from a test vendor: what is read from them, and that every defect is refused."""

import pytest

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import Refusal
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test yubikey piv")
ANCHORS = VENDOR.anchors()
KEY = derive_key(b"test yubikey piv", "attested")


@pytest.mark.parametrize(
    ("firmware", "hierarchy", "length"),
    [
        ((4, 3, 7), "u2f", 1),
        ((4, 4, 5), "piv", 1),
        ((5, 4, 3), "piv", 1),
        ((5, 7, 1), "piv", 1),
        ((5, 7, 4), "attestation-root", 3),
    ],
)
def test_each_hierarchy_verifies(firmware: tuple[int, int, int], hierarchy: str, length: int) -> None:
    """Attestations of all three shapes lead to their root, and state serial number and firmware."""
    device = VENDOR.yubikey(20_000_001, firmware=firmware)
    evidence = device.attest(KEY.spki, "9c")
    attestation = verify_evidence(evidence, ANCHORS)
    assert len(evidence.chain) == length
    assert attestation.anchors == (VENDOR.anchor(hierarchy).key_hash,)
    assert attestation.serial == "20000001"
    assert attestation.firmware == ".".join(str(part) for part in firmware)
    assert attestation.model == f"YubiKey {firmware[0]}"
    assert attestation.key == KEY.spki
    assert len(attestation.chain) == length + 2


def test_identity_is_the_serial_number_alone() -> None:
    """Scheme, value, class and id of a YubiKey, whatever slot and key the attestation is about."""
    device = VENDOR.yubikey(28_557_046)
    for slot in ("9a", "9c", "9d", "9e", "82", "8a", "95"):
        attestation = verify_evidence(device.attest(device.generate(slot).spki, slot), ANCHORS)
        (identity,) = attestation.identities
        assert (identity.scheme, identity.value) == ("yubico-piv-serial", "28557046")
        assert identity.class_ is DeviceClass.UNIT
        assert identity.device_id == device_id("yubico-piv-serial", "28557046")
        assert attestation.properties["slot"] == slot


def test_devices_of_one_batch_are_two_devices() -> None:
    """Two YubiKeys that share an f9 key and certificate have different identities."""
    one, two = VENDOR.yubikey(20_000_001, batch="7"), VENDOR.yubikey(20_000_002, batch="7")
    first, second = one.attest(KEY.spki), two.attest(KEY.spki)
    assert first.chain == second.chain
    ids = {verify_evidence(evidence, ANCHORS).identities[0].device_id for evidence in (first, second)}
    assert len(ids) == 2


def test_without_a_serial_number_there_is_no_identity() -> None:
    """The hardware is proven and no device is named: class none, whatever the firmware."""
    for firmware in ((4, 3, 7), (5, 4, 3)):
        device = VENDOR.yubikey(None, firmware=firmware, form_factor=None)
        attestation = verify_evidence(device.attest(KEY.spki), ANCHORS)
        assert attestation.identities == ()
        assert attestation.serial is None
        assert attestation.form_factor is None
        assert attestation.key == KEY.spki


@pytest.mark.parametrize("serial", [1, 127, 128, 32_768, 8_388_607, 8_388_608, 2**31, 2**32 - 1])
def test_serial_numbers_of_every_length_are_read(serial: int) -> None:
    """The DER INTEGER is read as the number that it is."""
    assert verify_evidence(VENDOR.yubikey(serial).attest(KEY.spki), ANCHORS).serial == str(serial)


def test_what_the_device_states_about_itself_and_the_key() -> None:
    """Form factor, policies and series come from the attestation and the f9 certificate."""
    device = VENDOR.yubikey(1, form_factor=5, fips=True)
    attestation = verify_evidence(
        device.attest(KEY.spki, pin_policy="match-always", touch_policy="cached"), ANCHORS
    )
    assert attestation.vendor == "Yubico"
    assert attestation.model == "YubiKey 5 FIPS"
    assert attestation.form_factor == "USB-C and Lightning"
    assert attestation.certification == "FIPS series"
    assert dict(attestation.properties) == {
        "slot": "9a",
        "generated_on_device": True,
        "exportable": False,
        "pin_policy": "match-always",
        "touch_policy": "cached",
        "fips_series": True,
        "cspn_series": False,
        "security_key_series": False,
    }


def test_certification_is_unknown_where_it_is_not_stated() -> None:
    """No mark, no claim: firmware says nothing about certification."""
    attestation = verify_evidence(VENDOR.yubikey(1).attest(KEY.spki), ANCHORS)
    assert attestation.certification is None
    assert attestation.properties["fips_series"] is False


def test_the_fips_mark_of_f9_alone_names_the_series() -> None:
    """YubiKey 4 FIPS states it in the f9 certificate only: its attestations have no form factor."""
    device = VENDOR.yubikey(1, firmware=(4, 4, 5), form_factor=None, fips=True)
    assert verify_evidence(device.attest(KEY.spki), ANCHORS).certification == "FIPS series"


def test_unknown_policies_are_shown_as_unknown() -> None:
    """A policy of a later firmware is no reason to refuse a genuine attestation."""
    device = VENDOR.yubikey(1)
    changed = {"1.3.6.1.4.1.41482.3.8": b"\x09\x00", "1.3.6.1.4.1.41482.3.9": b"\x2a"}
    evidence = Evidence("yubikey-piv", device.attestation(KEY.spki, changed=changed), device.chain)
    attestation = verify_evidence(evidence, ANCHORS)
    assert attestation.properties["pin_policy"] == "unknown (0x09)"
    assert attestation.properties["touch_policy"] == "unknown (0x00)"
    assert attestation.form_factor == "unknown (0x2a)"


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ed25519", "rsa-2048"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """The attested key is taken as it is and compared in its normalized form."""
    key = derive_key(b"attested", kind, kind)
    attestation = verify_evidence(VENDOR.yubikey(1).attest(key.spki), ANCHORS)
    assert attestation.key == key.spki
    require_key(attestation, key.spki)


def test_vendor_advisories_are_said() -> None:
    """What the vendor itself says that its older firmware cannot promise is listed as unproven."""
    rsa = derive_key(b"attested", "rsa-2048", "rsa-2048").spki

    def unproven(firmware: tuple[int, int, int], key: bytes) -> str:
        return "\n".join(verify_evidence(VENDOR.yubikey(1, firmware=firmware).attest(key), ANCHORS).unproven)

    assert "YSA-2017-01" in unproven((4, 3, 4), rsa)
    assert "YSA-2017-01" not in unproven((4, 3, 5), rsa)
    assert "YSA-2017-01" not in unproven((4, 3, 4), KEY.spki)
    assert "YSA-2024-03" in unproven((5, 6, 9), KEY.spki)
    assert "YSA-2024-03" not in unproven((5, 7, 0), KEY.spki)
    assert "YSA-2024-03" not in unproven((5, 6, 9), rsa)
    assert "no challenge" in unproven((5, 7, 0), KEY.spki)


REFUSALS = VENDOR.refusals("yubikey-piv")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.name} ({len(one.evidence.chain)})")
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has."""
    assert {refusal.check for refusal in REFUSALS} == {
        "chain-includes-anchor",
        "chain-order",
        "chain-repeats",
        "chain-too-long",
        "malformed-attestation",
        "malformed-chain",
        "malformed-extension",
        "malformed-key",
        "missing-link",
        "not-a-device-certificate",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "signature-algorithm",
        "stray-certificate",
        "unknown-anchor",
        "unknown-critical-extension",
        "unknown-format",
        "wrong-signature",
    }


def test_a_pinned_f9_issuer_shortens_the_chain() -> None:
    """An operator may pin an intermediate; the chain then ends below it."""
    device = VENDOR.yubikey(1, firmware=(5, 7, 4))
    issuer = device.maker.key("Yubico PIV Attestation B 1")
    anchors = AnchorSet([VendorAnchor("B 1", issuer.spki, frozenset({"yubikey-piv"}))])
    leaf = device.attestation(KEY.spki)
    assert verify_evidence(Evidence("yubikey-piv", leaf, device.chain[:1]), anchors).serial == "1"
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("yubikey-piv", leaf, device.chain), anchors)
    assert caught.value.check == "chain-includes-anchor"


def test_a_pinned_f9_key_is_not_enough() -> None:
    """f9 belongs into the chain: without its certificate nothing says that Yubico made it."""
    device = VENDOR.yubikey(1)
    anchors = AnchorSet([VendorAnchor("f9", device.f9_key.spki, frozenset({"yubikey-piv"}))])
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("yubikey-piv", device.attestation(KEY.spki)), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_an_anchor_of_another_vendor_does_not_attest_a_yubikey() -> None:
    """The same key, pinned for another format, proves nothing here."""
    other = AnchorSet(
        VendorAnchor(anchor.name, anchor.key, frozenset({"yubihsm"})) for anchor in VENDOR.anchors()
    )
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(VENDOR.yubikey(1).attest(KEY.spki), other)
    assert caught.value.check == "anchor-format"


def test_another_vendors_test_roots_are_unknown() -> None:
    """Test devices verify under their own vendor's roots only, and never under the built-in ones."""
    evidence = VENDOR.yubikey(1).attest(KEY.spki)
    for anchors in (TestVendor("somebody else", "ec-p256").anchors(), None):
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(evidence) if anchors is None else verify_evidence(evidence, anchors)
        assert caught.value.check in {"unknown-anchor", "wrong-signature"}
