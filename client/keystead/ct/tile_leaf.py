# SPDX-License-Identifier: Apache-2.0
"""Data tiles: `TileLeaf` of static-ct-api v1.1.0, an entry with what its Merkle leaf leaves out.

    TimestampedEntry
    uint24 length || precertificate           of a precertificate entry only
    uint16 length || SHA-256 fingerprints     of the chain above the entry, its issuer first, the anchor last

Invariants:

* a precertificate is there if, and only if, the entry is one of a precertificate;
* what is parsed encodes to the same bytes; a tile holds exactly as many leaves as its width says;
* that a leaf's index is its place in the log is for the reader to check, who alone knows the place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keystead.ct.leaf import PRECERT_ENTRY, LogEntry, read_timestamped_entry
from keystead.errors import ParseError
from keystead.tlog.tiles import TILE_WIDTH

__all__ = ["TileLeaf", "decode_data_tile", "encode_data_tile", "read_tile_leaf"]

_FINGERPRINT_SIZE = 32


@dataclass(frozen=True, slots=True)
class TileLeaf:
    """One entry of a data tile.

    Attributes:
        entry: what is hashed and signed.
        precertificate: DER as submitted, poison and all; empty for a certificate.
        fingerprints: SHA-256 of each certificate above it in its chain, in order.
    """

    entry: LogEntry
    precertificate: bytes
    fingerprints: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be encoded.

        Raises:
            ParseError: the precertificate does not go with the entry, or a length does not fit.
        """
        if bool(self.precertificate) != (self.entry.entry_type == PRECERT_ENTRY):
            raise ParseError("a precertificate belongs to a precertificate entry, and to no other")
        if len(self.precertificate) >= 1 << 24 or len(self.fingerprints) >= 1 << 11:
            raise ParseError("a precertificate or its chain does not fit into a data tile")

    def encode(self) -> bytes:
        """The `TileLeaf`.

        Raises:
            ParseError: a fingerprint is not 32 bytes long; this is not looked for in every leaf that is read.
        """
        if any(len(fingerprint) != _FINGERPRINT_SIZE for fingerprint in self.fingerprints):
            raise ParseError("a fingerprint in a data tile is not 32 bytes long")
        fingerprints = b"".join(self.fingerprints)
        chain = len(fingerprints).to_bytes(2) + fingerprints
        if not self.precertificate:
            return self.entry.timestamped_entry() + chain
        precertificate = self.precertificate
        return b"".join(
            (self.entry.timestamped_entry(), len(precertificate).to_bytes(3), precertificate, chain)
        )


def read_tile_leaf(data: bytes, start: int) -> tuple[TileLeaf, int]:
    """Read the leaf at `start` in `data`.

    Returns:
        The leaf, and the offset behind it.

    Raises:
        ParseError: it is malformed.
    """
    entry, position = read_timestamped_entry(data, start)
    precertificate = b""
    if entry.entry_type == PRECERT_ENTRY:
        begin = position + 3
        position = begin + int.from_bytes(data[position:begin])
        precertificate = data[begin:position]
    begin = position + 2
    position = begin + int.from_bytes(data[position:begin])
    if position > len(data):
        raise ParseError("a data tile ends early", offset=len(data))
    if (position - begin) % _FINGERPRINT_SIZE:
        raise ParseError("a data tile has a chain that is not made of fingerprints", offset=begin)
    fingerprints = [data[at : at + _FINGERPRINT_SIZE] for at in range(begin, position, _FINGERPRINT_SIZE)]
    return TileLeaf(entry, precertificate, tuple(fingerprints)), position


def encode_data_tile(leaves: Sequence[TileLeaf]) -> bytes:
    """The bytes of a data tile, not compressed.

    Raises:
        ParseError: there are no leaves or more than 256.
    """
    if not 0 < len(leaves) <= TILE_WIDTH:
        raise ParseError("a data tile holds 1 to 256 entries")
    return b"".join([leaf.encode() for leaf in leaves])


def decode_data_tile(data: bytes, count: int) -> list[TileLeaf]:
    """The leaves of a data tile that holds `count` of them, given without its compression.

    Raises:
        ParseError: a leaf is malformed, or the tile ends early or holds more.
    """
    if not 0 < count <= TILE_WIDTH:
        raise ParseError("a data tile holds 1 to 256 entries")
    leaves = []
    position = 0
    for _ in range(count):
        leaf, position = read_tile_leaf(data, position)
        leaves.append(leaf)
    if position != len(data):
        raise ParseError("a data tile has trailing bytes", offset=position)
    return leaves
