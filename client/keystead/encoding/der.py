# SPDX-License-Identifier: Apache-2.0
"""The Distinguished Encoding Rules of ITU-T X.690, read strictly and written.

An `Element` is a view of one tag-length-value inside a larger byte string; nothing is copied until `content`
or `encoded` is asked for. `read_header` is the same without the object: the hot path walks certificates with
it.

Invariants (X.690 sections 8.1 and 10.1):

* lengths are definite and minimal; tags above 30 and the end-of-contents tag are refused: no format
  here has them;
* an element never reaches past its container, and `children()` accounts for every byte;
* nothing but `ParseError` is raised on input.
"""

from collections.abc import Iterator
from functools import lru_cache

from keystead.errors import ParseError

__all__ = [
    "BIT_STRING",
    "BOOLEAN",
    "ENUMERATED",
    "INTEGER",
    "NULL",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "SEQUENCE",
    "SET",
    "Element",
    "decode_integer",
    "decode_oid",
    "encode",
    "encode_integer",
    "encode_oid",
    "oid_text",
    "parse",
    "read_header",
]

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31


def read_header(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """Read the tag and the length at `position` of an element that must end at or before `limit`.

    Args:
        limit: at most `len(data)`.

    Returns:
        The identifier octet, the offset of the content and the offset just behind it.

    Raises:
        ParseError: there is no DER element, or it reaches past `limit`.
    """
    if position + 2 > limit:
        raise ParseError("DER ends where a tag and a length should be", offset=position)
    tag = data[position]
    if tag & 0x1F == 0x1F or tag == 0:
        raise ParseError(f"DER has the tag {tag:#04x}, which no format here uses", offset=position)
    length = data[position + 1]
    start = position + 2
    if length >= 0x80:
        count = length & 0x7F
        if count == 0:
            raise ParseError("DER has an indefinite length", offset=position + 1)
        if count > 4 or start + count > limit:
            raise ParseError("DER has a length that cannot be", offset=position + 1)
        length = int.from_bytes(data[start : start + count])
        if length < 0x80 or length >> (8 * (count - 1)) == 0:
            raise ParseError("DER has a length that is not minimal", offset=position + 1)
        start += count
    end = start + length
    if end > limit:
        raise ParseError("DER has an element that reaches past its container", offset=position)
    return tag, start, end


class Element:
    """One tag-length-value.

    Attributes:
        data: the byte string it lies in.
        tag: the identifier octet.
        start: offset of the tag.
        content_start: offset of the content.
        end: offset just behind the content.
    """

    __slots__ = ("content_start", "data", "end", "start", "tag")

    def __init__(self, data: bytes, start: int, limit: int) -> None:
        """Read the element at `start`, which must end at or before `limit`.

        Raises:
            ParseError: it is no DER element, or reaches past `limit`.
        """
        self.tag, self.content_start, self.end = read_header(data, start, limit)
        self.data = data
        self.start = start

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self.data[self.content_start : self.end]

    @property
    def encoded(self) -> bytes:
        """The whole element, tag and length included."""
        return self.data[self.start : self.end]

    def expect(self, tag: int, what: str) -> "Element":
        """This element, if it has `tag`.

        Raises:
            ParseError: another tag.
        """
        if self.tag != tag:
            raise ParseError(f"{what} has the tag {self.tag:#04x}, not {tag:#04x}", offset=self.start)
        return self

    def children(self) -> list["Element"]:
        """The elements in the content of a constructed element, all of it.

        Raises:
            ParseError: this element is primitive, or its content is no sequence of elements.
        """
        return list(self.iterate())

    def iterate(self) -> Iterator["Element"]:
        """As `children()`, one at a time: what comes after the last one asked for is not looked at."""
        if not self.tag & 0x20:
            raise ParseError("DER has a primitive element where a constructed one belongs", offset=self.start)
        position = self.content_start
        end = self.end
        data = self.data
        while position < end:
            child = Element(data, position, end)
            yield child
            position = child.end


def parse(data: bytes, what: str = "DER") -> Element:
    """The one element that `data` is.

    Raises:
        ParseError: no element, or bytes after it.
    """
    element = Element(data, 0, len(data))
    if element.end != len(data):
        raise ParseError(f"{what} has trailing bytes", offset=element.end)
    return element


def encode(tag: int, *contents: bytes) -> bytes:
    """An element with `tag` whose content is `contents`, one after the other."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + content


def decode_integer(element: Element, what: str = "an integer") -> int:
    """The value of an INTEGER or ENUMERATED (X.690 section 8.3).

    Raises:
        ParseError: empty, or not in the fewest octets.
    """
    content = element.content
    # Section 8.3.2: the first nine bits are neither all zero nor all one.
    if not content or (len(content) > 1 and int.from_bytes(content[:2]) >> 7 in {0, 0x1FF}):
        raise ParseError(f"{what} is not a minimal INTEGER", offset=element.start)
    return int.from_bytes(content, signed=True)


def encode_integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER, or with another `tag` what is encoded like one."""
    size = (value + (value < 0)).bit_length() // 8 + 1
    return encode(tag, value.to_bytes(size, signed=True))


def decode_oid(element: Element, what: str = "an object identifier") -> str:
    """The dotted form of an OBJECT IDENTIFIER (X.690 section 8.19).

    Raises:
        ParseError: empty, truncated, padded, or longer than 64 octets.
    """
    try:
        return oid_text(element.expect(OBJECT_IDENTIFIER, what).content)
    except ParseError as error:
        if error.offset is not None:
            raise
        raise ParseError(f"{what}: {error}", offset=element.start) from error


@lru_cache(maxsize=4096)
def oid_text(content: bytes) -> str:
    """The dotted form of the content octets of an OBJECT IDENTIFIER; remembered, because certificates repeat.

    Raises:
        ParseError: empty, truncated, padded, or longer than 64 octets (without an offset).
    """
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise ParseError("an OBJECT IDENTIFIER is empty, cut off or longer than 64 octets")
    arcs: list[int] = []
    value = 0
    fresh = True
    for octet in content:
        if fresh and octet == 0x80:
            raise ParseError("an OBJECT IDENTIFIER has a padded arc")
        value = value << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def encode_oid(dotted: str) -> bytes:
    """The OBJECT IDENTIFIER for a dotted form that the program itself wrote down."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return encode(OBJECT_IDENTIFIER, bytes(content))
