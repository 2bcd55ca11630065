# SPDX-License-Identifier: Apache-2.0
"""`CtExtensions` of static-ct-api v1.1.0: what a log says beside an entry, which is the entry's index.

Each extension is a uint8 type and data behind a uint16 length. Type 0 is `leaf_index`, a uint40.

Invariants:

* there is exactly one leaf index; no type comes twice; types that are not known are passed over.
"""

from keystead.encoding.tls import Reader
from keystead.errors import ParseError

__all__ = ["MAX_LEAF_INDEX", "encode_extensions", "parse_extensions"]

MAX_LEAF_INDEX = 2**40 - 1
"""The greatest index that the extension can hold."""

_LEAF_INDEX = 0
# Type 0, length 5.
_LEAF_INDEX_START = b"\x00\x00\x05"


def encode_extensions(leaf_index: int) -> bytes:
    """The eight bytes that hold a leaf index and nothing else, without an outer length.

    Raises:
        ParseError: no leaf has that index.
    """
    if not 0 <= leaf_index <= MAX_LEAF_INDEX:
        raise ParseError(f"{leaf_index} is not a leaf index of 40 bits")
    return _LEAF_INDEX_START + leaf_index.to_bytes(5)


def parse_extensions(data: bytes) -> int:
    """The leaf index in an extensions field, without its outer length.

    Raises:
        ParseError: the field is malformed, repeats a type, or has no leaf index.
    """
    if len(data) == 8 and data.startswith(_LEAF_INDEX_START):
        return int.from_bytes(data[3:])
    reader = Reader(data, "a field of CT extensions")
    values: dict[int, bytes] = {}
    while reader.remaining:
        start = reader.offset
        extension_type = reader.uint8()
        if extension_type in values:
            raise ParseError(f"CT extension {extension_type} comes twice", offset=start)
        values[extension_type] = reader.opaque16()
    leaf_index = values.get(_LEAF_INDEX)
    if leaf_index is None or len(leaf_index) != 5:
        raise ParseError("CT extensions have no leaf index of five bytes")
    return int.from_bytes(leaf_index)
