# SPDX-License-Identifier: Apache-2.0
"""Certificates out of PEM files: what people have in them, and what is refused."""

import pytest
from hypothesis import given

from keystead.certificate.pem import certificates_from_pem, public_keys_from_pem
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError
from support.fuzzing import FUZZ, damaged, only_our_errors

ONE, TWO = b"\x30\x03\x02\x01\x01", bytes(range(256))


def pem(der: bytes, label: str = "CERTIFICATE", end: str = "\n") -> bytes:
    """A block with lines of 64 characters."""
    text = encode_base64(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return end.join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


BUNDLE = b"Subject: CN=x\n" + pem(ONE) + b"\nsome words\n" + pem(TWO, end="\r\n")


def test_certificates_come_in_order_whatever_stands_around_them() -> None:
    """Words between blocks, both kinds of line ends and blocks with other labels are passed over."""
    assert certificates_from_pem(BUNDLE) == [ONE, TWO]
    assert certificates_from_pem(pem(b"secret", "EC PRIVATE KEY") + pem(TWO)) == [TWO]
    assert certificates_from_pem(pem(ONE, "X509 CERTIFICATE") + pem(TWO, "TRUSTED CERTIFICATE")) == [ONE, TWO]
    assert certificates_from_pem(pem(TWO).rstrip(b"\n")) == [TWO]


def test_public_keys_are_read_likewise() -> None:
    """Blocks of public keys, and no others."""
    assert public_keys_from_pem(BUNDLE + pem(TWO, "PUBLIC KEY") + pem(ONE, "PRIVATE KEY")) == [TWO]
    with pytest.raises(ParseError):
        public_keys_from_pem(pem(ONE, "PUBLIC KEY")[:-8])


def test_a_file_without_certificates_has_none() -> None:
    """DER, text and nothing at all hold no PEM block."""
    for data in (b"", ONE, b"BEGIN CERTIFICATE", b" -----BEGIN CERTIFICATE-----\n"):
        assert certificates_from_pem(data) == []


@pytest.mark.parametrize(
    "data",
    [
        pem(ONE).replace(b"-----END CERTIFICATE-----", b""),
        pem(ONE).replace(b"-----END CERTIFICATE-----", b"-----END X509 CERTIFICATE-----"),
        b"-----BEGIN CERTIFICATE-----\nMAMCAQ\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAMCAQ==MAMC\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAMCAR==\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nKey: value\n\nMAMCAQE=\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n",
    ],
)
def test_broken_blocks_are_refused(data: bytes) -> None:
    """A block without its end, or with anything but canonical base64 in it, is an error at its BEGIN line."""
    with pytest.raises(ParseError) as caught:
        certificates_from_pem(b"words\n" + data)
    assert caught.value.offset == 6


@given(data=damaged(BUNDLE))
@FUZZ
def test_damaged_files_raise_only_parse_errors(data: bytes) -> None:
    """Whatever the file, only ParseError escapes."""
    only_our_errors(certificates_from_pem, data)
