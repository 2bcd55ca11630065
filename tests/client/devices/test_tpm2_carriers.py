# SPDX-License-Identifier: Apache-2.0
"""Certifications by TPMs as people have them: files of tools, and requests that carry them."""

import json
from collections.abc import Callable

import pytest

from keystead.devices.collect import collect, identify
from keystead.devices.csr_attestation import CSR_ATTESTATION
from keystead.devices.piece import Piece
from keystead.devices.tpm2_structures import sized
from keystead.encoding.der import OCTET_STRING, SEQUENCE, encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import common_name, to_pem
from keystead.testvendor.containers import certification_request
from keystead.testvendor.keys import SigningKey
from keystead.testvendor.tpm import certify_statement, windows_attributes

VENDOR = TestVendor("test tpm carriers", "ec-p256")
ANCHORS = VENDOR.anchors()
DEVICE = VENDOR.tpm(1)
KEY = DEVICE.generate()
PUBLIC = DEVICE.public(KEY.spki)
ATTEST = DEVICE.certification(PUBLIC)
GOOD = DEVICE.evidence(ATTEST, PUBLIC)
PEM = "".join(map(to_pem, (*GOOD.chain, DEVICE.maker.root_der))).encode()
STATEMENT = "2.23.133.20.1"


def bundle(*statements: bytes, certificates: tuple[bytes, ...] = GOOD.chain) -> bytes:
    """The value of the attribute for attestations."""
    return encode(SEQUENCE, encode(SEQUENCE, *statements), encode(SEQUENCE, *certificates))


def statement(*parts: bytes, kind: str = STATEMENT) -> bytes:
    """One statement of a bundle."""
    return encode(SEQUENCE, encode_oid(kind), *parts)


def request(*attributes: tuple[str, bytes], key: SigningKey = KEY) -> bytes:
    """A request for the TPM's key."""
    return certification_request(common_name("subject"), key, attributes=attributes)


def found(files: dict[str, bytes]) -> Piece:
    """The one piece that files hold, made of all of them."""
    collection = collect(files, ANCHORS)
    (piece,) = collection.pieces
    assert piece.files == tuple(files)
    assert identify(piece, ANCHORS).key == KEY.spki
    return piece


@pytest.mark.parametrize(
    "files",
    [
        {"all.bin": GOOD.data, "chain.pem": PEM},
        {"attest": ATTEST, "sig": DEVICE.sign(ATTEST), "pub": PUBLIC, "chain.pem": PEM},
        {"attest": sized(ATTEST), "sig": DEVICE.octets(ATTEST), "pub": sized(PUBLIC), "chain.pem": PEM},
        {
            "pub": PUBLIC,
            "ak.der": GOOD.chain[0],
            "ca.der": GOOD.chain[1],
            "sig": DEVICE.sign(ATTEST),
            "a": ATTEST,
        },
        {
            "all.json": json.dumps(
                {"certInfo": encode_base64(ATTEST), "sig": encode_base64(DEVICE.sign(ATTEST))}
                | {"pubArea": encode_base64(PUBLIC), "x5c": [encode_base64(one) for one in GOOD.chain]}
            ).encode()
        },
    ],
)
def test_files_of_tools_make_the_same_evidence(files: dict[str, bytes]) -> None:
    """In one file or several, with outer lengths or without, the signature marshalled or bare."""
    assert found(files).evidence == GOOD


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048"])
def test_bare_signatures_do_not_say_their_hash(kind: str, digest: str) -> None:
    """So each is tried."""
    device = VENDOR.tpm(1, key=kind, digest=digest)
    files = {"attest": ATTEST, "sig": device.octets(ATTEST), "pub": PUBLIC}
    chain = "".join(map(to_pem, device.chain)).encode()
    assert found({**files, "chain.pem": chain}).evidence == device.evidence(ATTEST, PUBLIC)


def test_many_pieces_are_told_apart_in_one_folder_or_several() -> None:
    """Five TPMs with three keys each, all files together, and each piece's in its folder."""
    made, flat, deep = set(), {}, {}
    for number in range(5):
        device = VENDOR.tpm(number)
        for label in "abc":
            public = device.public(device.generate(label).spki)
            attest = device.certification(public)
            made.add(device.evidence(attest, public))
            for name, data in (("attest", attest), ("sig", device.sign(attest)), ("pub", public)):
                flat[f"{number}-{label}-{name}"] = deep[f"{number}/{label}/{name}"] = data
        flat[f"{number}.pem"] = deep[f"{number}/ak.pem"] = "".join(map(to_pem, device.chain)).encode()
    for files in (flat, deep):
        assert {piece.evidence for piece in collect(files, ANCHORS).pieces} == made


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a": ATTEST, "sig": DEVICE.sign(ATTEST), "chain.pem": PEM}, "public area is not among"),
        ({"a": ATTEST, "pub": PUBLIC, "chain.pem": PEM}, "no certificate here is for"),
        ({"a": ATTEST, "pub": PUBLIC, "sig": DEVICE.sign(ATTEST)}, "no certificate here is for"),
        ({"a": GOOD.data}, "no certificate here is for"),
        (
            {"a": ATTEST, "pub": PUBLIC, "sig": VENDOR.tpm(2).sign(ATTEST), "c": PEM},
            "no certificate here is for",
        ),
    ],
)
def test_what_is_missing_is_said(files: dict[str, bytes], reason: str) -> None:
    """The attestation's file says what it would need."""
    with pytest.raises(ParseError, match=reason):
        collect(files, ANCHORS)


STATED = certify_statement(ATTEST, DEVICE.octets(ATTEST), sized(PUBLIC))
TRUE, HINT = b"\x01\x01\xff", b"\x0c\x04hint"


@pytest.mark.parametrize(
    "value",
    [
        bundle(statement(STATED)),
        bundle(statement(certify_statement(sized(ATTEST), DEVICE.sign(ATTEST), PUBLIC))),
        bundle(statement(TRUE, STATED)),
        bundle(statement(b"\x80\x01\xff", STATED)),
        bundle(statement(STATED, HINT)),
        bundle(statement(encode(SEQUENCE), kind="1.2.3"), statement(STATED)),
        bundle(statement(STATED), certificates=(*GOOD.chain, DEVICE.maker.root_der)),
        bundle(statement(STATED), certificates=(*GOOD.chain[::-1], encode(0xA3, b"\x05\x00"))),
        encode(SEQUENCE, bundle(statement(STATED), certificates=GOOD.chain[:1]), bundle(statement(STATED))),
    ],
)
def test_requests_carry_statements_in_bundles(value: bytes) -> None:
    """As every draft had it: with and without what says who can read it, one bundle or several."""
    piece = found({"request.der": request((CSR_ATTESTATION, value))})
    assert piece.evidence == GOOD
    assert piece.request is not None
    assert piece.request.spki == KEY.spki


def test_certificates_may_lie_beside_the_request() -> None:
    """A bundle need not have any."""
    value = encode(SEQUENCE, encode(SEQUENCE, statement(STATED)))
    assert found({"request.der": request((CSR_ATTESTATION, value)), "chain.pem": PEM}).evidence == GOOD


def test_a_request_for_another_key_is_refused() -> None:
    """Statements can be copied; the request shows that its maker holds the attested key."""
    value = request((CSR_ATTESTATION, bundle(statement(STATED))), key=DEVICE.generate("another"))
    (piece,) = collect({"request.der": value}, ANCHORS).pieces
    with pytest.raises(EvidenceError) as caught:
        identify(piece, ANCHORS)
    assert caught.value.check == "key-mismatch"


def _certify(attest: bytes, signature: bytes, public: bytes | None) -> tuple[str, bytes]:
    return CSR_ATTESTATION, bundle(statement(certify_statement(attest, signature, public)))


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        (_certify(ATTEST, DEVICE.octets(ATTEST), None), "without the public area"),
        (_certify(ATTEST, DEVICE.octets(ATTEST), PUBLIC[:-1]), "without the public area"),
        (_certify(ATTEST[:-1], DEVICE.octets(ATTEST), PUBLIC), "without a TPM's attestation"),
        (_certify(ATTEST, b"", PUBLIC), "no certificate here is for"),
        ((CSR_ATTESTATION, encode(SEQUENCE)), "empty"),
        ((CSR_ATTESTATION, encode(SEQUENCE, encode(SEQUENCE))), "empty"),
        ((CSR_ATTESTATION, bundle(statement())), "type and one statement"),
        ((CSR_ATTESTATION, bundle(statement(STATED, STATED))), "type and one statement"),
        ((CSR_ATTESTATION, bundle(*[statement(STATED)] * 65)), "lists 65"),
        ((CSR_ATTESTATION, encode(SEQUENCE, *[bundle(statement(STATED))] * 17)), "lists 17"),
        ((CSR_ATTESTATION, bundle(statement(STATED), certificates=(encode(SEQUENCE),))), "certificate"),
    ],
)
def test_malformed_bundles_are_named(attribute: tuple[str, bytes], reason: str) -> None:
    """What is wrong, in the words for the request's file."""
    with pytest.raises(ParseError, match=reason):
        collect({"request.der": request(attribute)}, ANCHORS)


WINDOWS = windows_attributes(ATTEST, DEVICE.octets(ATTEST), PUBLIC)
(WINDOWS_STATEMENT, BLOB), (ENVELOPE, _) = WINDOWS.items()


def test_windows_hides_the_attestation_key_from_all_but_the_ca() -> None:
    """Nobody else can check what it sends to AD CS; that is said, and no evidence made."""
    with pytest.raises(ParseError, match="envelope that only the CA can open: nobody else can check it"):
        collect({"request.der": request(*WINDOWS.items())}, ANCHORS)
    with pytest.raises(ParseError, match="no certificate here is for"):
        collect({"request.der": request((WINDOWS_STATEMENT, BLOB))}, ANCHORS)


@pytest.mark.parametrize("signature", [DEVICE.octets(ATTEST), DEVICE.sign(ATTEST)])
def test_with_a_certificate_for_the_attestation_key_windows_statements_are_evidence(signature: bytes) -> None:
    """Where the CA certified it, and its certificate lies beside the request."""
    attributes = windows_attributes(ATTEST, signature, PUBLIC)
    piece = found({"request.der": request(*attributes.items()), "chain.pem": PEM})
    assert piece.evidence == GOOD
    assert piece.request is not None


def _changed(change: Callable[[bytearray], object]) -> bytes:
    blob = bytearray(BLOB[4:])
    change(blob)
    return encode(OCTET_STRING, bytes(blob))


@pytest.mark.parametrize(
    "value",
    [
        encode(SEQUENCE),
        encode(OCTET_STRING),
        encode(OCTET_STRING, BLOB[4:30]),
        _changed(lambda blob: blob.__setitem__(0, 0)),
        _changed(lambda blob: blob.__setitem__(8, 1)),
        _changed(lambda blob: blob.__setitem__(12, 29)),
        _changed(lambda blob: blob.__setitem__(16, 0xFF)),
        _changed(lambda blob: blob.append(0)),
        _changed(lambda blob: blob.__setitem__(slice(48, 52), b"KADX")),
        _changed(lambda blob: blob.__delitem__(slice(60, None))),
    ],
)
def test_malformed_statements_of_windows_are_named(value: bytes) -> None:
    """Lengths, versions and marks must be as Windows writes them."""
    with pytest.raises(ParseError, match=r"attestation statement|TPM's|DER"):
        collect({"request.der": request((WINDOWS_STATEMENT, value)), "chain.pem": PEM}, ANCHORS)
