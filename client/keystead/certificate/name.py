# SPDX-License-Identifier: Apache-2.0
"""Distinguished names (RFC 5280 section 4.1.2.4), decoded and shown.

Subjects are written by strangers. `display` gives RFC 4514 text in which nothing can move a terminal's
cursor, reverse the reading order or hide: such characters appear as escaped UTF-8 octets (section 2.4 allows
that for any character). `printable` does the same for any other text of strangers.

Text is decoded from UTF8String; PrintableString, IA5String and NumericString below 0x80; BMPString without
surrogates; and T61String as Latin-1. A value of another type, or one that is not what its type says, has no
text.
"""

import unicodedata
from typing import NamedTuple

from keystead.encoding.der import OBJECT_IDENTIFIER, SEQUENCE, SET, oid_text, read_header
from keystead.errors import ParseError

__all__ = ["LABELS", "Attribute", "decode_name", "decode_text", "display", "printable"]

_UTF8_STRING = 0x0C
_ASCII_STRINGS = frozenset({0x12, 0x13, 0x16})  # NumericString, PrintableString, IA5String
_T61_STRING = 0x14
_BMP_STRING = 0x1E

LABELS = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "givenName",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}
"""Short names of types, by their dotted forms."""

_SPECIAL = frozenset('",+;<>\\')
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that are shown as octets: controls and format characters (bidirectional overrides, zero
widths, tags), what is not assigned or private, and line separators."""


class Attribute(NamedTuple):
    """One attribute of a name; a tuple, because a monitor decodes several for each entry of a log.

    Attributes:
        oid: the dotted type.
        text: the value, or None where its type or its bytes have no text.
        raw: the content octets of the value.
        tag: the identifier octet of the value.
        rdn: which relative distinguished name it belongs to, from 0.
    """

    oid: str
    text: str | None
    raw: bytes
    tag: int
    rdn: int

    @property
    def label(self) -> str:
        """The usual short name of the type, or its dotted form."""
        return LABELS.get(self.oid, self.oid)


def decode_text(tag: int, raw: bytes) -> str | None:
    """The text of a string value, or None where it has none by the rules of this module."""
    try:
        if tag == _UTF8_STRING:
            return raw.decode("utf-8")
        if tag in _ASCII_STRINGS:
            return raw.decode("ascii")
        if tag == _T61_STRING:
            return raw.decode("latin-1")
        if tag == _BMP_STRING:
            text = raw.decode("utf-16-be")
            return text if len(text) * 2 == len(raw) else None  # a surrogate pair would be shorter
    except UnicodeDecodeError:
        pass
    return None


def decode_name(der: bytes) -> tuple[Attribute, ...]:
    """The attributes of a Name, in the order of the DER.

    Raises:
        ParseError: it is no RDNSequence.
    """
    tag, position, end = read_header(der, 0, len(der))
    if tag != SEQUENCE or end != len(der):
        raise ParseError("a name is no single SEQUENCE", offset=0)
    attributes: list[Attribute] = []
    rdn = 0
    while position < end:
        tag, member, stop = read_header(der, position, end)
        if tag != SET or member == stop:
            raise ParseError("a relative distinguished name is empty or no SET", offset=position)
        while member < stop:
            attribute, member = _read_attribute(der, member, stop, rdn)
            attributes.append(attribute)
        position = stop
        rdn += 1
    return tuple(attributes)


def _read_attribute(der: bytes, position: int, limit: int, rdn: int) -> tuple[Attribute, int]:
    """The AttributeTypeAndValue at `position`, and the offset just behind it."""
    tag, start, end = read_header(der, position, limit)
    oid_tag, oid_start, after = read_header(der, start, end)
    value_tag, value_start, value_end = read_header(der, after, end)
    if tag != SEQUENCE or oid_tag != OBJECT_IDENTIFIER or value_end != end:
        raise ParseError("an attribute is not a type and a value", offset=position)
    try:
        oid = oid_text(der[oid_start:after])
    except ParseError as error:
        raise ParseError(str(error), offset=start) from error
    raw = der[value_start:end]
    return Attribute(oid, decode_text(value_tag, raw), raw, value_tag, rdn), end


def display(der: bytes) -> str:
    """A name for people: RFC 4514, the most specific part first, safe to print anywhere.

    Known types have their usual names and unknown ones their dotted form; a value without text is `#` and
    hex. What is no Name at all is shown as `#` and hex too.
    """
    try:
        attributes = decode_name(der)
    except ParseError:
        return "#" + der.hex()
    parts: dict[int, list[str]] = {}
    for attribute in attributes:
        value = "#" + attribute.raw.hex() if attribute.text is None else _escape(attribute.text)
        parts.setdefault(attribute.rdn, []).append(f"{attribute.label}={value}")
    return ",".join("+".join(parts[rdn]) for rdn in sorted(parts, reverse=True))


def _escape(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in _SPECIAL else _visible(c) for c in text)
    # RFC 4514 section 2.4: a space at either end and a number sign at the beginning.
    if text[:1] in {" ", "#"}:
        escaped = "\\" + escaped
    if text[-1:] == " " and len(text) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def printable(text: str) -> str:
    """`text` with everything that could act on a terminal or hide from a reader as `\\xx` octets of UTF-8."""
    if text.isascii() and text.isprintable():
        return text  # as most names are
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8", "surrogatepass"))
