# SPDX-License-Identifier: Apache-2.0
"""QASM messages from a test vendor: what is read from them, and that every defect is refused."""

import pytest
from hypothesis import given

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.qasm_message import parse_message
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.der import encode
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.qasm import claim, message
from keystead.testvendor.refusals import Refusal
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.mutation import flip_bits
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test qasm", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.qasm(129)
KEY = DEVICE.generate()
GOOD = DEVICE.attest(KEY.spki)
BARE = DEVICE.attest(KEY.spki, attached=[], chain=(DEVICE.maker.issuer_der,))


def test_a_message_names_the_module() -> None:
    """An appliance by the serial number that it claims; the key is the one in the claims."""
    attestation = verify_evidence(GOOD, ANCHORS)
    (identity,) = attestation.identities
    assert (identity.scheme, identity.value) == ("crypto4a-serial", "QSM000129")
    assert identity.class_ is DeviceClass.APPLIANCE
    assert identity.device_id == device_id("crypto4a-serial", "QSM000129")
    assert (attestation.vendor, attestation.model, attestation.firmware) == ("Crypto4A", "QASM", "4.0.2.493")
    require_key(attestation, KEY.spki)


def test_both_signatures_have_their_paths() -> None:
    """One anchor for each path; every key of both is part of what the proof rests on."""
    attestation = verify_evidence(GOOD, ANCHORS)
    assert len(attestation.anchors) == 2
    assert [element.role for element in attestation.chain] == [
        "attestation",
        *("device", "intermediate", "anchor") * 2,
    ]
    assert len(attestation.rests_on) == 4  # two attestation keys, one issuer, one root
    classical = verify_evidence(DEVICE.attest(KEY.spki, hss=False), ANCHORS)
    assert len(classical.anchors) == 1
    assert classical.identities == attestation.identities


def test_what_is_not_attached_is_beside_the_message() -> None:
    """The chain holds the rest of the path, for both signatures."""
    attestation = verify_evidence(BARE, ANCHORS)
    assert len(BARE.chain) == 1
    assert attestation.serial == "QSM000129"
    assert len(attestation.chain) == 7


def test_what_the_module_claims() -> None:
    """Identifiers, time, production and capabilities; FIPS only where it is claimed."""
    attestation = verify_evidence(GOOD, ANCHORS)
    assert attestation.certification is None
    assert attestation.properties["module"] == str(DEVICE.uuid)
    assert attestation.properties["attested"] == "2024-06-12T14:33:07Z"
    assert attestation.properties["certified_production"] is True
    assert attestation.properties["attestation_keys_unique"] is True
    assert attestation.properties["permissions"] == ["sign"]
    fips = verify_evidence(DEVICE.attest(KEY.spki, fips=True), ANCHORS)
    assert fips.certification == "FIPS mode"


def test_what_is_not_claimed_is_unproven_or_unknown() -> None:
    """Without a serial number class none; without claims of production and unique keys, two sentences more."""
    claims = DEVICE.key_claims(KEY.spki)
    data = message(list(claims.values()), DEVICE.signers(), [DEVICE.maker.issuer_der])
    attestation = verify_evidence(Evidence("qasm", data), ANCHORS)
    assert attestation.identities == ()
    assert (attestation.serial, attestation.firmware) == (None, None)
    assert attestation.properties["certified_production"] is False
    assert len(attestation.unproven) == len(verify_evidence(GOOD, ANCHORS).unproven) + 2
    assert "module" not in attestation.properties


def test_claims_that_are_not_known_take_nothing_away() -> None:
    """A claim is only ever a truth more."""
    claims = [
        *DEVICE.module_claims().values(),
        *DEVICE.key_claims(KEY.spki).values(),
        claim("7.1", encode(0x81, b"new")),
    ]
    evidence = Evidence("qasm", message(claims, DEVICE.signers(), [DEVICE.maker.issuer_der]))
    assert verify_evidence(evidence, ANCHORS).serial == "QSM000129"


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ed25519", "rsa-2048"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """Whatever key the claims hold."""
    key = DEVICE.generate("another", kind)
    assert verify_evidence(DEVICE.attest(key.spki), ANCHORS).key == key.spki


REFUSALS = VENDOR.refusals("qasm")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has."""
    assert {refusal.check for refusal in REFUSALS} == {
        "chain-includes-anchor",
        "chain-repeats",
        "chain-too-long",
        "extractable-key",
        "malformed-attestation",
        "malformed-chain",
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "not-generated",
        "signature-algorithm",
        "stray-certificate",
        "unknown-anchor",
        "unknown-critical-extension",
        "unknown-format",
        "wrong-signature",
    }


def test_an_anchor_of_another_format_attests_no_qasm() -> None:
    """The same key, pinned for another vendor's devices, proves nothing here."""
    assert_anchors_are_of_a_format(
        DEVICE.attest(KEY.spki, attached=[DEVICE.maker.issuer_der]), ANCHORS, "yubihsm"
    )


@pytest.mark.parametrize("label", [None, "ATTESTATION MESSAGE"])
def test_messages_are_found_among_files(label: str | None) -> None:
    """In DER, or in PEM under the vendor's own label."""
    data = GOOD.data if label is None else to_pem(GOOD.data, label).encode()
    (piece,) = collect({"attestation": data}, ANCHORS).pieces
    assert piece.evidence == GOOD
    assert identify(piece, ANCHORS).serial == "QSM000129"


def test_what_is_not_attached_is_found_among_files() -> None:
    """The issuer's certificate beside the message; the root is left out."""
    files = {
        "m.der": BARE.data,
        "issuer.pem": to_pem(DEVICE.maker.issuer_der).encode(),
        "root.der": DEVICE.maker.root_der,
    }
    collection = collect(files, ANCHORS)
    (piece,) = collection.pieces
    assert piece.evidence == BARE
    assert piece.files == ("m.der", "issuer.pem")
    (alone,) = collect({"m.der": BARE.data}, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(alone, ANCHORS)
    assert caught.value.check == "unknown-anchor"


def test_a_message_that_cannot_be_read_is_reported() -> None:
    """It is no piece, and the reason says what is wrong with it."""
    with pytest.raises(ParseError, match=r"m\.der: .*0 signatures|past its container"):
        collect({"m.der": GOOD.data[:-1]}, ANCHORS)


def test_no_flipped_bit_gives_another_device_or_key() -> None:
    """Positions all over a message: refused, but for the names of signers' keys and attached root copies."""
    evidence = DEVICE.attest(KEY.spki, attached=[DEVICE.maker.issuer_der])
    encoded = evidence.encode()
    blocks = parse_message(evidence.data).blocks
    harmless = set()
    for block in blocks:
        start = encoded.index(block.certificate)
        harmless |= set(range(start - 30, start))  # the identifier of the signer's key, which names nothing
    assert set(flip_bits(evidence, 1200, 7, ANCHORS)) <= harmless


@FUZZ
@given(damaged(DEVICE.attest(KEY.spki, hss=False).data))
def test_damaged_messages_raise_our_errors_only(data: bytes) -> None:
    """Whatever the octets, a message or an error of ours."""
    only_our_errors(parse_message, data)
