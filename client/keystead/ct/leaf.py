# SPDX-License-Identifier: Apache-2.0
"""The entry of a CT log: `TimestampedEntry` and `MerkleTreeLeaf` of RFC 6962 section 3.4.

The leaf is what is hashed into the tree, what `tile/entries` serves, and, byte for byte, what an SCT signs.

Invariants:

* an entry that exists can be encoded, and what is parsed encodes to the same bytes;
* its extensions hold a leaf index (static-ct-api); others are kept as they were written, because the leaf's
  hash covers them.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256

from keystead.ct.extensions import MAX_LEAF_INDEX, encode_extensions, parse_extensions
from keystead.encoding.decimal import MAXIMUM
from keystead.errors import ParseError

__all__ = ["PRECERT_ENTRY", "X509_ENTRY", "LogEntry", "parse_merkle_tree_leaf", "read_timestamped_entry"]

X509_ENTRY = 0
"""The entry is a certificate."""

PRECERT_ENTRY = 1
"""The entry is the TBSCertificate of a precertificate, and the hash of the key that issues it."""

_KEY_HASH_SIZES = {X509_ENTRY: 0, PRECERT_ENTRY: 32}
# Version v1 (0), leaf type timestamped_entry (0).
_LEAF_START = b"\x00\x00"
_TIME_AND_TYPE = struct.Struct(">QH")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry, as it is hashed and signed.

    Attributes:
        timestamp: milliseconds since the epoch, at most 2^63 - 1.
        entry_type: `X509_ENTRY` or `PRECERT_ENTRY`.
        signed: DER of the certificate, or of a precertificate's TBSCertificate without its poison.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo for a precertificate, else empty.
        leaf_index: its place in the log.
        extensions: the extensions field as the log wrote it, where it holds more than the index; else empty.
    """

    timestamp: int
    entry_type: int
    signed: bytes
    issuer_key_hash: bytes
    leaf_index: int
    extensions: bytes = b""

    def __post_init__(self) -> None:
        """Refuse what cannot be encoded.

        Raises:
            ParseError: a value is outside its field, or the issuer's key hash does not go with the type.
        """
        if len(self.issuer_key_hash) != _KEY_HASH_SIZES.get(self.entry_type):
            raise ParseError("a log entry is a certificate, or a TBSCertificate with its issuer's key hash")
        if not 0 < len(self.signed) < 1 << 24 or len(self.extensions) >= 1 << 16:
            raise ParseError("a log entry's certificate or extensions do not fit")
        if not 0 <= self.timestamp <= MAXIMUM or not 0 <= self.leaf_index <= MAX_LEAF_INDEX:
            raise ParseError("a log entry's time or index is out of range")
        if self.extensions and parse_extensions(self.extensions) != self.leaf_index:
            raise ParseError("a log entry's extensions hold another index")

    def encoded_extensions(self) -> bytes:
        """The extensions field, without its length."""
        return self.extensions or encode_extensions(self.leaf_index)

    def timestamped_entry(self) -> bytes:
        """The `TimestampedEntry`."""
        extensions = self.extensions or encode_extensions(self.leaf_index)
        return b"".join(
            (
                self.timestamp.to_bytes(8),
                self.entry_type.to_bytes(2),
                self.issuer_key_hash,
                len(self.signed).to_bytes(3),
                self.signed,
                len(extensions).to_bytes(2),
                extensions,
            )
        )

    def merkle_tree_leaf(self) -> bytes:
        """The `MerkleTreeLeaf`, which is also what an SCT for this entry signs."""
        # Section 3.2 signs version and signature type certificate_timestamp first, which are 0 and 0 as well.
        return _LEAF_START + self.timestamped_entry()

    def leaf_hash(self) -> bytes:
        """The hash of this leaf in the log's tree."""
        return sha256(b"\x00\x00\x00" + self.timestamped_entry()).digest()


def read_timestamped_entry(data: bytes, start: int) -> tuple[LogEntry, int]:
    """Read the `TimestampedEntry` at `start` in `data`.

    Returns:
        The entry, and the offset behind it.

    Raises:
        ParseError: it is malformed, of another type, or has no leaf index.
    """
    # Entries are read by the hundred thousand: this is a `Reader` unrolled. A slice that is cut short leaves
    # the position beyond the end, where one look finds it.
    try:
        timestamp, entry_type = _TIME_AND_TYPE.unpack_from(data, start)
    except struct.error as error:
        raise ParseError("a timestamped entry ends early", offset=len(data)) from error
    position = start + _TIME_AND_TYPE.size
    issuer_key_hash = b""
    if entry_type == PRECERT_ENTRY:
        issuer_key_hash = data[position : position + 32]
        position += 32
    elif entry_type != X509_ENTRY:
        raise ParseError(f"a timestamped entry has the unknown type {entry_type}", offset=start + 8)
    begin = position + 3
    position = begin + int.from_bytes(data[position:begin])
    signed = data[begin:position]
    begin = position + 2
    position = begin + int.from_bytes(data[position:begin])
    extensions = data[begin:position]
    if position > len(data):
        raise ParseError("a timestamped entry ends early", offset=len(data))
    leaf_index = parse_extensions(extensions)
    # Eight bytes hold a leaf index and nothing else, in one way.
    others = b"" if len(extensions) == 8 else extensions
    return LogEntry(timestamp, entry_type, signed, issuer_key_hash, leaf_index, others), position


def parse_merkle_tree_leaf(data: bytes) -> LogEntry:
    """Read a `MerkleTreeLeaf`.

    Raises:
        ParseError: it is none, or has no leaf index.
    """
    if not data.startswith(_LEAF_START):
        raise ParseError("a Merkle tree leaf is not a timestamped entry of version 1", offset=0)
    entry, end = read_timestamped_entry(data, len(_LEAF_START))
    if end != len(data):
        raise ParseError("a Merkle tree leaf has trailing bytes", offset=end)
    return entry
