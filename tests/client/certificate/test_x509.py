# SPDX-License-Identifier: Apache-2.0
"""The walk through certificates: what it finds, what it refuses, and that it agrees with two other parsers."""

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509 as library
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.name import decode_name
from keystead.certificate.x509 import (
    KEY_CERT_SIGN,
    BasicConstraints,
    Certificate,
    basic_constraints,
    certificates_from_pem,
    extended_key_usages,
    extension_element,
    key_usage,
    parse_certificate,
    parse_tbs_certificate,
    parse_vendor_certificate,
)
from keystead.encoding.der import encode, encode_integer, parse
from keystead.errors import ParseError
from support.certificates import (
    CA,
    CODE_SIGNING,
    POISON,
    RawExtension,
    chain,
    ec_key,
    mint,
    purposes,
    rewrapped,
    subject,
)
from support.fuzzing import FUZZ, damaged, only_our_errors

PLAIN = chain().leaf
EXTENDED = mint(
    subject(C="SE", O="Exempel AB", CN="Exempel AB"),
    ec_key(7),
    None,
    [purposes(CODE_SIGNING), POISON, ("1.2.3.4", False, bytes(300)), CA],
    serial=2**64,
)


def published_certificates(samples: Path) -> list[bytes]:
    """Every certificate in PEM among the samples, subscribers' and vendors'."""
    files = sorted(path for path in samples.rglob("*") if path.suffix in {".pem", ".crt", ".cer"})
    found = [der for path in files for der in certificates_from_pem(path.read_bytes())]
    return list(dict.fromkeys(found))


def agrees_with_asn1crypto(certificate: Certificate) -> None:
    """Compare every field with a parser that shares nothing with ours."""
    other = asn1.Certificate.load(certificate.der, strict=True)
    tbs = other["tbs_certificate"]
    assert certificate.tbs == tbs.dump()
    assert certificate.version == {"v1": 1, "v3": 3}[tbs["version"].native]
    assert int.from_bytes(certificate.serial, signed=True) == tbs["serial_number"].native
    assert certificate.issuer == tbs["issuer"].dump()
    assert certificate.subject == tbs["subject"].dump()
    assert certificate.spki == tbs["subject_public_key_info"].dump()
    assert certificate.not_before == tbs["validity"]["not_before"].native.timestamp()
    assert certificate.not_after == tbs["validity"]["not_after"].native.timestamp()
    assert certificate.signature_algorithm == other["signature_algorithm"].dump()
    assert certificate.signature == other["signature_value"].native
    assert [(found.oid, found.critical, found.value) for found in certificate.extensions] == [
        (listed["extn_id"].dotted, listed["critical"].native, listed["extn_value"].contents)
        for listed in (tbs["extensions"] or ())
    ]


def agrees_with_cryptography(certificate: Certificate) -> None:
    """Compare every field with the library that the rest of the world reads certificates with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # serial number zero
        other = library.load_der_x509_certificate(certificate.der)
    assert certificate.tbs == other.tbs_certificate_bytes
    assert certificate.signature == other.signature
    assert int.from_bytes(certificate.serial, signed=True) == other.serial_number
    assert datetime.fromtimestamp(certificate.not_before, UTC) == other.not_valid_before_utc
    assert datetime.fromtimestamp(certificate.not_after, UTC) == other.not_valid_after_utc
    assert certificate.issuer == other.issuer.public_bytes()
    assert certificate.subject == other.subject.public_bytes()
    assert certificate.fingerprint == other.fingerprint(library.base.hashes.SHA256())


def test_minted_certificates_read_alike_in_three_parsers() -> None:
    """Our walk, asn1crypto and cryptography find the same fields in certificates that cryptography wrote."""
    minted = chain()
    for made in (minted.leaf, minted.intermediate, minted.root, EXTENDED):
        agrees_with_asn1crypto(made.certificate)
        agrees_with_cryptography(made.certificate)


@pytest.mark.samples
def test_published_certificates_read_alike_in_three_parsers(samples: Path) -> None:
    """Every published certificate that is DER reads the same; vendors' deviations are tolerated by name."""
    found = published_certificates(samples)
    assert len(found) > 80
    for der in found:
        certificate = parse_vendor_certificate(der)
        agrees_with_asn1crypto(certificate)
        assert only_our_errors(parse_certificate, der) in {None, certificate}


@pytest.mark.samples
def test_code_signing_certificates_are_as_their_index_says(samples: Path) -> None:
    """Subject, dates, serial number and key purposes of the published code-signing certificates."""
    folder = samples / "certificates"
    index = json.loads((folder / "index.json").read_bytes())
    assert len(index) == 32
    for listed in index:
        (der,) = certificates_from_pem((folder / listed["file"]).read_bytes())
        certificate = parse_certificate(der)
        agrees_with_cryptography(certificate)
        assert certificate.fingerprint.hex() == listed["sha256"]
        assert f"{int.from_bytes(certificate.serial):x}" == listed["serial"]
        assert extended_key_usages(certificate) == tuple(listed["eku"])
        assert [[item.oid, item.text] for item in decode_name(certificate.subject)] == listed["subject"]
        issuer = {item.label: item.text for item in decode_name(certificate.issuer)}
        assert (issuer["CN"], issuer["O"]) == (listed["issuer_cn"], listed["issuer_o"])
        dates = [
            datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
            for seconds in (certificate.not_before, certificate.not_after)
        ]
        assert dates == [listed["not_before"], listed["not_after"]]


def test_offsets_point_into_the_certificate() -> None:
    """An extension's offset is where its value lies in the whole certificate, and in a TBSCertificate alone."""
    certificate = EXTENDED.certificate
    for found in certificate.extensions:
        assert certificate.der[found.offset : found.offset + len(found.value)] == found.value
    alone = parse_tbs_certificate(certificate.tbs)
    assert [found.value for found in alone.extensions] == [found.value for found in certificate.extensions]
    for found in alone.extensions:
        assert alone.tbs[found.offset : found.offset + len(found.value)] == found.value


def test_a_tbs_certificate_alone_has_the_same_fields() -> None:
    """What a precert_entry holds reads like the certificate it was taken from, without a signature."""
    whole = EXTENDED.certificate
    alone = parse_tbs_certificate(whole.tbs)
    for field in ("tbs", "version", "serial", "issuer", "subject", "not_before", "not_after", "spki"):
        assert getattr(alone, field) == getattr(whole, field)
    assert alone.signature == b""
    assert alone != whole
    with pytest.raises(ParseError, match="does not end with its bytes"):
        parse_tbs_certificate(whole.tbs + b"\x00")


def test_extension_finds_the_first_or_none() -> None:
    """An extension is found by its dotted identifier; an absent one is None."""
    certificate = EXTENDED.certificate
    poison = certificate.extension(POISON[0])
    assert poison is not None
    assert (poison.oid, poison.critical, poison.value) == POISON
    assert certificate.extension("1.2.3.5") is None


def _replace(index: int, field: bytes) -> Callable[[list[bytes]], None]:
    def edit(fields: list[bytes]) -> None:
        fields[index] = field

    return edit


def _extensions(*extensions: bytes) -> Callable[[list[bytes]], None]:
    return _replace(-1, encode(0xA3, encode(0x30, *extensions)))


def _times(*times: bytes) -> Callable[[list[bytes]], None]:
    return _replace(4, encode(0x30, *times))


_EXTENSION = encode(0x30, b"\x06\x03\x2a\x03\x04", b"\x04\x00")
_UTC = encode(0x17, b"260101000000Z")

MALFORMED = {
    "version 1 written out": (_replace(0, b"\xa0\x03\x02\x01\x00"), "neither 1 nor 3"),
    "version 2": (_replace(0, b"\xa0\x03\x02\x01\x01"), "neither 1 nor 3"),
    "version as a string": (_replace(0, b"\xa0\x03\x04\x01\x02"), "neither 1 nor 3"),
    "serial number with a needless zero": (_replace(1, b"\x02\x02\x00\x01"), "minimal"),
    "serial number that is empty": (_replace(1, b"\x02\x00"), "minimal"),
    "serial number that is no INTEGER": (_replace(1, b"\x04\x01\x01"), "serial number has the tag"),
    "issuer that is a set": (_replace(3, b"\x31\x00"), "issuer has the tag"),
    "one time": (_times(_UTC), "not two times"),
    "three times": (_times(_UTC, _UTC, _UTC), "not two times|has the tag"),
    "time without seconds": (_times(encode(0x17, b"2601010000Z"), _UTC), "YYMMDDHHMMSSZ"),
    "time with a zone": (_times(encode(0x17, b"260101000000+0000"), _UTC), "YYMMDDHHMMSSZ"),
    "time with a fraction": (_times(encode(0x18, b"20260101000000.5Z"), _UTC), "YYMMDDHHMMSSZ"),
    "time with a space": (_times(encode(0x17, b" 60101000000Z"), _UTC), "YYMMDDHHMMSSZ"),
    "time with a sign": (_times(encode(0x17, b"+60101000000Z"), _UTC), "YYMMDDHHMMSSZ"),
    "the thirtieth of February": (_times(_UTC, encode(0x17, b"260230000000Z")), "day that does not exist"),
    "the year zero": (_times(encode(0x18, b"00000101000000Z"), _UTC), "day that does not exist"),
    "twenty-four o'clock": (_times(_UTC, encode(0x17, b"260101240000Z")), "moment that does not exist"),
    "a leap second": (_times(_UTC, encode(0x17, b"261231235960Z")), "moment that does not exist"),
    "time as a string": (_times(encode(0x0C, b"260101000000Z"), _UTC), "neither UTCTime nor GeneralizedTime"),
    "no extensions in their list": (_extensions(), "list of extensions is empty"),
    "one extension twice": (_extensions(_EXTENSION, _EXTENSION), "1.2.3.4 is there twice"),
    "critical FALSE written out": (
        _extensions(encode(0x30, b"\x06\x03\x2a\x03\x04", b"\x01\x01\x00", b"\x04\x00")),
        "critical flag is not DER",
    ),
    "critical TRUE as in BER": (
        _extensions(encode(0x30, b"\x06\x03\x2a\x03\x04", b"\x01\x01\x01", b"\x04\x00")),
        "critical flag is not DER",
    ),
    "an extension without an identifier": (_extensions(encode(0x30, b"\x04\x00")), "its identifier"),
    "an extension with a padded identifier": (
        _extensions(encode(0x30, b"\x06\x03\x2a\x80\x04", b"\x04\x00")),
        "padded arc",
    ),
    "an extension without a value": (_extensions(encode(0x30, b"\x06\x03\x2a\x03\x04")), "OCTET STRING"),
    "an extension with something after its value": (
        _extensions(encode(0x30, b"\x06\x03\x2a\x03\x04", b"\x04\x00", b"\x05\x00")),
        "does not end with its value",
    ),
    "a value that reaches out of its extension": (
        _extensions(encode(0x30, b"\x06\x03\x2a\x03\x04", b"\x04\x02"), b"\x30\x00"),
        "does not end with its value",
    ),
    "a field after the extensions": (lambda fields: fields.append(b"\x05\x00"), "last field"),
    "extensions without a version": (lambda fields: fields.pop(0), "last field"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_not_der_or_not_a_certificate_is_refused(case: str) -> None:
    """Each deviation from DER or RFC 5280 is refused with a sentence that says which."""
    edit, sentence = MALFORMED[case]
    der = rewrapped(EXTENDED.der, edit)
    with pytest.raises(ParseError, match=sentence):
        parse_certificate(der)


OUTER = {
    "two algorithms that differ": (
        _replace(1, b"\x30\x03\x06\x01\x2a"),
        "algorithms inside and outside differ",
    ),
    "a signature of seven bits": (_replace(2, b"\x03\x02\x01\x00"), "whole number of octets"),
    "an empty signature": (_replace(2, b"\x03\x00"), "whole number of octets"),
    "a fourth field": (lambda fields: fields.append(b"\x05\x00"), "does not end with its signature"),
    "no signature": (lambda fields: fields.pop(), "ends early"),
}


@pytest.mark.parametrize("case", OUTER)
def test_a_malformed_frame_is_refused(case: str) -> None:
    """The three fields around the TBSCertificate are read as strictly as those inside."""
    edit, sentence = OUTER[case]
    with pytest.raises(ParseError, match=sentence):
        parse_certificate(rewrapped(EXTENDED.der, edit, outer=True))


@pytest.mark.parametrize(
    ("der", "sentence"),
    [
        (PLAIN.der + b"\x00", "does not end with its bytes"),
        (PLAIN.der[:-1], "does not end with its bytes"),
        (b"", "ends early"),
        (b"\x30", "ends early"),
        (b"\x30\x80\x00\x00", "length is indefinite"),
        (b"\x30\x81\x05" + bytes(5), "not minimal"),
        (b"\x30\x85\x01\x00\x00\x00\x00", "cannot be"),
        (b"\x31\x00", "the certificate has the tag 0x31"),
    ],
)
def test_bytes_that_are_no_certificate_are_refused(der: bytes, sentence: str) -> None:
    """Cut off, trailing, indefinite and padded: none is a certificate."""
    with pytest.raises(ParseError, match=sentence):
        parse_certificate(der)


def test_vendor_certificates_may_deviate_where_vendors_do() -> None:
    """Encoded defaults, negative serial numbers, doubled extensions and two algorithms are read when asked for."""
    deviations: list[Callable[[list[bytes]], None]] = [
        MALFORMED["critical FALSE written out"][0],
        MALFORMED["one extension twice"][0],
        MALFORMED["no extensions in their list"][0],
        _replace(1, b"\x02\x01\x80"),
    ]
    for edit in deviations:
        der = rewrapped(EXTENDED.der, edit)
        with pytest.raises(ParseError):
            parse_certificate(der)
        assert parse_vendor_certificate(der).subject == EXTENDED.certificate.subject
    der = rewrapped(EXTENDED.der, OUTER["two algorithms that differ"][0], outer=True)
    assert parse_vendor_certificate(der).signature_algorithm == b"\x30\x03\x06\x01\x2a"
    with pytest.raises(ParseError, match="critical flag is not DER"):
        parse_vendor_certificate(rewrapped(EXTENDED.der, MALFORMED["critical TRUE as in BER"][0]))


def test_version_1_certificates_have_no_extensions() -> None:
    """A certificate of version 1 is read, by both parsers."""

    def to_version_1(fields: list[bytes]) -> None:
        del fields[0], fields[-1]

    der = rewrapped(EXTENDED.der, to_version_1)
    for read in (parse_certificate, parse_vendor_certificate):
        certificate = read(der)
        assert (certificate.version, certificate.extensions) == (1, ())


def test_unique_identifiers_are_read_over() -> None:
    """The two fields that nobody uses any more may stand before the extensions, in their order."""
    first, second = b"\x81\x02\x00\x01", b"\x82\x02\x00\x02"

    def edit(*between: bytes) -> bytes:
        return rewrapped(EXTENDED.der, lambda fields: fields.__setitem__(slice(-1, -1), between))

    assert parse_certificate(edit(first, second)).extensions != ()
    assert parse_certificate(edit(second)).extensions != ()
    with pytest.raises(ParseError, match="extensions has the tag"):
        parse_certificate(edit(second, first))


@pytest.mark.parametrize(
    ("text", "tag", "moment"),
    [
        (b"500101000000Z", 0x17, datetime(1950, 1, 1, tzinfo=UTC)),
        (b"491231235959Z", 0x17, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"20500101000000Z", 0x18, datetime(2050, 1, 1, tzinfo=UTC)),
        (b"99991231235959Z", 0x18, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"000229120000Z", 0x17, datetime(2000, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_both_forms(text: bytes, tag: int, moment: datetime) -> None:
    """UTCTime covers 1950 to 2049, GeneralizedTime every year (RFC 5280 section 4.1.2.5)."""
    der = rewrapped(EXTENDED.der, _times(encode(tag, text), encode(0x18, b"99991231235959Z")))
    assert parse_certificate(der).not_before == moment.timestamp()


def _with(extension: RawExtension) -> Certificate:
    return mint(subject(CN="x"), ec_key(8), None, [extension]).certificate


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x30\x00", BasicConstraints(False, None)),
        (b"\x30\x03\x01\x01\x00", BasicConstraints(False, None)),
        (b"\x30\x03\x01\x01\xff", BasicConstraints(True, None)),
        (b"\x30\x06\x01\x01\xff\x02\x01\x03", BasicConstraints(True, 3)),
        (b"\x30\x03\x02\x01\x00", BasicConstraints(False, 0)),
        (b"\x30\x03\x01\x01\x01", None),
        (b"\x30\x03\x02\x01\xff", None),
        (b"\x30\x06\x02\x01\x00\x01\x01\xff", None),
        (b"\x30\x00\x00", None),
        (b"\x31\x00", None),
    ],
)
def test_basic_constraints(value: bytes, expected: BasicConstraints | None) -> None:
    """Basic constraints are read, an encoded FALSE included; what is malformed is refused."""
    certificate = _with(("2.5.29.19", True, value))
    if expected is None:
        with pytest.raises(ParseError):
            basic_constraints(certificate)
    else:
        assert basic_constraints(certificate) == expected
    assert basic_constraints(PLAIN.certificate) is None


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (b"\x03\x02\x02\x84", {0, KEY_CERT_SIGN}),
        (b"\x03\x02\x07\x80", {0}),
        (b"\x03\x03\x07\x00\x80", {8}),
        (b"\x03\x01\x00", set()),
        (b"\x03\x00", None),
        (b"\x03\x02\x08\x80", None),
        (b"\x04\x02\x07\x80", None),
    ],
)
def test_key_usage(value: bytes, bits: set[int] | None) -> None:
    """The bits of keyUsage are numbered from the most significant; no BIT STRING, no usage."""
    certificate = _with(("2.5.29.15", True, value))
    if bits is None:
        with pytest.raises(ParseError):
            key_usage(certificate)
    else:
        assert key_usage(certificate) == bits
    assert key_usage(PLAIN.certificate) is None


def test_key_purposes_keep_their_order() -> None:
    """Key purposes are dotted and in the certificate's order; an empty or malformed list is refused."""
    assert extended_key_usages(_with(purposes("1.2.3", CODE_SIGNING))) == ("1.2.3", CODE_SIGNING)
    assert extended_key_usages(mint(subject(CN="x"), ec_key(8)).certificate) == ()
    for value in (b"\x30\x00", b"\x30\x02\x05\x00", b"\x30\x03\x06\x01\x80", b"\x04\x00"):
        certificate = _with(("2.5.29.37", False, value))
        with pytest.raises(ParseError) as caught:
            extended_key_usages(certificate)
        offset = caught.value.offset
        assert offset is not None
        extension = certificate.extension("2.5.29.37")
        assert extension is not None
        assert extension.offset <= offset <= extension.offset + len(value)


def test_extension_element_refuses_trailing_bytes() -> None:
    """The value of an extension is one element."""
    certificate = _with(("1.2.3", False, b"\x05\x00\x05\x00"))
    with pytest.raises(ParseError, match="trailing bytes"):
        extension_element(certificate, "1.2.3", "a thing")


def test_equality_is_of_bytes() -> None:
    """Two parses of the same bytes are equal and hash alike; other bytes are not equal."""
    assert parse_certificate(PLAIN.der) == parse_certificate(PLAIN.der)
    assert hash(parse_certificate(PLAIN.der)) == hash(parse_certificate(PLAIN.der))
    assert parse_certificate(PLAIN.der) != EXTENDED.certificate
    assert parse_certificate(PLAIN.der) != PLAIN.der


def test_no_beginning_of_a_certificate_is_a_certificate() -> None:
    """Every truncation is refused by every parser, and by nothing but ParseError."""
    for der in (PLAIN.der, EXTENDED.der):
        for length in range(len(der)):
            for read in (parse_certificate, parse_vendor_certificate):
                with pytest.raises(ParseError):
                    read(der[:length])
        tbs = parse_certificate(der).tbs
        for length in range(len(tbs)):
            with pytest.raises(ParseError):
                parse_tbs_certificate(tbs[:length])


def consists_of_whole_elements(certificate: Certificate) -> None:
    """Check with the plain DER reader, container by container, what the walk only checks at their ends."""
    outer = parse(certificate.der).children()
    assert [element.tag for element in outer] == [0x30, 0x30, 0x03]
    assert outer[0].encoded == certificate.tbs
    fields = outer[0].children()
    assert encode(0x02, certificate.serial) in [field.encoded for field in fields]
    for name in ("issuer", "subject", "spki"):
        assert getattr(certificate, name) in [field.encoded for field in fields]
    listed = fields[-1].children()[0].children() if certificate.spans else []
    assert len(listed) == len(certificate.extensions)
    for element, extension in zip(listed, certificate.extensions, strict=True):
        members = element.children()
        assert len(members) == 2 + (members[1].tag == 0x01)
        assert members[-1].content == extension.value


@given(der=damaged(PLAIN.der, EXTENDED.der))
@FUZZ
def test_damaged_certificates_raise_only_parse_errors(der: bytes) -> None:
    """Whatever the bytes, a parser answers with a certificate whose containers close, or with ParseError."""
    for read in (parse_certificate, parse_vendor_certificate):
        certificate = only_our_errors(read, der)
        if certificate is not None:
            consists_of_whole_elements(certificate)
            for interpret in (extended_key_usages, basic_constraints, key_usage):
                only_our_errors(interpret, certificate)


@given(
    position=st.integers(0, len(EXTENDED.der) - 1),
    octet=st.integers(0, 255),
    count=st.integers(1, 3),
)
@FUZZ
def test_one_changed_length_never_leads_the_walk_astray(position: int, octet: int, count: int) -> None:
    """Overwriting octets, the lengths among them, gives ParseError or a certificate that is whole."""
    der = EXTENDED.der[:position] + bytes([octet]) * count + EXTENDED.der[position + count :]
    certificate = only_our_errors(parse_certificate, der)
    if certificate is not None:
        consists_of_whole_elements(certificate)


def test_every_single_octet_changed_leaves_certificates_whole() -> None:
    """Exhaustive over positions: each octet replaced by each of the values that DER gives a meaning to."""
    for position in range(len(PLAIN.der)):
        for octet in (0x00, 0x01, 0x02, 0x05, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xA3, 0xFF):
            der = PLAIN.der[:position] + bytes([octet]) + PLAIN.der[position + 1 :]
            certificate = only_our_errors(parse_certificate, der)
            if certificate is not None:
                consists_of_whole_elements(certificate)


def test_a_serial_number_of_any_length_is_read() -> None:
    """A log records history: serial numbers longer than RFC 5280 allows are read."""
    der = rewrapped(EXTENDED.der, _replace(1, encode_integer(2**1000)))
    assert int.from_bytes(parse_certificate(der).serial) == 2**1000
