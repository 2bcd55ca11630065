# SPDX-License-Identifier: Apache-2.0
"""What two certificates of one kind have in common, to compare a test vendor's with real ones."""

from keystead.encoding.der import OBJECT_IDENTIFIER, Element, parse

__all__ = ["shape", "skeleton"]

_ANY_VALUE = frozenset({0x02, 0x03})  # INTEGER, BIT STRING: serial numbers, keys, signatures


def skeleton(element: Element) -> object:
    """Tags, order, identifiers, texts, times and lengths; of integers and bit strings only that they are there."""
    if element.tag & 0x20:
        return (element.tag, [skeleton(child) for child in element.children()])
    if element.tag in _ANY_VALUE:
        return (element.tag, "any")
    if element.tag == OBJECT_IDENTIFIER or element.tag in {0x0C, 0x13, 0x17, 0x18}:
        return (element.tag, element.content)
    return (element.tag, len(element.content))


def shape(der: bytes, *, issuer: bool = True, subject: bool = True) -> object:
    """The skeleton of a certificate; without a name where test roots differ on purpose."""
    tag, (tbs, *rest) = skeleton(parse(der))  # type: ignore[misc]
    fields = list(tbs[1])
    first = 3 if fields[0][0] == 0xA0 else 2  # version 1 is not encoded
    for place, wanted in ((first, issuer), (first + 2, subject)):
        if not wanted:
            fields[place] = "a name"
    return (tag, fields, rest)
