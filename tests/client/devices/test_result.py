# SPDX-License-Identifier: Apache-2.0
"""What was proven, as values and as the JSON that `identify` prints."""

import json

import pytest

from keystead.certificate.device_identifier import DeviceClass
from keystead.devices.result import Attestation, ChainElement, DeviceIdentity
from keystead.devices.verify import verify_evidence
from keystead.errors import ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import derive_key

VENDOR = TestVendor("test result", "ec-p256")
KEY = derive_key(b"test result", "attested")
DEVICE = VENDOR.yubikey(28_557_046, firmware=(5, 7, 4))
ATTESTATION = verify_evidence(DEVICE.attest(KEY.spki), VENDOR.anchors())


def test_an_identity_has_its_schemes_class_unless_another_is_proven() -> None:
    """`of` derives the class and the id."""
    unit = DeviceIdentity.of("yubico-piv-serial", "28557046")
    cloud = DeviceIdentity.of("marvell-adapter", "5.2G1804-ICM000678", DeviceClass.CLOUD)
    assert unit.class_ is DeviceClass.UNIT
    assert unit.device_id.hex().startswith("b9f9bff074df90b2")
    assert cloud.class_ is DeviceClass.CLOUD


@pytest.mark.parametrize("value", ["028557046", "28 557", "", "-1", "٣"])
def test_an_identity_has_its_schemes_spelling(value: str) -> None:
    """Another spelling would be another id for the same device."""
    with pytest.raises(ParseError):
        DeviceIdentity.of("yubico-piv-serial", value)


def test_equal_numbers_in_two_schemes_are_two_devices() -> None:
    """A YubiKey and a YubiHSM with one serial number have different ids."""
    ids = {
        DeviceIdentity.of(scheme, "13200460").device_id for scheme in ("yubico-piv-serial", "yubihsm-serial")
    }
    assert len(ids) == 2


def test_json_has_the_members_of_identify() -> None:
    """Every member that the interface names, and the values as JSON."""
    value = json.loads(json.dumps(ATTESTATION.to_json()))
    assert value["format"] == "yubikey-piv"
    assert value["identities"] == [
        {
            "scheme": "yubico-piv-serial",
            "value": "28557046",
            "class": "unit",
            "device_id": "b9f9bff074df90b2fde51c0ac1e7f5a860c38b84a6f29a52471a75ea9e63b178",
        }
    ]
    assert (value["vendor"], value["model"], value["serial"], value["firmware"]) == (
        "Yubico",
        "YubiKey 5",
        "28557046",
        "5.7.4",
    )
    assert value["assurance"] == "attested"
    assert value["key_sha256"] == ATTESTATION.key_hash.hex()
    assert value["properties"]["slot"] == "9a"
    assert value["anchors"] == [VENDOR.anchor("attestation-root").key_hash.hex()]
    assert value["cloud"] is False
    assert [step["role"] for step in value["chain"]] == [
        "attestation",
        "device",
        "intermediate",
        "intermediate",
        "anchor",
    ]
    assert value["chain"][0]["not_before"] == "2024-12-01T00:00:00Z"
    assert value["chain"][0]["not_after"] == "9999-12-31T23:59:59Z"
    assert value["chain"][-1]["sha256"] is None


def test_class_none_has_an_empty_list_of_identities() -> None:
    """No identities means class none."""
    nameless = verify_evidence(VENDOR.yubikey(None).attest(KEY.spki), VENDOR.anchors())
    value = nameless.to_json()
    assert value["identities"] == []
    assert value["serial"] is None


def test_the_proof_rests_on_every_key_above_the_attested_one() -> None:
    """Distrust of the anchor, an intermediate or the device's own key undoes it; the attested key is no part."""
    keys = {step.key_hash for step in ATTESTATION.chain[1:]}
    assert ATTESTATION.rests_on == keys
    assert VENDOR.anchor("attestation-root").key_hash in ATTESTATION.rests_on
    assert ATTESTATION.key_hash not in ATTESTATION.rests_on
    assert len(ATTESTATION.rests_on) == 4


def test_a_date_that_rfc_3339_cannot_write_is_left_out() -> None:
    """Dates are only shown; one that cannot be shown does no harm."""
    step = ChainElement("device", "CN=x", b"k" * 32, b"f" * 32, -(10**14), 10**14).to_json()
    assert step["not_before"] is None
    assert step["not_after"] is None


def test_an_attestation_is_a_value() -> None:
    """It can be compared, hashed, and not changed."""
    again = verify_evidence(DEVICE.attest(KEY.spki), VENDOR.anchors())
    assert again == ATTESTATION
    assert hash(again) == hash(ATTESTATION)
    with pytest.raises(AttributeError):
        Attestation.__setattr__(again, "serial", "1")
