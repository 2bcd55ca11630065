# SPDX-License-Identifier: Apache-2.0
"""DSM statements from a test vendor: what is read from them, and that every defect is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.fortanix import node_policy
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import Refusal
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.mutation import flip_bits
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test fortanix", "ec-p256")
ANCHORS = VENDOR.anchors()
CLUSTER = VENDOR.fortanix()
KEY = CLUSTER.generate()
EVIDENCE = CLUSTER.attest(KEY.spki)


def test_hardware_is_proven_and_no_device_is_named() -> None:
    """Class none: the key is confined to hardware, whose serial number nobody states."""
    attestation = verify_evidence(EVIDENCE, ANCHORS)
    assert attestation.identities == ()
    assert (attestation.vendor, attestation.model, attestation.serial) == ("Fortanix", None, None)
    assert (attestation.firmware, attestation.certification) == (None, None)
    assert dict(attestation.properties) == {
        "generated_on_device": True,
        "exportable": False,
        "minimum_protection": "Fortanix FX2200",
        "site_operator_approval": True,
        "key_id": CLUSTER.key_id(KEY.spki),
    }
    assert [one.role for one in attestation.chain] == ["attestation", "authority", "intermediate", "anchor"]
    assert not attestation.cloud
    require_key(attestation, KEY.spki)


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p384", "ed25519"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """The attested key is taken as it is."""
    key = derive_key(b"attested", kind, kind)
    assert verify_evidence(CLUSTER.attest(key.spki), ANCHORS).key == key.spki


def test_what_it_cannot_prove_is_said() -> None:
    """No module, no durable cluster, no account, no time but the cluster's own word."""
    unproven = "\n".join(verify_evidence(EVIDENCE, ANCHORS).unproven)
    for words in ("which module", "each month", "own word", "holds the key", "account"):
        assert words in unproven


def test_approval_by_the_site_operator_is_shown_and_not_required() -> None:
    """Hardware is required of all nodes; who lets them in is for the reader."""
    nodes = node_policy(("2.5.1", "2.5.1.1"))
    authority = CLUSTER.authority_der(*CLUSTER.authority_extensions(nodes=nodes))
    evidence = Evidence("fortanix", EVIDENCE.data, (authority, EVIDENCE.chain[1]))
    assert verify_evidence(evidence, ANCHORS).properties["site_operator_approval"] is False


REFUSALS = VENDOR.refusals("fortanix")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.name} ({len(one.evidence.chain)})")
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "extractable-key",
        "malformed-attestation",
        "malformed-extension",
        "malformed-key",
        "not-a-device-certificate",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "not-generated",
        "not-hardware",
        "unknown-critical-extension",
    }


def test_no_key_is_built_in() -> None:
    """What nobody could compare with its vendor's publication is not pinned; the sentence says where it is."""
    assert not BUILTIN_ANCHORS.attesting("fortanix")
    with pytest.raises(EvidenceError, match=r"pki\.fortanix\.com") as caught:
        verify_evidence(EVIDENCE)
    assert caught.value.check == "unknown-anchor"


def test_an_operator_pins_the_root_or_the_ca() -> None:
    """The chain ends below whichever key is pinned for the format."""
    for der, name in ((CLUSTER.maker.root_der(), "root"), (EVIDENCE.chain[1], "ca")):
        key = CLUSTER.maker.key(name).spki
        anchors = AnchorSet([VendorAnchor(name, key, frozenset({"fortanix"}))])
        (piece,) = collect({"answer.json": CLUSTER.answer(KEY.spki)}, anchors).pieces
        assert der not in piece.evidence.chain
        assert identify(piece, anchors).anchors == (anchors.attesting("fortanix")[0].key_hash,)


def test_an_anchor_of_another_format_attests_no_cluster() -> None:
    """The same key, pinned for another format, proves nothing here."""
    key = CLUSTER.maker.key("root").spki
    other = AnchorSet([VendorAnchor("root", key, frozenset({"luna-pkc"}))])
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(EVIDENCE, other)
    assert caught.value.check == "anchor-format"


PARTS = [EVIDENCE.data, *EVIDENCE.chain, CLUSTER.maker.root_der()]


@pytest.mark.parametrize(
    "files",
    [
        {"key_attestation.json": CLUSTER.answer(KEY.spki)},
        {
            "reversed.json": json.dumps(
                {
                    name: value[::-1] if isinstance(value, list) else value
                    for name, value in json.loads(CLUSTER.answer(KEY.spki)).items()
                }
            ).encode()
        },
        {"bundle.pem": "".join(map(to_pem, PARTS[::-1])).encode()},
        {f"{number}.der": part for number, part in enumerate(PARTS)},
    ],
    ids="+".join,
)
def test_files_become_the_canonical_form(files: dict[str, bytes]) -> None:
    """The answer of DSM with its chain in any order, PEM and DER lead to the same bytes."""
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.evidence == EVIDENCE
    identify(piece, ANCHORS)


def test_an_answer_with_a_member_twice_is_no_evidence() -> None:
    """JSON whose meaning depends on the reader is refused."""
    answer = CLUSTER.answer(KEY.spki)
    doubled = answer[:-1] + b', "authority_chain": []}'
    with pytest.raises(ParseError, match="twice"):
        collect({"answer.json": doubled}, ANCHORS)


def test_no_flipped_bit_goes_unnoticed() -> None:
    """Every byte of the encoding of minted evidence: refused with our errors."""
    # ECDSA of the test vendor has no second encoding that one bit away is reached by.
    assert not flip_bits(EVIDENCE, None, 20_260_104, ANCHORS)


@FUZZ
@given(damaged(EVIDENCE.data), st.lists(damaged(*EVIDENCE.chain), max_size=3))
def test_damaged_certificates_prove_nothing_else(data: bytes, chain: list[bytes]) -> None:
    """No edit of statement and chain attests another key, or raises an error that is not ours."""
    parts = tuple(part for part in chain if part)
    for evidence in (
        Evidence("fortanix", data or b"\0", EVIDENCE.chain),
        Evidence("fortanix", EVIDENCE.data, parts),
    ):
        attestation = only_our_errors(lambda piece: verify_evidence(piece, ANCHORS), evidence)
        assert attestation is None or attestation.key == KEY.spki


@FUZZ
@given(damaged(CLUSTER.answer(KEY.spki)))
def test_damaged_answers_give_the_same_or_nothing(data: bytes) -> None:
    """No edit of the JSON gives a piece that attests another key."""
    found = only_our_errors(lambda one: collect({"a.json": one}, ANCHORS), data)
    for piece in () if found is None else found.pieces:
        attestation = only_our_errors(lambda one: identify(one, ANCHORS), piece)
        assert attestation is None or attestation.key == KEY.spki
