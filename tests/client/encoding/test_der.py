# SPDX-License-Identifier: Apache-2.0
"""DER is read in its one encoding, with asn1crypto as a second opinion."""

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding import der
from keystead.errors import ParseError

_CONTENTS = st.binary(max_size=20)
_TREES = st.recursive(
    st.tuples(st.sampled_from([der.INTEGER, der.OCTET_STRING, der.NULL, 0x80, 0x9E]), _CONTENTS),
    lambda inner: st.tuples(st.sampled_from([der.SEQUENCE, der.SET, 0xA0]), st.lists(inner, max_size=5)),
    max_leaves=12,
)


def _encode(tree: tuple[int, object]) -> bytes:
    tag, content = tree
    if isinstance(content, bytes):
        return der.encode(tag, content)
    assert isinstance(content, list)
    return der.encode(tag, *(_encode(child) for child in content))


def _decode(element: der.Element) -> tuple[int, object]:
    if element.tag & 0x20:
        return element.tag, [_decode(child) for child in element.children()]
    return element.tag, element.content


@given(_TREES)
def test_what_is_encoded_is_read_back(tree: tuple[int, object]) -> None:
    """Any tree of elements comes back as it was, and its bytes are what the element says it is encoded as."""
    data = _encode(tree)
    element = der.parse(data)
    assert _decode(element) == tree
    assert element.encoded == data


@given(st.binary(max_size=40) | _TREES.map(_encode), st.data())
def test_only_the_canonical_encoding_is_accepted(data: bytes, draw: st.DataObject) -> None:
    """Any bytes, and any bytes with one changed, either encode to themselves again or are a ParseError."""
    if data and draw.draw(st.booleans()):
        position = draw.draw(st.integers(0, len(data) - 1))
        data = data[:position] + bytes((draw.draw(st.integers(0, 255)),)) + data[position + 1 :]
    try:
        tree = _decode(der.parse(data))
    except ParseError:
        return
    assert _encode(tree) == data


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**24])
def test_lengths_around_their_forms(length: int) -> None:
    """Each form of a length begins where the shorter one ends."""
    data = der.encode(der.OCTET_STRING, bytes(length))
    assert len(der.parse(data).content) == length
    assert data == core.OctetString(bytes(length)).dump()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "ends where"),
        ("04", "ends where"),
        ("0401", "past its container"),
        ("040000", "trailing"),
        ("0480", "indefinite"),
        ("048100", "not minimal"),
        ("04817f", "not minimal"),
        ("0482007f", "not minimal"),
        ("048200ff", "not minimal"),
        ("04850000000001", "cannot be"),
        ("0484ffffffff", "past its container"),
        ("0481", "cannot be"),
        ("1f0100", "tag"),
        ("3f2100", "tag"),
        ("0000", "tag"),
    ],
)
def test_refuses_other_encodings(data: str, why: str) -> None:
    """Cut, long, indefinite and padded lengths, trailing bytes and tags that no format has are refused."""
    with pytest.raises(ParseError, match=why):
        der.parse(bytes.fromhex(data))


def test_a_child_stays_inside_its_parent() -> None:
    """An element that would reach past its container is refused where it begins, although bytes follow."""
    data = bytes.fromhex("30030402aa") + b"\xbb"
    with pytest.raises(ParseError) as caught:
        der.Element(data, 0, len(data)).children()
    assert caught.value.offset == 2


def test_a_primitive_has_no_children() -> None:
    """An OCTET STRING is not read as if it were constructed."""
    with pytest.raises(ParseError, match="primitive"):
        der.parse(bytes.fromhex("04020500")).children()


def test_another_tag_is_refused_by_name() -> None:
    """`expect` says what was expected to be there."""
    with pytest.raises(ParseError, match="the serial number has the tag 0x04, not 0x02"):
        der.parse(bytes.fromhex("0400")).expect(der.INTEGER, "the serial number")


@given(st.integers(-(2**80), 2**80) | st.integers(-260, 260))
def test_integers_agree_with_asn1crypto(value: int) -> None:
    """An INTEGER takes the fewest octets, and comes back."""
    data = der.encode_integer(value)
    assert data == core.Integer(value).dump()
    assert der.decode_integer(der.parse(data)) == value


@pytest.mark.parametrize("content", ["", "0001", "007f", "ffff", "ff80"])
def test_padded_integers_are_refused(content: str) -> None:
    """An INTEGER without octets, or with a first octet that says nothing, is refused."""
    with pytest.raises(ParseError, match="minimal"):
        der.decode_integer(der.parse(der.encode(der.INTEGER, bytes.fromhex(content))))


_OIDS = st.builds(
    lambda first, second, rest: ".".join(str(arc) for arc in (first, second, *rest)),
    st.integers(0, 2),
    st.integers(0, 39),
    st.lists(st.integers(0, 2**31) | st.integers(0, 200), max_size=8),
)


@given(_OIDS)
def test_object_identifiers_agree_with_asn1crypto(dotted: str) -> None:
    """An OBJECT IDENTIFIER is encoded as asn1crypto does it, and comes back."""
    data = der.encode_oid(dotted)
    assert data == core.ObjectIdentifier(dotted).dump()
    assert der.decode_oid(der.parse(data)) == dotted


def test_the_second_arc_under_2_may_be_large() -> None:
    """Under 2 the second number has no limit: 2.999 is X.690's own example of it."""
    assert der.encode_oid("2.999.3").hex() == "0603883703"
    assert der.decode_oid(der.parse(bytes.fromhex("0603883703"))) == "2.999.3"


@pytest.mark.parametrize("content", ["", "80", "8001", "2a80", "2a8001", "2a" * 65])
def test_malformed_object_identifiers_are_refused(content: str) -> None:
    """Empty, cut off, padded and overlong object identifiers are refused, each time."""
    element = der.parse(der.encode(der.OBJECT_IDENTIFIER, bytes.fromhex(content)))
    for _ in range(2):
        with pytest.raises(ParseError, match="an extension's id"):
            der.decode_oid(element, "an extension's id")


@given(st.binary(min_size=1, max_size=70))
def test_only_parse_errors_come_from_object_identifiers(content: bytes) -> None:
    """Any content is read to the dotted form that encodes to it again, or is a ParseError."""
    element = der.parse(der.encode(der.OBJECT_IDENTIFIER, content))
    try:
        dotted = der.decode_oid(element)
    except ParseError:
        return
    assert der.encode_oid(dotted) == element.encoded
