# SPDX-License-Identifier: Apache-2.0
"""Certificates are written as they are asked for, and read by other libraries."""

import pytest
from cryptography import x509

from keystead.certificate.x509 import parse_certificate, parse_vendor_certificate
from keystead.errors import ParseError
from keystead.testvendor.certificates import (
    basic_constraints,
    certificate,
    common_name,
    extension,
    key_usage,
    name,
    to_pem,
    validity,
)
from keystead.testvendor.keys import derive_key

KEY = derive_key(b"test certificates", "issuer")
NAME = common_name("Example")


def issue(*extensions: bytes, not_before: int = 0, not_after: int = 1, subject: bytes = NAME) -> bytes:
    """A certificate of the issuer by itself."""
    return certificate(
        subject=subject,
        spki=KEY.spki,
        issuer=NAME,
        key=KEY,
        not_before=not_before,
        not_after=not_after,
        extensions=extensions,
    )


def test_another_library_reads_and_verifies_it() -> None:
    """Fields, extensions and signature as `cryptography` sees them."""
    der = issue(basic_constraints(3), key_usage(5, 6), extension("1.2.3", b"value"))
    read = x509.load_der_x509_certificate(der)
    read.verify_directly_issued_by(read)
    assert read.subject.rfc4514_string() == "CN=Example"
    constraints = read.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(True, 3)
    usage = read.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert parse_certificate(der).extension("1.2.3").value == b"value"  # type: ignore[union-attr]


def test_without_extensions_it_is_version_1() -> None:
    """Some vendors' certificates are of version 1."""
    assert x509.load_der_x509_certificate(issue()).version is x509.Version.v1


@pytest.mark.parametrize(
    ("seconds", "tag", "text"),
    [
        (-631_152_000, 0x17, b"500101000000Z"),
        (2_524_607_999, 0x17, b"491231235959Z"),
        (2_524_608_000, 0x18, b"20500101000000Z"),
        (253_402_300_799, 0x18, b"99991231235959Z"),
    ],
)
def test_times_are_written_in_the_form_of_their_year(seconds: int, tag: int, text: bytes) -> None:
    """UTCTime from 1950 to 2049, GeneralizedTime beyond."""
    assert validity(seconds, seconds)[2 : 4 + len(text)] == bytes((tag, len(text))) + text
    assert parse_certificate(issue(not_before=seconds, not_after=seconds)).not_before == seconds


def test_the_serial_number_follows_from_the_content() -> None:
    """Equal content, equal certificate; another field, another serial number; never negative or padded."""
    assert issue() == issue()
    numbers = {parse_certificate(issue(not_after=moment)).serial for moment in range(50)}
    assert len(numbers) == 50
    assert all(0x40 <= number[0] < 0x80 for number in numbers)


def test_any_bytes_can_stand_in_a_name() -> None:
    """Hostile subjects go in as they are."""
    odd = name(("2.5.4.3", b"\xff\xfe", 0x0C), ("2.5.4.10", "a\0b\x1b[31m"), ("2.5.4.6", "SE", 0x13))
    assert parse_certificate(issue(subject=odd)).subject == odd


def test_malformed_certificates_can_be_made() -> None:
    """An extension twice: what a strict parser refuses and a vendor's may not."""
    der = issue(extension("1.2.3", b""), extension("1.2.3", b""))
    parse_vendor_certificate(der)
    with pytest.raises(ParseError, match="twice"):
        parse_certificate(der)


def test_pem_is_what_other_libraries_read() -> None:
    """Lines of 64 characters between the two boundaries."""
    text = to_pem(issue())
    assert max(len(line) for line in text.splitlines()) == 64
    x509.load_pem_x509_certificate(text.encode())
