# SPDX-License-Identifier: Apache-2.0
"""Base64 and base16 have one spelling each."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding.rfc4648 import decode_base16, decode_base64, decode_digest, encode_base64
from keystead.errors import ParseError

# RFC 4648 section 10.
_BASE64 = [
    (b"", ""),
    (b"f", "Zg=="),
    (b"fo", "Zm8="),
    (b"foo", "Zm9v"),
    (b"foob", "Zm9vYg=="),
    (b"fooba", "Zm9vYmE="),
    (b"foobar", "Zm9vYmFy"),
]


@pytest.mark.parametrize(("data", "text"), _BASE64)
def test_base64_vectors_of_the_rfc(data: bytes, text: str) -> None:
    """The test vectors of RFC 4648 section 10 encode and decode."""
    assert encode_base64(data) == text
    assert decode_base64(text) == data
    assert decode_base64(text.encode()) == data


@given(st.binary(max_size=200))
def test_base64_agrees_with_the_standard_library(data: bytes) -> None:
    """Any bytes are encoded as the standard library does, and decoded again."""
    text = encode_base64(data)
    assert text == base64.b64encode(data).decode()
    assert decode_base64(text) == data


@given(
    st.text(alphabet="AQg/+-_= \n\0é\ud800", max_size=16)
    | st.text(alphabet="ABCDwxyz0189+/=", max_size=12)
    | st.binary(max_size=16)
)
def test_base64_is_accepted_only_in_its_canonical_form(text: str | bytes) -> None:
    """Whatever is accepted encodes to the same text again; everything else is a ParseError."""
    try:
        data = decode_base64(text)
    except ParseError:
        return
    assert encode_base64(data).encode() == (text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "text",
    [
        "Zg",
        "Zg=",
        "Zg===",
        "Zh==",
        "Zm9=",
        "Zm 9v",
        "Zm9v\n",
        "Zm9v====",
        "Z",
        "=",
        "Zm-_",
        "Zm9vé",
        "\ud800",
        "Zg==Zg==",
    ],
)
def test_base64_refuses_other_spellings(text: str) -> None:
    """Missing or surplus padding, set pad bits, white space, the URL alphabet and non-ASCII text are refused."""
    with pytest.raises(ParseError, match="a certificate"):
        decode_base64(text, "a certificate")


@given(st.binary(max_size=100))
def test_base16_reads_lowercase(data: bytes) -> None:
    """Any bytes are read back from their lowercase digits."""
    assert decode_base16(data.hex()) == data


@given(st.text(alphabet="0123456789abcdefABCDEF xg\n٣", max_size=12))
def test_base16_is_accepted_only_in_its_canonical_form(text: str) -> None:
    """Whatever is accepted is the lowercase text of what comes out; everything else is a ParseError."""
    try:
        data = decode_base16(text)
    except ParseError:
        return
    assert data.hex() == text


@pytest.mark.parametrize("text", ["A0", "0", "0g", " 00", "00 ", "0x00", "a b ", "٣٣"])
def test_base16_refuses_other_spellings(text: str) -> None:
    """Capitals, half a byte, spaces, prefixes and foreign digits are refused."""
    with pytest.raises(ParseError):
        decode_base16(text)


def test_a_digest_has_64_digits() -> None:
    """A digest is 32 bytes, neither fewer nor more."""
    assert decode_digest("ab" * 32) == b"\xab" * 32
    for text in ("", "ab" * 31, "ab" * 33, "AB" * 32, "ag" * 32):
        with pytest.raises(ParseError):
            decode_digest(text)
