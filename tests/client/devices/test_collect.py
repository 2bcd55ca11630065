# SPDX-License-Identifier: Apache-2.0
"""Canonical evidence out of whatever files people have, grouped by signatures."""

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.collect import collect, identify
from keystead.devices.containers import MAX_FILE_BYTES, sort_files
from keystead.devices.evidence import Evidence, evidence_to_json
from keystead.devices.material import MAX_CERTIFICATES, MAX_TRIES
from keystead.devices.verify import verify_evidence
from keystead.encoding.der import OCTET_STRING, encode
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestCertificateAuthority, TestVendor
from keystead.testvendor.certificates import certificate, common_name, extension, to_pem
from keystead.testvendor.containers import certificate_bundle, certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import stray_certificate
from support.fuzzing import FUZZ, damaged, only_our_errors

VENDOR = TestVendor("test collect", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.yubikey(20_000_001)
NEWER = VENDOR.yubikey(30_000_001, firmware=(5, 7, 4))
KEY, NEWER_KEY = DEVICE.generate("9c"), NEWER.generate("9a")
EVIDENCE, NEWER_EVIDENCE = DEVICE.attest(KEY.spki, "9c"), NEWER.attest(NEWER_KEY.spki)
ROOTS = [VENDOR.root_pem(hierarchy).encode() for hierarchy in ("piv", "u2f", "attestation-root")]
LEAF_PEM, F9_PEM = to_pem(EVIDENCE.data).encode(), to_pem(EVIDENCE.chain[0]).encode()


def only_piece(files: dict[str, bytes]) -> Evidence:
    """The one piece of evidence in `files`."""
    (piece,) = collect(files, ANCHORS).pieces
    return piece.evidence


@pytest.mark.parametrize(
    "files",
    [
        {"leaf.pem": LEAF_PEM, "f9.pem": F9_PEM},
        {"f9.pem": F9_PEM, "leaf.pem": LEAF_PEM},
        {"leaf.der": EVIDENCE.data, "f9.der": EVIDENCE.chain[0]},
        {"leaf.der": EVIDENCE.data, "f9.pem": F9_PEM},
        {"bundle.pem": LEAF_PEM + F9_PEM},
        {"bundle.pem": ROOTS[0] + F9_PEM + LEAF_PEM},
        {"bundle.pem": b"Subject: a text around it\r\n" + LEAF_PEM.replace(b"\n", b"\r\n") + F9_PEM + b"end"},
        {"bundle.pem": LEAF_PEM + F9_PEM + to_pem(stray_certificate()).encode()},
        {"bundle.p7b": certificate_bundle([EVIDENCE.chain[0], EVIDENCE.data])},
        {"bundle.p7b": to_pem(certificate_bundle([EVIDENCE.data, *EVIDENCE.chain]), "PKCS7").encode()},
        {"evidence": EVIDENCE.encode()},
        {"evidence.json": json.dumps(evidence_to_json(EVIDENCE)).encode()},
        {"evidence.json": b" \n" + json.dumps([evidence_to_json(EVIDENCE)]).encode()},
        {"submission.json": json.dumps({"chain": [], "evidence": [evidence_to_json(EVIDENCE)]}).encode()},
        {"leaf.pem": LEAF_PEM, "f9.pem": F9_PEM, "again": EVIDENCE.encode()},
    ],
    ids="+".join,
)
def test_every_container_gives_the_one_canonical_form(files: dict[str, bytes]) -> None:
    """PEM, DER, PKCS#7, canonical bytes and JSON of one piece all lead to the same bytes."""
    assert only_piece(files) == EVIDENCE


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7], ids=str)
def test_the_order_of_certificates_does_not_matter(order: tuple[int, ...]) -> None:
    """A longer path is put in order, its root left out."""
    parts = [NEWER_EVIDENCE.data, *NEWER_EVIDENCE.chain]
    blocks = [*(to_pem(part).encode() for part in parts), ROOTS[2]]
    assert only_piece({"bundle.pem": b"".join(blocks[place] for place in order)}) == NEWER_EVIDENCE


def test_a_folder_of_pieces_is_grouped_by_signatures() -> None:
    """Files of many devices, shuffled and with names that say nothing, become each its own piece."""
    chance = random.Random(7)
    expected, parts = [], []
    for number in range(12):
        device = VENDOR.yubikey(40_000_000 + number, batch=str(number % 4))
        evidence = device.attest(device.generate("9a").spki)
        expected.append(evidence)
        parts += [to_pem(evidence.data), *(to_pem(part) for part in evidence.chain)]
    chance.shuffle(parts)
    files = {f"{chance.randrange(3)}/{place}.pem": part.encode() for place, part in enumerate(parts)}
    pieces = collect(files, ANCHORS).pieces
    assert {piece.evidence for piece in pieces} == set(expected)
    for piece in pieces:
        verify_evidence(piece.evidence, ANCHORS)


def test_the_nearest_of_equal_certificates_is_named() -> None:
    """Where each folder has its own copy of a shared f9 certificate, a piece names the files of its folder."""
    other = VENDOR.yubikey(20_000_002)
    second = other.attest(other.generate("9a").spki)
    assert second.chain == EVIDENCE.chain
    files = {
        "b/f9.pem": F9_PEM,
        "a/f9.pem": F9_PEM,
        "a/leaf.pem": LEAF_PEM,
        "b/leaf.pem": to_pem(second.data).encode(),
    }
    assert {piece.files for piece in collect(files, ANCHORS).pieces} == {
        ("a/f9.pem", "a/leaf.pem"),
        ("b/f9.pem", "b/leaf.pem"),
    }


def test_a_piece_that_lies_there_twice_is_one_piece() -> None:
    """Copies of the same evidence are one piece, which names the files of all of them."""
    files = {"one/leaf.pem": LEAF_PEM, "one/f9.pem": F9_PEM, "two/both.pem": F9_PEM + LEAF_PEM}
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.files == ("one/leaf.pem", "one/f9.pem", "two/both.pem")


def test_what_belongs_to_no_piece_is_reported() -> None:
    """Other certificates, keys, texts and broken files are named with a reason, and harm nothing."""
    ca = TestCertificateAuthority()
    files = {
        "leaf.pem": LEAF_PEM,
        "f9.pem": F9_PEM,
        "code-signing.pem": ca.root_pem.encode(),
        "readme.txt": b"hello",
        "broken.pem": F9_PEM[:-40] + b"-----END CERTIFICATE-----\n",
        "broken.json": b"{",
        "broken.der": b"\x30\x82",
        "other.json": b'{"a": 1}',
        "empty": b"",
        "large": b"\x30" * (MAX_FILE_BYTES + 1),
        "key.pem": to_pem(KEY.spki, "PUBLIC KEY").encode(),
        "evidence": EVIDENCE.encode()[:-1],
    }
    collection = collect(files, ANCHORS)
    assert [piece.files for piece in collection.pieces] == [("leaf.pem", "f9.pem")]
    reasons = {one.file: one.reason for one in collection.unused}
    assert set(reasons) == set(files) - {"leaf.pem", "f9.pem"}
    assert "base64" in reasons["broken.pem"]
    assert "longer than" in reasons["large"]
    assert "ends early" in reasons["evidence"]
    assert all(reasons.values())


def test_other_blocks_of_pem_harm_nothing() -> None:
    """A signed text has a BEGIN line of its own and no END line; the certificates in it are read."""
    signed = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + LEAF_PEM + F9_PEM
    signed += b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
    assert only_piece({"ceremony.asc": signed}) == EVIDENCE


def test_a_file_that_is_cut_off_says_so() -> None:
    """What was read before is used, and the file is named."""
    collection = collect({"leaf.pem": LEAF_PEM, "f9.pem": F9_PEM, "cut.pem": F9_PEM[:-30]}, ANCHORS)
    assert [piece.evidence for piece in collection.pieces] == [EVIDENCE]
    assert [(one.file, "cut off" in one.reason) for one in collection.unused] == [("cut.pem", True)]


def test_matching_is_bounded() -> None:
    """Certificates of one name that signed nothing of each other are tried so many times, and no more."""
    f9 = "".join(
        to_pem(
            certificate(
                subject=common_name("Yubico PIV Attestation"),
                spki=KEY.spki,
                issuer=common_name(str(number)),
                key=KEY,
                not_before=0,
                not_after=1,
            )
        )
        for number in range(200)
    )
    leaves = LEAF_PEM * (MAX_TRIES // 200 + 1)
    with pytest.raises(ParseError, match="fewer files"):
        collect({"many.pem": f9.encode() + leaves}, ANCHORS)


def test_an_attestation_without_f9_is_a_piece_that_cannot_verify() -> None:
    """The piece is made, so that verification can say what is missing."""
    (piece,) = collect({"leaf.pem": LEAF_PEM}, ANCHORS).pieces
    assert piece.evidence.chain == ()
    with pytest.raises(EvidenceError, match="slot f9"):
        identify(piece, ANCHORS)


@pytest.mark.parametrize("count", [1, 2])
def test_missing_intermediates_are_asked_for(count: int) -> None:
    """A newer device's chain needs certificates that Yubico publishes; the refusal says where."""
    blocks = [to_pem(part).encode() for part in (NEWER_EVIDENCE.data, *NEWER_EVIDENCE.chain[:count])]
    (piece,) = collect({"bundle.pem": b"".join(blocks)}, ANCHORS).pieces
    with pytest.raises(EvidenceError, match=r"yubico-intermediate\.pem") as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "unknown-anchor"


def test_an_unpinned_root_is_left_out_as_well() -> None:
    """Self-issued certificates are no part of a path, whoever made them."""
    bundle = LEAF_PEM + F9_PEM + ROOTS[0]
    (piece,) = collect({"bundle.pem": bundle}).pieces
    assert piece.evidence == EVIDENCE


def test_no_evidence_at_all_is_an_error_that_says_why() -> None:
    """One sentence: what the files hold instead, those first of which more can be said, and what to give."""
    with pytest.raises(ParseError, match=r"\(a\.pem: holds certificates, but no .*\): give what the device"):
        collect({"a.pem": ROOTS[0]})
    request = certification_request(common_name("x"), KEY)
    with pytest.raises(ParseError, match="r: holds a certification request, but no"):
        collect({"r": request})
    files = {"a": b"", "b": b"", "c": b"", "d.pem": F9_PEM[:-9]}
    with pytest.raises(ParseError, match=r"\(d\.pem: .*cut off.*; a: holds no .*; and 1 files more\)"):
        collect(files)
    with pytest.raises(ParseError, match="no files"):
        collect({})


CARRIERS = {
    "extensions .11 and .2": {
        "extensions": (
            extension("1.3.6.1.4.1.41482.3.11", EVIDENCE.data),
            extension("1.3.6.1.4.1.41482.3.2", EVIDENCE.chain[0]),
        )
    },
    "attributes .1 and .2": {
        "attributes": (
            ("1.3.6.1.4.1.41482.3.1", EVIDENCE.data),
            ("1.3.6.1.4.1.41482.3.2", EVIDENCE.chain[0]),
        )
    },
    "attributes in octet strings": {
        "attributes": (
            ("1.3.6.1.4.1.41482.3.2", encode(OCTET_STRING, EVIDENCE.chain[0])),
            ("1.3.6.1.4.1.41482.3.1", encode(OCTET_STRING, EVIDENCE.data)),
        )
    },
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("pem", [True, False])
def test_requests_carry_evidence(carrier: dict[str, tuple[bytes, ...]], pem: bool) -> None:
    """As attributes or requested extensions, in PEM or DER; the request claims the attested key."""
    der = certification_request(common_name("Example"), KEY, **carrier)  # type: ignore[arg-type]
    data = to_pem(der, "NEW CERTIFICATE REQUEST").encode() if pem else der
    (piece,) = collect({"request": data}, ANCHORS).pieces
    assert piece.evidence == EVIDENCE
    assert piece.request is not None
    assert piece.request.spki == KEY.spki
    assert identify(piece, ANCHORS).serial == "20000001"


def test_a_request_for_another_key_is_refused() -> None:
    """Evidence that a request carries must be about the request's key."""
    other = derive_key(b"test collect", "another")
    der = certification_request(common_name("Example"), other, **CARRIERS["extensions .11 and .2"])  # type: ignore[arg-type]
    (piece,) = collect({"request": der}, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "key-mismatch"


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    """The attested key is claimed, but nothing shows that the maker of the request has it."""
    other = derive_key(b"test collect", "another")
    carrier = CARRIERS["extensions .11 and .2"]
    der = certification_request(common_name("Example"), other, spki=KEY.spki, **carrier)  # type: ignore[arg-type]
    (piece,) = collect({"request": der}, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "request-signature"


def test_ready_evidence_is_passed_on_as_it_is() -> None:
    """What is in its final form is not mended: its digest may be in a certificate."""
    wrong = Evidence(EVIDENCE.format, EVIDENCE.data, (*EVIDENCE.chain, stray_certificate()))
    assert only_piece({"evidence": wrong.encode()}) == wrong


def test_a_path_without_end_is_cut_off() -> None:
    """Certificates that certify one another up and up make a piece that verification refuses, and no more."""
    keys = [derive_key(b"endless", str(number)) for number in range(20)]
    names = [
        common_name("YubiKey PIV Attestation 9a"),
        *(common_name(str(number)) for number in range(1, 20)),
    ]
    ladder = [
        certificate(
            subject=names[step],
            spki=keys[step].spki,
            issuer=names[step + 1],
            key=keys[step + 1],
            not_before=0,
            not_after=1,
        )
        for step in range(19)
    ]
    (piece,) = collect({"ladder.pem": "".join(map(to_pem, ladder)).encode()}, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "chain-too-long"


def test_a_piece_that_is_too_long_is_reported() -> None:
    """An attestation beyond the limit of evidence is no piece; the rest is found all the same."""
    long = DEVICE.attestation(KEY.spki, extra_extensions=(extension("1.2.3", b"x" * 65_536),))
    files = {"long.der": long, "leaf.pem": LEAF_PEM, "f9.pem": F9_PEM}
    collection = collect(files, ANCHORS)
    assert [piece.evidence for piece in collection.pieces] == [EVIDENCE]
    (unused,) = collection.unused
    assert (unused.file, "more than 65536" in unused.reason) == ("long.der", True)


def test_certificates_are_limited_in_number() -> None:
    """Beyond the limit the file is reported, not read."""
    material = sort_files({f"{number}.pem": F9_PEM * 500 for number in range(9)})
    assert len(material.certificates) == MAX_CERTIFICATES
    assert set(material.problems) == {"8.pem"}
    assert "fewer files" in material.problems["8.pem"]


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(("a", "b/c", "b/d")),
        damaged(
            LEAF_PEM + F9_PEM,
            EVIDENCE.data,
            EVIDENCE.encode(),
            json.dumps(evidence_to_json(EVIDENCE)).encode(),
            certificate_bundle([EVIDENCE.data, *EVIDENCE.chain]),
            certification_request(common_name("x"), KEY, **CARRIERS["attributes .1 and .2"]),  # type: ignore[arg-type]
        ),
        max_size=3,
    )
)
def test_damaged_files_raise_our_errors_only(files: dict[str, bytes]) -> None:
    """Whatever the files hold, there are pieces or an error of ours."""
    collection = only_our_errors(lambda given: collect(given, ANCHORS), files)
    if collection is not None:
        for piece in collection.pieces:
            only_our_errors(lambda one: identify(one, ANCHORS), piece)


def _read(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.samples
def test_the_whole_folder_of_published_attestations_is_sorted_out(samples: Path) -> None:
    """Every piece verifies: even the swapped pairs find their own f9 certificates."""
    collection = collect(_read(samples / "attestation" / "yubikey-piv"))
    serials = [identify(piece).serial for piece in collection.pieces]
    assert len(serials) == 25
    assert serials.count(None) == 1
    assert {"28557046", "26551025", "15732500", "19661687", "28989702"} <= set(serials)
    assert any("evcs.crt" in one.file for one in collection.unused)


@pytest.mark.samples
def test_a_swapped_pair_alone_does_not_verify(samples: Path) -> None:
    """An f9 certificate that did not sign the attestation is not taken for its issuer."""
    folder = samples / "attestation" / "yubikey-piv" / "piv-go"
    for prefix in ("mismatch1", "mismatch2"):
        (piece,) = collect({path.name: path.read_bytes() for path in folder.glob(f"{prefix}-*")}).pieces
        with pytest.raises(EvidenceError) as caught:
            identify(piece)
        assert caught.value.check == "unknown-anchor"


@pytest.mark.samples
def test_published_requests_are_identified(samples: Path) -> None:
    """Requests that carry the attestation as extensions: verified, for their own key."""
    folder = samples / "attestation" / "yubikey-piv" / "tamemycerts"
    found = {
        path.name: identify(collect({path.name: path.read_bytes()}).pieces[0]) for path in folder.iterdir()
    }
    assert {one.serial for one in found.values()} == {"19661687", "28989702"}
    for name, attestation in found.items():
        assert (attestation.certification == "FIPS series") == ("FIPS" in name)
        assert attestation.serial == ("28989702" if "FIPS" in name else "19661687")
        assert attestation.properties["pin_policy"] == ("always" if "Always" in name else "once")
