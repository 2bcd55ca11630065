# SPDX-License-Identifier: Apache-2.0
"""Primus statements from a test vendor: what is read from them, and that every defect is refused."""

import json

import pytest

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.primus import join_statement, split_statement
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.primus import FLAGS
from keystead.testvendor.refusals import Refusal
from support.mutation import flip_bits
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test primus", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.primus(18_386_101)
KEY = DEVICE.generate()
GOOD = DEVICE.attest(KEY.spki)
XML, SIGNATURE = split_statement(GOOD.data)


def test_a_statement_names_the_device() -> None:
    """An appliance by the serial number in its certificate's name; the key is the one in the statement."""
    attestation = verify_evidence(GOOD, ANCHORS)
    (identity,) = attestation.identities
    assert (identity.scheme, identity.value) == ("primus-serial", "18386101")
    assert identity.class_ is DeviceClass.APPLIANCE
    assert identity.device_id == device_id("primus-serial", "18386101")
    assert (attestation.vendor, attestation.model, attestation.serial) == (
        "Securosys",
        "Primus HSM",
        "18386101",
    )
    require_key(attestation, KEY.spki)
    assert [element.role for element in attestation.chain] == [
        "attestation",
        "attestation key",
        "device",
        "anchor",
    ]


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ed25519", "rsa-2048"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """Whatever key the statement holds."""
    key = DEVICE.generate("another", kind)
    assert verify_evidence(DEVICE.attest(key.spki), ANCHORS).key == key.spki


def test_what_the_device_states_of_the_key() -> None:
    """Label, times, count and flags; the label is the user's text, entities undone."""
    attestation = verify_evidence(
        DEVICE.attest(KEY.spki, "R&amp;D", FLAGS | {"copyable": "true", "newer_flag": "false"}), ANCHORS
    )
    assert dict(attestation.properties) == {
        "generated_on_device": True,
        "exportable": False,
        "permissions": ["copyable", "decrypt", "destroyable", "sign", "unique"],
        "label": "R&D",
        "created": "2025-10-01T20:31:53Z",
        "attested": "2025-10-18T20:19:33Z",
        "use_count": 10,
    }
    assert (attestation.firmware, attestation.certification, attestation.form_factor) == (None, None, None)
    assert any("partition" in sentence for sentence in attestation.unproven)


def test_label_and_times_may_be_missing() -> None:
    """What is not stated is not shown."""
    lines = [
        line
        for line in XML.splitlines(keepends=True)
        if not any(tag in line for tag in (b"<label>", b"_time>", b"<key_use_count>"))
    ]
    properties = verify_evidence(DEVICE.sign(b"".join(lines)), ANCHORS).properties
    assert set(properties) == {"generated_on_device", "exportable", "permissions"}


REFUSALS = VENDOR.refusals("primus")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "extractable-key",
        "malformed-attestation",
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-attestation",
        "not-generated",
        "unknown-critical-extension",
        "wrong-signature",
    }


def test_a_pinned_device_key_is_not_enough() -> None:
    """The device's certificate belongs into the chain: it has the serial number."""
    anchors = AnchorSet([VendorAnchor("device", DEVICE.key.spki, frozenset({"primus"}))])
    with pytest.raises(EvidenceError, match="serial number") as caught:
        verify_evidence(Evidence("primus", GOOD.data, GOOD.chain[:1]), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_an_anchor_of_another_format_attests_no_primus() -> None:
    """The same key, pinned for another vendor's devices, proves nothing here."""
    assert_anchors_are_of_a_format(GOOD, ANCHORS, "yubihsm")


def test_statement_and_signature_are_told_apart_by_length() -> None:
    """What is joined is split again, whatever the octets."""
    for xml, signature in ((b"x", b"y"), (XML, bytes(384)), (b"\0" * 300, b"\xff")):
        assert split_statement(join_statement(xml, signature)) == (xml, signature)


PEM = "".join(map(to_pem, GOOD.chain)).encode()
ROOT = DEVICE.maker.root_der()


@pytest.mark.parametrize(
    "files",
    [
        {"attestation.xml": XML, "attestation.sig": SIGNATURE, "chain.pem": PEM + to_pem(ROOT).encode()},
        {
            "a/k.xml": XML,
            "a/k.sig": encode_base64(SIGNATURE).encode() + b"\n",
            "a/0.der": GOOD.chain[0],
            "b": GOOD.chain[1],
        },
        {
            "answer.json": json.dumps(
                {
                    "xml": encode_base64(XML),
                    "signature": encode_base64(SIGNATURE),
                    "certificates": [to_pem(one) for one in (ROOT, *GOOD.chain)],
                }
            ).encode()
        },
    ],
    ids=["files", "base64 signature", "JSON"],
)
def test_files_become_the_canonical_form(files: dict[str, bytes]) -> None:
    """Statement, signature and certificates find each other by signatures."""
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.evidence == GOOD
    assert set(piece.files) == set(files)
    assert identify(piece, ANCHORS).serial == "18386101"


def test_a_signature_that_begins_like_json_or_der_is_found() -> None:
    """Its octets are anything: such a file is looked at again."""
    for number in range(2000):
        xml = XML.replace(b"signing", b"signing %d" % number)
        evidence = DEVICE.sign(xml)
        signature = split_statement(evidence.data)[1]
        if signature[:1] in {b"{", b"[", b"0"}:
            (piece,) = collect({"k.xml": xml, "k.sig": signature, "chain": PEM}, ANCHORS).pieces
            assert piece.evidence == evidence
            break
    else:
        pytest.fail("no signature began so")


def test_statements_find_their_own_signatures() -> None:
    """Two statements in one folder do not mix."""
    other = DEVICE.attest(DEVICE.generate("other").spki, "other")
    xml, signature = split_statement(other.data)
    files = {"1.xml": XML, "2.xml": xml, "1.sig": signature, "2.sig": SIGNATURE, "chain": PEM}
    pieces = collect(files, ANCHORS).pieces
    assert [piece.evidence for piece in pieces] == [GOOD, other]
    assert [piece.files for piece in pieces] == [("1.xml", "2.sig", "chain"), ("2.xml", "1.sig", "chain")]


def test_a_statement_without_its_signature_is_no_evidence() -> None:
    """Nothing was signed."""
    with pytest.raises(ParseError):
        collect({"1.xml": XML, "chain": PEM, "1.sig": bytes(256)}, ANCHORS)


def test_a_missing_device_certificate_is_asked_for() -> None:
    """The attestation key's certificate alone is not enough, and the sentence says what is missing."""
    files = {"1.xml": XML, "1.sig": SIGNATURE, "key.der": GOOD.chain[0]}
    (piece,) = collect(files, ANCHORS).pieces
    with pytest.raises(EvidenceError, match="add the certificate of the device key") as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_gives_another_device_or_key() -> None:
    """Positions all over statement and chain: refused."""
    assert not flip_bits(GOOD, 1000, 6, ANCHORS)
