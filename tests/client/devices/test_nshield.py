# SPDX-License-Identifier: Apache-2.0
"""nShield bundles from a test vendor: what is read from them, and that every defect is refused."""

import pytest

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.refusals import Refusal
from support.mutation import flip_bits
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test nshield", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.nshield("8938-1075-88BB")
KEY = DEVICE.generate(kind="ec-p256")


def test_a_bundle_names_the_module_and_its_world() -> None:
    """Two identities: an appliance by its serial number, a domain by the hash of its officers' key."""
    attestation = verify_evidence(DEVICE.attest(KEY.spki), ANCHORS)
    module, world = attestation.identities
    assert (module.scheme, module.value) == ("nshield-esn", "8938-1075-88BB")
    assert module.class_ is DeviceClass.APPLIANCE
    assert (world.scheme, world.value) == ("nshield-world", DEVICE.world.hknso.hex())
    assert world.class_ is DeviceClass.DOMAIN
    assert world.device_id == device_id("nshield-world", DEVICE.world.hknso.hex())
    assert attestation.serial == "8938-1075-88BB"
    assert attestation.vendor == "Entrust"
    assert attestation.key == KEY.spki
    require_key(attestation, KEY.spki)


def test_two_modules_of_one_world_share_its_identity() -> None:
    """What can be loaded in both is one domain; the modules stay two, and another world another."""
    twin, stranger = VENDOR.nshield("AAAA-AAAA-AAAA"), VENDOR.nshield("8938-1075-88BB", "another")
    first, second, third = (
        verify_evidence(one.attest(KEY.spki), ANCHORS).identities for one in (DEVICE, twin, stranger)
    )
    assert first[1] == second[1]
    assert first[0] != second[0]
    assert first[0] == third[0]
    assert first[1] != third[1]


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "ec-p384", "ec-p521"])
@pytest.mark.parametrize("protection", ["module", "softcard", "cardset"])
def test_keys_of_every_kind_and_protection_are_attested(kind: str, protection: str) -> None:
    """The key comes out as it is, and how it is kept is said."""
    key = DEVICE.generate(kind=kind)
    attestation = verify_evidence(DEVICE.attest(key.spki, protection=protection), ANCHORS)
    assert attestation.key == key.spki
    assert attestation.properties["protection"] == protection
    assert attestation.properties["generated_on_device"] is True
    assert attestation.properties["recoverable"] is False


def test_a_recoverable_key_is_called_one() -> None:
    """The officers can recover it and take it out: accepted, and said twice."""
    plain = verify_evidence(DEVICE.attest(KEY.spki), ANCHORS)
    recoverable = verify_evidence(DEVICE.attest(KEY.spki, recoverable=True), ANCHORS)
    assert recoverable.properties["recoverable"] is True
    assert recoverable.properties["officers_may_export"] is True
    assert recoverable.properties["exportable"] is False
    extra = set(recoverable.unproven) - set(plain.unproven)
    assert len(extra) == 2
    assert all("Administrator Card Set" in sentence for sentence in extra)


def test_a_field_upgrade_and_a_fips_world_are_said() -> None:
    """The kind of warrant and of world are properties; the older warrant is not proven."""
    device = VENDOR.nshield("8938-1075-88BB", fips=True, upgraded=True)
    attestation = verify_evidence(device.attest(KEY.spki), ANCHORS)
    assert attestation.properties["fips_world"] is True
    assert attestation.properties["warrant"] == "field upgrade"
    assert any("DSA" in sentence for sentence in attestation.unproven)
    assert attestation.certification == "FIPS 140-2 level 3"
    factory = verify_evidence(DEVICE.attest(KEY.spki), ANCHORS)
    assert factory.properties["warrant"] == "factory"
    assert factory.properties["fips_world"] is False


def test_what_is_not_stated_is_unknown() -> None:
    """A bundle says nothing about model, firmware or form."""
    attestation = verify_evidence(DEVICE.attest(KEY.spki), ANCHORS)
    assert (attestation.model, attestation.firmware, attestation.form_factor) == (None, None, None)


def test_the_proof_rests_on_every_key_between() -> None:
    """Distrusting the module's keys, the officers' or the delegate's takes the proof away."""
    attestation = verify_evidence(DEVICE.attest(KEY.spki), ANCHORS)
    roles = [element.role for element in attestation.chain]
    assert roles == ["attestation", "module", "device", "intermediate", "world", "anchor"]
    assert len(attestation.rests_on) == 5
    assert attestation.anchors[0] in attestation.rests_on


REFUSALS = VENDOR.refusals("nshield")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has."""
    assert {refusal.check for refusal in REFUSALS} == {
        "binding-mismatch",
        "device-mismatch",
        "extractable-key",
        "malformed-attestation",
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "signature-algorithm",
        "stray-certificate",
        "unknown-anchor",
        "unknown-format",
        "wrong-signature",
    }


def test_test_modules_prove_nothing_under_the_vendors_key() -> None:
    """And real anchors say so."""
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(DEVICE.attest(KEY.spki), BUILTIN_ANCHORS)
    assert caught.value.check == "unknown-anchor"


def test_an_odd_serial_number_is_no_identity() -> None:
    """What the scheme cannot spell is refused, not mended."""
    device = VENDOR.nshield("8938 1075")
    with pytest.raises(EvidenceError, match="serial number") as caught:
        verify_evidence(device.attest(KEY.spki), ANCHORS)
    assert caught.value.check == "malformed-attestation"


def test_bundles_are_found_among_files() -> None:
    """The file is the evidence, byte for byte; other JSON is left alone."""
    evidence = DEVICE.attest(KEY.spki)
    files = {"key_simple_1.att": evidence.data, "other.json": b'{"warrant": ""}'}
    collection = collect(files, ANCHORS)
    (piece,) = collection.pieces
    assert piece.evidence == evidence
    assert piece.files == ("key_simple_1.att",)
    assert [one.file for one in collection.unused] == ["other.json"]
    assert identify(piece, ANCHORS).serial == "8938-1075-88BB"


def test_a_bundle_beyond_the_limit_is_reported() -> None:
    """It is no evidence, and the reason says why."""
    long = b" " * 70_000 + DEVICE.attest(KEY.spki).data
    with pytest.raises(ParseError, match="more than 65536"):
        collect({"long.att": long}, ANCHORS)


def test_no_flipped_bit_gives_another_device_or_key() -> None:
    """Positions all over a bundle: refused, or the very same module, world and key."""
    evidence = DEVICE.attest(KEY.spki, protection="cardset", recoverable=True)
    assert isinstance(evidence, Evidence)
    accepted = flip_bits(evidence, 600, 5, ANCHORS)
    # Spaces between members are the only bytes that mean nothing.
    assert all(evidence.encode()[place] in b" \n" for place in accepted)
