# SPDX-License-Identifier: Apache-2.0
"""Names: which values have a text, and that no name can act on a terminal."""

import unicodedata

import pytest
from cryptography import x509 as library
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.name import decode_name, decode_text, display, printable
from keystead.encoding.der import encode, encode_oid
from keystead.errors import ParseError
from support.certificates import subject
from support.fuzzing import FUZZ, damaged, only_our_errors

UTF8, NUMERIC, PRINTABLE, T61, IA5, UNIVERSAL, BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1C, 0x1E
COMMON_NAME, ORGANIZATION, COUNTRY = "2.5.4.3", "2.5.4.10", "2.5.4.6"


def attribute(oid: str, tag: int, raw: bytes) -> bytes:
    """An AttributeTypeAndValue."""
    return encode(0x30, encode_oid(oid), encode(tag, raw))


def name(*rdns: tuple[bytes, ...]) -> bytes:
    """A Name of sets of attributes."""
    return encode(0x30, *(encode(0x31, *rdn) for rdn in rdns))


@pytest.mark.parametrize(
    ("tag", "raw", "text"),
    [
        (UTF8, "Ж漢😀".encode(), "Ж漢😀"),
        (UTF8, b"\xff", None),
        (UTF8, b"\xed\xa0\x80", None),
        (UTF8, b"\xc0\x80", None),
        (PRINTABLE, b"a*b", "a*b"),
        (PRINTABLE, b"\xe9", None),
        (IA5, b"a@b", "a@b"),
        (IA5, b"\x80", None),
        (NUMERIC, b"12", "12"),
        (T61, b"\xe9", "é"),
        (BMP, "Ж漢".encode("utf-16-be"), "Ж漢"),
        (BMP, "😀".encode("utf-16-be"), None),
        (BMP, b"\xd8\x00", None),
        (BMP, b"\x00", None),
        (BMP, b"\xfe\xff\x00a", "\ufeffa"),
        (UNIVERSAL, b"\x00\x00\x00a", None),
        (0x04, b"a", None),
        (UTF8, b"", ""),
    ],
)
def test_text_is_decoded_as_the_identifiers_demand(tag: int, raw: bytes, text: str | None) -> None:
    """Five types have a text, each by its own rule; nothing is guessed."""
    assert decode_text(tag, raw) == text


def test_attributes_come_in_order_with_their_place() -> None:
    """Multi-valued parts are kept apart from single ones, and values without text keep their bytes."""
    der = name(
        (attribute(COUNTRY, PRINTABLE, b"SE"),),
        (attribute(ORGANIZATION, UTF8, b"x"), attribute("1.2.3", 0x04, b"\x01")),
    )
    found = [(item.label, item.text, item.raw, item.tag, item.rdn) for item in decode_name(der)]
    assert found == [
        ("C", "SE", b"SE", PRINTABLE, 0),
        ("O", "x", b"x", UTF8, 1),
        ("1.2.3", None, b"\x01", 0x04, 1),
    ]
    assert decode_name(b"\x30\x00") == ()


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x31\x00",
        name(()),
        b"\x30\x00\x00",
        encode(0x30, attribute(COMMON_NAME, UTF8, b"x")),
        name((b"\x05\x00",)),
        name((encode(0x30, encode_oid(COMMON_NAME)),)),
        name((encode(0x30, encode_oid(COMMON_NAME), b"\x0c\x00", b"\x0c\x00"),)),
        name((encode(0x30, b"\x0c\x00", b"\x0c\x00"),)),
    ],
)
def test_what_is_no_name_is_refused_and_still_shown(der: bytes) -> None:
    """Decoding refuses it; showing it gives its octets."""
    with pytest.raises(ParseError):
        decode_name(der)
    assert display(der) == "#" + der.hex()


def test_names_are_shown_as_rfc_4514_has_them() -> None:
    """The most specific part first, special characters escaped, as the library writes them too."""
    der = subject(C="SE", O='Åke, "Söner" & <Co>; a+b=c\\d', CN=" #x ").public_bytes()
    shown = display(der)
    assert shown == 'CN=\\ #x\\ ,O=Åke\\, \\"Söner\\" & \\<Co\\>\\; a\\+b=c\\\\d,C=SE'
    assert library.Name.from_rfc4514_string(shown).public_bytes() == der
    assert display(subject(CN="#1").public_bytes()) == "CN=\\#1"
    assert display(subject(CN=" ").public_bytes()) == "CN=\\ "
    assert display(b"\x30\x00") == ""
    both = name(
        (attribute(COUNTRY, PRINTABLE, b"SE"),),
        (attribute(ORGANIZATION, UTF8, b"x"), attribute(COMMON_NAME, UNIVERSAL, b"\x00")),
    )
    assert display(both) == "O=x+CN=#00,C=SE"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\1b[2Jb"),
        ("a\r\nb\x00", "a\\0d\\0ab\\00"),
        ("abc\u202excod.exe", "abc\\e2\\80\\aexcod.exe"),
        ("a\u200bb\u2066c", "a\\e2\\80\\8bb\\e2\\81\\a6c"),
        ("x\x9b31m", "x\\c2\\9b31m"),
        ("line\u2028line", "line\\e2\\80\\a8line"),
        ("\ud800", "\\ed\\a0\\80"),
        ("\ue000\U000e0041", "\\ee\\80\\80\\f3\\a0\\81\\81"),
        ("Åse Žižek 漢字 ไทย é", "Åse Žižek 漢字 ไทย é"),
    ],
)
def test_nothing_in_a_text_acts_on_a_terminal(text: str, shown: str) -> None:
    """Controls, bidirectional overrides, zero widths and tags appear as octets; letters of any script stay."""
    assert printable(text) == shown


@given(text=st.text())
@FUZZ
def test_shown_names_hold_no_control_or_format_character(text: str) -> None:
    """Whatever the subject says, what is printed has no character of a dangerous category."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    for shown in (printable(text), display(name((attribute(ORGANIZATION, UTF8, raw),)))):
        assert not {unicodedata.category(character) for character in shown} & {
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Zl",
            "Zp",
        }


@given(
    der=damaged(
        subject(C="SE", O="Exempel AB", CN="x").public_bytes(),
        name((attribute(ORGANIZATION, BMP, b"\x00a"),)),
    )
)
@FUZZ
def test_damaged_names_raise_only_parse_errors(der: bytes) -> None:
    """Decoding raises only ParseError, and showing never fails."""
    only_our_errors(decode_name, der)
    assert isinstance(display(der), str)
