# SPDX-License-Identifier: Apache-2.0
"""Data tiles read just as far as hashing needs (`TileLeaf` of static-ct-api v1.1.0, RFC 6962 section 3.4).

An audit hashes every entry of a log, a hundred thousand a second. The leaf's hash is over the very bytes that lie in
the tile, so nothing is decoded and encoded again: `split_data_tile` finds where each entry begins and ends, and
`hash_leaves` hashes those slices. That is also a second reading beside `keystead.ct.tile_leaf`: what one of the two
misreads, the other does not.

Invariant: only `ParseError` is raised, whatever the bytes.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from keystead.ct.extensions import parse_extensions
from keystead.errors import ParseError

__all__ = ["LeafSpan", "hash_leaves", "split_data_tile"]

_X509, _PRECERT = b"\x00\x00", b"\x00\x01"
_FINGERPRINT = 32
# What a MerkleTreeLeaf has before the TimestampedEntry, behind the 0x00 of leaf hashes: version, leaf type.
_LEAF_PREFIX = b"\x00\x00\x00"


class LeafSpan(NamedTuple):
    """Where one leaf lies in a data tile.

    Attributes:
        start, end: the TimestampedEntry.
        chain: the fingerprints, one after the other; empty for none.
        time: of the entry, in milliseconds.
        leaf_index: what the entry says of its place.
    """

    start: int
    end: int
    chain: bytes
    time: int
    leaf_index: int


def split_data_tile(data: bytes, count: int) -> list[LeafSpan]:
    """Find the `count` leaves of a data tile.

    Raises:
        ParseError: a leaf is malformed, or the tile ends early or holds more.
    """
    spans: list[LeafSpan] = []
    size = len(data)
    number = int.from_bytes
    position = 0
    for _ in range(count):
        start = position
        entry_type = data[start + 8 : start + 10]
        precertificate = entry_type == _PRECERT
        if not precertificate and entry_type != _X509:
            raise ParseError("a data tile has an entry of an unknown type", offset=start + 8)
        # Behind time and type, a precertificate's entry has the issuer's key hash.
        at = start + (42 if precertificate else 10)
        at += 3 + number(data[at : at + 3])
        end = at + 2 + number(data[at : at + 2])
        extensions = data[at + 2 : end]
        at = end
        if precertificate:
            at += 3 + number(data[at : at + 3])
        position = at + 2 + number(data[at : at + 2])
        # A slice that is cut short reads as a smaller number; the position gives it away.
        if position > size or at + 2 > size:
            raise ParseError("a data tile ends early", offset=size)
        chain = data[at + 2 : position]
        if len(chain) % _FINGERPRINT:
            raise ParseError("a data tile has a chain that is not made of fingerprints", offset=at)
        spans.append(
            LeafSpan(start, end, chain, number(data[start : start + 8]), parse_extensions(extensions))
        )
    if position != size:
        raise ParseError("a data tile has trailing bytes", offset=position)
    return spans


def hash_leaves(data: bytes, spans: Sequence[LeafSpan]) -> list[bytes]:
    """The leaf hashes of a data tile."""
    return [sha256(_LEAF_PREFIX + data[span.start : span.end]).digest() for span in spans]
