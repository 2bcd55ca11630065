# SPDX-License-Identifier: Apache-2.0
"""The encoding of card-verifiable certificates: tags of one or two bytes, lengths, values (ISO/IEC 7816-8).

Source: BSI TR-03110 part 3, appendix D. It is DER but for its tags, of which some have numbers beyond 30.

Invariants:

* lengths are as short as can be, tags have one or two bytes, and everything is read to its last byte;
* nothing but `ParseError` is raised on input.
"""

from dataclasses import dataclass

from keystead.errors import ParseError

__all__ = ["CardElement", "CardReader", "encode_card", "read_card_elements"]

_TWO_BYTES = 0x1F
_LEAST_NUMBER = 31
_MAX_ELEMENTS = 64


@dataclass(frozen=True, slots=True)
class CardElement:
    """An element: its tag as one number (`0x7F21`), its value, and all of it."""

    tag: int
    value: bytes
    encoded: bytes


def encode_card(tag: int, *contents: bytes) -> bytes:
    """An element."""
    value = b"".join(contents)
    length = len(value)
    if length < 0x80:
        head = bytes((length,))
    elif length < 0x100:
        head = bytes((0x81, length))
    else:
        head = b"\x82" + length.to_bytes(2)
    return tag.to_bytes(2 if tag > 0xFF else 1) + head + value


def read_card_elements(data: bytes, what: str) -> list[CardElement]:
    """The elements that `data` is, one behind the other.

    Raises:
        ParseError: it is not a sequence of elements, or a longer one than any here.
    """
    elements: list[CardElement] = []
    position = 0
    while position < len(data):
        if len(elements) >= _MAX_ELEMENTS:
            raise ParseError(f"{what} has more than {_MAX_ELEMENTS} elements", offset=position)
        element = _element(data, position, what)
        elements.append(element)
        position += len(element.encoded)
    return elements


def _element(data: bytes, start: int, what: str) -> CardElement:
    try:
        tag, position = data[start], start + 1
        if tag & _TWO_BYTES == _TWO_BYTES:
            if not _LEAST_NUMBER <= data[position] < 0x80:
                raise ParseError(f"{what} has a tag of another form", offset=start)
            tag, position = tag << 8 | data[position], position + 1
        length, position = data[position], position + 1
    except IndexError as error:
        raise ParseError(f"{what} ends early", offset=len(data)) from error
    if length >= 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[position : position + octets])
        least = {1: 0x80, 2: 0x100}.get(octets)
        if least is None or length < least:
            raise ParseError(f"{what} has a length of another form", offset=position)
        position += octets
    end = position + length
    if end > len(data):
        raise ParseError(f"{what} ends early", offset=len(data))
    return CardElement(tag, data[position:end], data[start:end])


class CardReader:
    """Takes elements in their order.

    Args:
        data: what holds them.
        what: its name, for sentences.
    """

    __slots__ = ("_elements", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self._elements = read_card_elements(data, what)[::-1]
        self.what = what

    def take(self, tag: int, name: str) -> CardElement:
        """The next element, which must have `tag`.

        Raises:
            ParseError: it has another, or there is none.
        """
        element = self.take_if(tag)
        if element is None:
            raise ParseError(f"{self.what} lacks {name}, or has it in another place")
        return element

    def take_if(self, tag: int) -> CardElement | None:
        """The next element, if it has `tag`."""
        if self._elements and self._elements[-1].tag == tag:
            return self._elements.pop()
        return None

    def finish(self) -> None:
        """Refuse further elements."""
        if self._elements:
            raise ParseError(f"{self.what} has more than belongs there: {self._elements[-1].tag:#x}")
