# SPDX-License-Identifier: Apache-2.0
"""Requests by SmartCard-HSMs from a test vendor: what is read from them, and that every defect is refused."""

import pytest
from hypothesis import given

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet, VendorAnchor
from keystead.devices.card_certificate import parse_card_certificate, parse_card_request
from keystead.devices.card_curves import CURVES
from keystead.devices.card_tlv import encode_card, read_card_elements
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.refusals import Refusal
from keystead.testvendor.smartcard_hsm import card_key
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.mutation import flip_bits
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test smartcard-hsm", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.smartcard_hsm("XTTS0100001")
MAKER = DEVICE.maker
KEY = DEVICE.generate()
GOOD = DEVICE.attest(KEY)


def test_a_request_names_the_device_that_made_the_key() -> None:
    """A unit by its holder reference without the sequence number, which is what is printed on it."""
    attestation = verify_evidence(GOOD, ANCHORS)
    (identity,) = attestation.identities
    assert (identity.scheme, identity.value) == ("smartcard-hsm-id", "XTTS0100001")
    assert identity.class_ is DeviceClass.UNIT
    assert identity.device_id == device_id("smartcard-hsm-id", "XTTS0100001")
    assert (attestation.vendor, attestation.model) == ("CardContact", "SmartCard-HSM")
    assert (attestation.serial, attestation.firmware, attestation.certification) == (
        "XTTS0100001",
        None,
        None,
    )
    require_key(attestation, KEY.spki)
    assert [(element.role, element.name) for element in attestation.chain] == [
        ("attestation", "the request"),
        ("device", "CN=XTTS010000100000"),
        ("issuer", "CN=XTDITS0100001"),
        ("anchor", "XTSRCACC100001"),
    ]


def test_that_the_key_stays_is_not_claimed() -> None:
    """A device may have been set up to export its keys, and no request says so."""
    attestation = verify_evidence(GOOD, ANCHORS)
    assert dict(attestation.properties) == {
        "generated_on_device": True,
        "exportable": None,
        "key_holder": "XTTS010000100001",
        "requested_from": "XTCA00001",
        "device_issuer": "XTDITS0100001",
    }
    assert any("DKEK" in sentence for sentence in attestation.unproven)
    assert any("in this device alone" in sentence for sentence in attestation.unproven)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ec-p521", "ec-bp256", "rsa-2048"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """RSA, NIST curves and brainpool, each with its parameters written down."""
    key = DEVICE.generate("another", kind)
    assert verify_evidence(DEVICE.attest(key), ANCHORS).key == key.spki


def test_keys_may_be_on_the_hierarchys_curve_without_saying_so() -> None:
    """And a request need not say whom it is for; extensions mean nothing here."""
    key = DEVICE.generate("short", "ec-bp256")

    def change(body: bytes) -> bytes:
        (element,) = read_card_elements(body, "")
        whole, short = (card_key(key.spki, parameters=written) for written in (True, False))
        value = element.value.replace(whole, short).replace(encode_card(0x42, b"XTCA00001"), b"")
        return encode_card(0x7F4E, value, encode_card(0x65, b"anything"))

    attestation = verify_evidence(DEVICE.attest(key, change), ANCHORS)
    assert attestation.key == key.spki
    assert attestation.properties["requested_from"] is None


def test_a_pinned_issuer_is_an_end_of_the_path() -> None:
    """Who trusts one issuer of devices alone pins its key, and the chain ends below it."""
    anchors = AnchorSet([VendorAnchor("issuer", MAKER.key("issuer").spki, frozenset({"smartcard-hsm"}))])
    evidence = Evidence("smartcard-hsm", GOOD.data, GOOD.chain[:1])
    assert verify_evidence(evidence, anchors).serial == "XTTS0100001"


REFUSALS = VENDOR.refusals("smartcard-hsm")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "chain-includes-anchor",
        "chain-order",
        "device-mismatch",
        "malformed-attestation",
        "malformed-chain",
        "malformed-key",
        "not-a-device-certificate",
        "not-an-issuing-certificate",
        "stray-certificate",
        "unknown-anchor",
        "wrong-signature",
    }


def test_a_pinned_device_key_is_not_enough() -> None:
    """The device's certificate belongs into the chain: it has the device's name."""
    anchors = AnchorSet([VendorAnchor("device", DEVICE.key.spki, frozenset({"smartcard-hsm"}))])
    with pytest.raises(EvidenceError, match="without a device's certificate") as caught:
        verify_evidence(Evidence("smartcard-hsm", GOOD.data), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_an_anchor_of_another_format_attests_no_card() -> None:
    """The same key, pinned for another vendor's devices, proves nothing here."""
    assert_anchors_are_of_a_format(GOOD, ANCHORS, "yubihsm")


def test_no_flipped_bit_gives_another_device_or_key() -> None:
    """Every place of the encoding: none is accepted."""
    assert flip_bits(GOOD, None, 20260401, ANCHORS) == []


@FUZZ
@given(damaged(GOOD.data, DEVICE.attest(DEVICE.generate("fuzz", "rsa-2048")).data))
def test_damaged_requests_raise_our_errors_only(data: bytes) -> None:
    """Whatever the bytes."""
    only_our_errors(
        lambda one: verify_evidence(Evidence("smartcard-hsm", one, GOOD.chain), ANCHORS), data or b"x"
    )


@FUZZ
@given(damaged(*GOOD.chain, MAKER.root_der))
def test_damaged_certificates_raise_our_errors_only(data: bytes) -> None:
    """Whatever the bytes; elements that are read are read to the last byte."""
    only_our_errors(parse_card_certificate, data)
    elements = only_our_errors(lambda one: read_card_elements(one, "x"), data)
    assert elements is None or b"".join(element.encoded for element in elements) == data


def test_the_roots_own_certificate_has_the_pinned_key() -> None:
    """It writes the curve down where the pinned key names it."""
    root = parse_card_certificate(MAKER.root_der)
    assert root.spki == MAKER.key("root").spki
    assert (root.holder, root.authority, root.role) == ("XTSRCACC100001", "XTSRCACC100001", 0xC0)


def test_generators_are_on_their_curves() -> None:
    """A digit that is wrong in the table would be noticed here."""
    for curve in CURVES:
        p, a, b, x, y, order = (int.from_bytes(curve.number(place)) for place in range(6))
        assert (y * y - x**3 - a * x - b) % p == 0
        assert order.bit_length() == p.bit_length()


EF2F02 = b"".join(GOOD.chain)


@pytest.mark.parametrize(
    "files",
    [
        {"ce01.bin": GOOD.data, "ef2f02.bin": EF2F02},
        {"all.bin": GOOD.data + EF2F02 + MAKER.root_der},
        {"ef2f02.hex": EF2F02.hex().upper().encode() + b"\n", "ce01.hex": GOOD.data.hex().encode()},
        {"issuer": GOOD.chain[1], "device": GOOD.chain[0], "request": GOOD.data},
    ],
)
def test_files_of_the_card_make_evidence(files: dict[str, bytes]) -> None:
    """As they are read out, in one file or several, in bytes or hexadecimal digits, the root left out."""
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.evidence == GOOD
    assert piece.files == tuple(files)
    assert identify(piece, ANCHORS).serial == "XTTS0100001"


def test_cards_of_one_issuer_are_told_apart() -> None:
    """Requests and certificates of three devices, all in one folder."""
    devices = [VENDOR.smartcard_hsm(f"XTTS010000{number}") for number in range(3)]
    made = [device.attest(device.generate()) for device in devices]
    files = {f"{number}.bin": evidence.data for number, evidence in enumerate(made)}
    files |= {f"{number}.cvc": b"".join(evidence.chain) for number, evidence in enumerate(made)}
    assert {piece.evidence for piece in collect(files, ANCHORS).pieces} == set(made)


@pytest.mark.parametrize(
    ("files", "check"),
    [
        ({"ce01": GOOD.data}, "unknown-anchor"),
        ({"ce01": GOOD.data, "device": GOOD.chain[0]}, "unknown-anchor"),
        ({"ce01": GOOD.data, "other": VENDOR.smartcard_hsm("XTTS0100002").chain[0]}, "unknown-anchor"),
        ({"ce01": GOOD.data, "own": MAKER.issue(2, DEVICE.holder, "own", "X00000", "own")}, "unknown-anchor"),
    ],
)
def test_what_is_missing_is_said_by_verification(files: dict[str, bytes], check: str) -> None:
    """A piece is as complete as the files allow; what did not sign is no part of it."""
    (piece,) = collect(files, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GOOD.data[:-1], "holds no attestation evidence"),
        (b"\x67" * 70_000, "holds no attestation evidence"),
        (b"7z", "holds no attestation evidence"),
        (EF2F02, "holds no attestation evidence"),
        (encode_card(0x67, b""), "lacks"),
        (encode_card(0x7F21, b"\x53\x00"), "lacks"),
    ],
)
def test_other_files_are_no_evidence(data: bytes, reason: str) -> None:
    """What begins like a file of the card and is none is named."""
    with pytest.raises(ParseError, match=reason):
        collect({"file": data}, ANCHORS)


def test_test_cards_prove_nothing_under_the_builtin_keys() -> None:
    """What a test vendor makes is refused by who pins the real vendor; and the same seed makes the same card."""
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(GOOD, BUILTIN_ANCHORS)
    assert caught.value.check == "unknown-anchor"
    again = TestVendor("test smartcard-hsm", "ec-p256").smartcard_hsm("XTTS0100001")
    assert again.attest(again.generate()) == GOOD
    assert parse_card_request(GOOD.data).spki == KEY.spki
