# SPDX-License-Identifier: Apache-2.0
"""LiquidSecurity statements from a test vendor: what is read from them, and that every defect is refused."""

import gzip
import json
import zlib
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given

from keystead.certificate.device_identifier import DeviceClass, device_id
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import MAX_EVIDENCE_BYTES, Evidence
from keystead.devices.marvell.files import decompress
from keystead.devices.marvell.signature import BARE_DIGEST, verify_marvell_signature
from keystead.devices.marvell.statement import parse_statement
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.der import BIT_STRING, SEQUENCE, encode, encode_integer, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import EvidenceError, ParseError, SignatureError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import Refusal
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.refused_evidence import assert_anchors_are_of_a_format, assert_refused_by_name

VENDOR = TestVendor("test marvell", "ec-p256")
ANCHORS = VENDOR.anchors()
CLOUD = VENDOR.marvell("5.2G1804-ICM000678")
OWN = VENDOR.marvell("5.2G1804-ICM000700", owned=False, version=1)
KEY = CLOUD.generate()
MAKER, OWNER = VENDOR.anchors("marvell")


@pytest.mark.parametrize("version", [1, 2])
def test_a_cloud_providers_card_is_proven_by_both_paths(version: int) -> None:
    """The maker says that it is a module, the owner that it is his: class cloud."""
    evidence = replace(CLOUD, version=version).attest(KEY.spki)
    attestation = verify_evidence(evidence, ANCHORS)
    (identity,) = attestation.identities
    assert (identity.scheme, identity.value) == ("marvell-adapter", "5.2G1804-ICM000678")
    assert identity.class_ is DeviceClass.CLOUD
    assert identity.device_id == device_id("marvell-adapter", "5.2G1804-ICM000678")
    assert attestation.cloud
    assert attestation.anchors == (MAKER.key_hash, OWNER.key_hash)
    assert [one.role for one in attestation.chain] == [
        "attestation",
        "device",
        "card",
        "anchor",
        "owner-device",
        "anchor",
    ]
    assert attestation.properties["owner"] == OWNER.name
    assert attestation.properties["statement_version"] == version
    assert "customers share it" in attestation.unproven[-1]
    for needed in (CLOUD.key, CLOUD.card_key):
        assert sha256(needed.spki).digest() in attestation.rests_on
    require_key(attestation, KEY.spki)


@pytest.mark.parametrize("version", [1, 2])
def test_a_customers_own_card_is_an_appliance(version: int) -> None:
    """Without the owner's path, the class is the scheme's, and that nobody else owns it stays unproven."""
    attestation = verify_evidence(replace(OWN, version=version).attest(KEY.spki), ANCHORS)
    (identity,) = attestation.identities
    assert identity.class_ is DeviceClass.APPLIANCE
    assert not attestation.cloud
    assert attestation.anchors == (MAKER.key_hash,)
    assert "owner" not in attestation.properties
    assert "no cloud provider" in attestation.unproven[-1]


def test_partitions_and_keys_of_one_card_are_one_device() -> None:
    """The adapter identifies; partition, key and version of the statement do not."""
    ids = set()
    for partition in (1, 2):
        for version in (1, 2):
            module = VENDOR.marvell("5.2G1804-ICM000678", partition=partition, version=version)
            attestation = verify_evidence(module.attest(module.generate(version).spki), ANCHORS)
            assert attestation.properties["partition"] == partition
            ids.add(attestation.identities)
    assert len(ids) == 1


def test_what_the_module_states_about_itself_and_the_key() -> None:
    """Purposes, label and key id of the private half; FIPS mode as the card's name says."""
    attestation = verify_evidence(CLOUD.attest(KEY.spki), ANCHORS)
    assert (attestation.vendor, attestation.model) == ("Marvell", "LiquidSecurity")
    assert (attestation.firmware, attestation.form_factor) == (None, None)
    assert attestation.certification == "FIPS mode"
    assert attestation.serial == "5.2G1804-ICM000678"
    properties = dict(attestation.properties)
    assert len(str(properties.pop("key_id"))) == 128
    assert properties == {
        "statement_version": 2,
        "partition": 1,
        "generated_on_device": True,
        "exportable": False,
        "purposes": ["decrypt", "unwrap", "sign"],
        "label": "app_key",
        "owner": OWNER.name,
    }


@pytest.mark.parametrize(
    ("mode", "certification"), [("", None), (", for FIPS mode", "FIPS mode"), (", for testing", None)]
)
def test_certification_is_what_the_cards_name_says(mode: str, certification: str | None) -> None:
    """A name without the words claims nothing."""
    attestation = verify_evidence(replace(CLOUD, mode=mode).attest(KEY.spki), ANCHORS)
    assert attestation.certification == certification
    assert attestation.serial == "5.2G1804-ICM000678"


def test_a_label_that_is_no_text_is_not_shown() -> None:
    """Labels are their users' bytes."""
    data = CLOUD.statement(KEY.spki, private={0x3: b"\xff\xfe", 0x102: None})
    attestation = verify_evidence(Evidence("marvell", data, CLOUD.chain), ANCHORS)
    assert not {"label", "key_id"} & attestation.properties.keys()


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072"])
def test_keys_of_every_kind_are_attested(kind: str) -> None:
    """The SubjectPublicKeyInfo is made out of the numbers that the statement gives."""
    key = derive_key(b"attested", kind, kind)
    for module in (CLOUD, OWN):
        attestation = verify_evidence(module.attest(key.spki), ANCHORS)
        assert attestation.key == key.spki
        require_key(attestation, key.spki)


def test_check_values_may_be_missing_but_not_wrong() -> None:
    """Older firmware has no digest of the whole key; the private half then repeats the key itself."""
    changed: dict[int, bytes | None] = {0x173: None, 0x1003: None}
    data = CLOUD.statement(KEY.spki, public=changed, private=changed)
    assert verify_evidence(Evidence("marvell", data, CLOUD.chain), ANCHORS).key == KEY.spki
    data = CLOUD.statement(KEY.spki, private={0x120: None})
    assert verify_evidence(Evidence("marvell", data, CLOUD.chain), ANCHORS).key == KEY.spki


REFUSALS = VENDOR.refusals("marvell")


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
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-issuing-certificate",
        "not-generated",
        "unknown-critical-extension",
    }


def test_an_owner_is_no_maker_and_a_maker_no_owner() -> None:
    """Whoever owns modules certifies what he likes: his key alone proves no module, and the maker's no owner."""
    swapped = AnchorSet(VendorAnchor(one.name, one.key, one.formats, not one.cloud) for one in (MAKER, OWNER))
    owner_first = Evidence("marvell", CLOUD.statement(KEY.spki), CLOUD.chain[::-1])
    for evidence in (CLOUD.attest(KEY.spki), OWN.attest(KEY.spki), owner_first):
        with pytest.raises(EvidenceError):
            verify_evidence(evidence, swapped)
    both = AnchorSet(VendorAnchor(one.name, one.key, one.formats, cloud=True) for one in (MAKER, OWNER))
    with pytest.raises(EvidenceError):
        verify_evidence(CLOUD.attest(KEY.spki), both)


def test_an_owner_who_is_not_pinned_is_left_out() -> None:
    """Evidence ends with the maker's path where the owner's leads nowhere; files give it that form."""
    makers = AnchorSet([MAKER])
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(CLOUD.attest(KEY.spki), makers)
    assert caught.value.check == "unknown-anchor"
    files = {"s.dat": CLOUD.statement(KEY.spki), "chain.pem": "".join(map(to_pem, CLOUD.chain)).encode()}
    (piece,) = collect(files, makers).pieces
    assert piece.evidence.chain == CLOUD.chain[:2]
    assert not identify(piece, makers).cloud


def test_an_anchor_of_another_format_attests_no_module() -> None:
    """The same keys, pinned for other formats, prove nothing here."""
    assert_anchors_are_of_a_format(OWN.attest(KEY.spki), (MAKER, OWNER), "luna-pkc")


def test_older_signatures_need_a_public_exponent_that_cannot_be_undone() -> None:
    """With an exponent of 3, chosen last bytes are a cube root away: such a signature proves nothing."""
    spki = derive_key(b"test marvell", "three", "rsa-2048").spki
    modulus = int.from_bytes(spki[33:289])
    numbers = encode(SEQUENCE, encode_integer(modulus), encode_integer(3))
    rsa = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    three = encode(SEQUENCE, rsa, encode(BIT_STRING, b"\0", numbers))
    # An odd number has one cube root modulo 2^256; no private key is needed to find it.
    message = next(one for one in (bytes((n,)) for n in range(100)) if sha256(one).digest()[-1] & 1)
    digest = int.from_bytes(sha256(message).digest())
    root = pow(digest, pow(3, -1, 2**254), 2**256)
    assert pow(root, 3, modulus) % 2**256 == digest
    with pytest.raises(SignatureError):
        verify_marvell_signature(three, BARE_DIGEST, root.to_bytes(256), message)
    verify_marvell_signature(OWN.key.spki, BARE_DIGEST, OWN.sign(message)[-256:], message)
    with pytest.raises(SignatureError):
        verify_marvell_signature(OWN.key.spki, BARE_DIGEST, OWN.sign(message)[-256:], message + b"x")
    with pytest.raises(SignatureError):
        verify_marvell_signature(KEY.spki, BARE_DIGEST, OWN.sign(message)[-256:], message)


def test_newer_statements_are_not_taken_with_older_signatures() -> None:
    """The liberty is for version 1 alone."""
    data = CLOUD.statement(KEY.spki)[:-256]
    older = replace(CLOUD, version=1).sign(data)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("marvell", older, CLOUD.chain), ANCHORS)
    assert caught.value.check == "wrong-signature"


STATEMENTS = [CLOUD.statement(KEY.spki), OWN.statement(KEY.spki)]


@FUZZ
@given(damaged(*STATEMENTS))
def test_damaged_statements_are_read_or_refused(data: bytes) -> None:
    """No bytes make the parser raise another error than ours, or find another number of objects than two."""
    statement = only_our_errors(parse_statement, data)
    if statement is not None:
        assert statement.signed + statement.signature == data
        assert statement.public.attributes != statement.private.attributes or statement.version == 1


BUNDLE = "".join(map(to_pem, (*CLOUD.chain, *(CLOUD.maker.root_der(one) for one in ("root", "owner")))))
CARD_BY_OWNER = CLOUD.maker.owned(CLOUD.card_name, CLOUD.card_key.spki)


@pytest.mark.parametrize(
    "files",
    [
        {"a.dat": gzip.compress(STATEMENTS[0]), "chain.pem": BUNDLE.encode()},
        {"a.dat": STATEMENTS[0], "chain.pem": (BUNDLE + to_pem(CARD_BY_OWNER)).encode()},
        {
            "a.dat": gzip.compress(STATEMENTS[0]),
            "b.dat": STATEMENTS[0],
            **{f"{number}.der": der for number, der in enumerate(CLOUD.chain[::-1])},
        },
        {
            "describe.json": json.dumps(
                {
                    "attestation": {
                        "format": "CAVIUM_V2_COMPRESSED",
                        "content": encode_base64(gzip.compress(STATEMENTS[0])),
                        "certChains": {
                            "caviumCerts": [to_pem(CLOUD.chain[1]), to_pem(CLOUD.chain[0])],
                            "googleCardCerts": [to_pem(CARD_BY_OWNER)],
                            "googlePartitionCerts": [to_pem(CLOUD.chain[2])],
                        },
                    }
                }
            ).encode()
        },
    ],
    ids="+".join,
)
def test_files_become_the_canonical_form(files: dict[str, bytes]) -> None:
    """The cloud's download, its interface's JSON, and single files lead to the same bytes."""
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.evidence == CLOUD.attest(KEY.spki)
    assert identify(piece, ANCHORS).cloud


def test_statements_of_many_partitions_find_their_certificates() -> None:
    """A folder of statements and one bundle of everybody's certificates become each its own piece."""
    modules = [VENDOR.marvell(f"5.2G1804-ICM{number:06}", owned=number % 2 == 0) for number in range(4)]
    files = {f"{number}.dat": one.statement(KEY.spki) for number, one in enumerate(modules)}
    ders = [der for one in modules for der in one.chain]
    files["all.pem"] = "".join(map(to_pem, ders[::-1])).encode()
    found = {piece.evidence for piece in collect(files, ANCHORS).pieces}
    assert found == {one.attest(KEY.spki) for one in modules}


def test_what_is_missing_is_asked_for() -> None:
    """A compressed statement alone is a piece, so that verification can say what it lacks."""
    (piece,) = collect({"a.dat": gzip.compress(STATEMENTS[0])}, ANCHORS).pieces
    with pytest.raises(EvidenceError, match="neither in the chain") as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "unknown-anchor"
    partition = {"a.dat": gzip.compress(STATEMENTS[0]), "p.der": CLOUD.chain[0]}
    (piece,) = collect(partition, ANCHORS).pieces
    with pytest.raises(EvidenceError, match="maker's certificate chain"):
        identify(piece, ANCHORS)


BOMB = zlib.compressobj(9, wbits=31)
BOMB_BYTES = b"".join(BOMB.compress(bytes(1 << 20)) for _ in range(256)) + BOMB.flush()


@pytest.mark.parametrize(
    "data",
    [
        BOMB_BYTES,
        gzip.compress(bytes(MAX_EVIDENCE_BYTES + 1)),
        gzip.compress(STATEMENTS[0])[:-1],
        gzip.compress(STATEMENTS[0]) + b"\0",
        gzip.compress(STATEMENTS[0]) * 2,
        b"\x1f\x8b",
        b"\x1f\x8b" + bytes(100),
    ],
    ids=["bomb", "too long", "cut off", "trailing", "two", "nothing", "damaged"],
)
def test_containers_are_bounded_and_strict(data: bytes) -> None:
    """What would inflate beyond the longest evidence is not inflated, and says so about its file."""
    with pytest.raises(ParseError):
        decompress(data)
    with pytest.raises(ParseError, match="gzip"):
        collect({"a.dat": data}, ANCHORS)


@FUZZ
@given(damaged(gzip.compress(STATEMENTS[0], mtime=0)))
def test_damaged_containers_are_read_or_refused(data: bytes) -> None:
    """No bytes make decompression raise another error than ours."""
    inflated = only_our_errors(decompress, data)
    assert inflated is None or len(inflated) <= max(MAX_EVIDENCE_BYTES, len(data))
