# SPDX-License-Identifier: Apache-2.0
"""What one leaf of the statement log holds (`specs/statements.md`, section 3)::

    0x00 (version) || uint64be time logged, ms since 1970 || canonical envelope

Invariants:

* `parse_statement_entry(e.encode()) == e`, and an entry parses from its one encoding only;
* an entry is at most `MAX_ENTRY_BYTES`, so that it fits the 16-bit length of an entry bundle.
"""

from dataclasses import dataclass

from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.tls import Reader, uint8, uint64
from keystead.errors import ParseError
from keystead.statements.dsse import MAX_ENVELOPE_BYTES, Envelope, parse_canonical_envelope

__all__ = ["MAX_ENTRY_BYTES", "VERSION", "StatementEntry", "parse_statement_entry"]

VERSION = 0
MAX_ENTRY_BYTES = 9 + MAX_ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """An envelope and when it was logged.

    Attributes:
        timestamp: milliseconds since 1970-01-01T00:00:00Z: the one time of the entry's batch.
        envelope: what was said, and the signature.
    """

    timestamp: int
    envelope: Envelope

    def __post_init__(self) -> None:
        if not 0 <= self.timestamp <= MAXIMUM:
            raise ParseError(f"a statement's time is not between 0 and {MAXIMUM} ms")

    def encode(self) -> bytes:
        """The bytes that the log stores and hashes."""
        return uint8(VERSION) + uint64(self.timestamp) + self.envelope.encode()


def parse_statement_entry(data: bytes) -> StatementEntry:
    """Read one entry.

    Raises:
        ParseError: another version, a time out of range, or no canonical envelope.
    """
    reader = Reader(data, "a statement entry")
    version = reader.uint8()
    if version != VERSION:
        raise ParseError(f"a statement entry has the version {version}, which is unknown", offset=0)
    timestamp = reader.uint64()
    return StatementEntry(timestamp, parse_canonical_envelope(reader.fixed(reader.remaining)))
