# SPDX-License-Identifier: Apache-2.0
"""PKCS#10 requests are read strictly, with what they carry."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given

from keystead.devices.request import parse_request, verify_request
from keystead.encoding.der import OCTET_STRING, SEQUENCE, encode, encode_integer
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor.certificates import common_name, extension
from keystead.testvendor.containers import certification_request
from keystead.testvendor.keys import derive_key
from support.fuzzing import FUZZ, damaged, only_our_errors

KEY = derive_key(b"test request", "requested")
SUBJECT = common_name("Example")
CARRIED = encode(OCTET_STRING, b"carried")
GOOD = certification_request(
    SUBJECT,
    KEY,
    extensions=(extension("1.2.3", b"one"), extension("1.2.4", b"two", critical=True)),
    attributes=(("1.2.5", CARRIED),),
)


def test_a_request_gives_subject_key_and_all_that_it_carries() -> None:
    """Attributes as DER, requested extensions as the bytes inside."""
    request = parse_request(GOOD)
    assert request.der == GOOD
    assert request.subject == SUBJECT
    assert request.spki == KEY.spki
    assert request.values == (("1.2.5", CARRIED), ("1.2.3", b"one"), ("1.2.4", b"two"))


def test_requests_of_another_library_are_read() -> None:
    """A request that `cryptography` wrote has the same key and a good signature."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = parse_request(made.public_bytes(Encoding.DER))
    assert request.spki == key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert request.values == ()
    verify_request(request)


def test_a_request_by_another_key_shows_no_possession() -> None:
    """The request's signature must be by the key that it is about."""
    verify_request(parse_request(GOOD))
    foreign = certification_request(SUBJECT, KEY, spki=derive_key(b"test request", "another").spki)
    with pytest.raises(EvidenceError) as caught:
        verify_request(parse_request(foreign))
    assert caught.value.check == "request-signature"


def test_a_request_without_attributes_is_read() -> None:
    """Some tools leave the attributes out altogether."""
    info = encode(SEQUENCE, encode_integer(0), SUBJECT, KEY.spki)
    made = encode(SEQUENCE, info, KEY.algorithm, encode(0x03, b"\0", KEY.sign(info)))
    request = parse_request(made)
    assert request.values == ()
    verify_request(request)


@pytest.mark.parametrize(
    "der",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\0",
        encode(SEQUENCE),
        encode(SEQUENCE, encode(SEQUENCE), KEY.algorithm, encode(0x03, b"\0")),
        encode(
            SEQUENCE,
            encode(SEQUENCE, encode_integer(1), SUBJECT, KEY.spki),
            KEY.algorithm,
            encode(0x03, b"\0"),
        ),
        encode(
            SEQUENCE,
            encode(SEQUENCE, encode_integer(0), SUBJECT, KEY.spki),
            KEY.algorithm,
            encode(0x03, b"\1a"),
        ),
        encode(SEQUENCE, encode(SEQUENCE, encode_integer(0), SUBJECT, KEY.spki), KEY.algorithm, encode(0x03)),
        certification_request(SUBJECT, KEY, attributes=[("1.2.5", CARRIED)] * 66),
    ],
    ids=["empty", "short", "trailing", "no parts", "no info", "version 2", "odd bits", "no bits", "too many"],
)
def test_other_structures_are_refused(der: bytes) -> None:
    """Anything but a request is an error of ours."""
    with pytest.raises(ParseError):
        parse_request(der)


@FUZZ
@given(damaged(GOOD))
def test_damaged_requests_raise_our_errors_only(der: bytes) -> None:
    """Whatever parses is the whole input; nothing else escapes."""
    request = only_our_errors(parse_request, der)
    if request is not None:
        assert request.der == der
        only_our_errors(verify_request, request)


@pytest.mark.samples
def test_published_requests_carry_their_attestations(samples: Path) -> None:
    """Real requests with evidence as extensions: read, and signed by their own key, PSS among them."""
    folder = samples / "attestation" / "yubikey-piv" / "tamemycerts"
    files = sorted(folder.glob("*.pem"))
    assert len(files) == 3
    for file in files:
        made = x509.load_pem_x509_csr(file.read_bytes())
        request = parse_request(made.public_bytes(Encoding.DER))
        assert [oid for oid, _ in request.values] == ["1.3.6.1.4.1.41482.3.11", "1.3.6.1.4.1.41482.3.2"]
        verify_request(request)
