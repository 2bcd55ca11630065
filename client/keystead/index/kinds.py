# SPDX-License-Identifier: Apache-2.0
"""What can be looked up in an index, and the keys of its map (`specs/device-index.md`, section 1).

A key is `SHA-256("keystead/index/v1\\n" || kind (1 byte) || uint16 length of the value || value)`: 32 bytes that
nobody can choose, so the map stays flat.
"""

from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from keystead.encoding.rfc4648 import decode_base16
from keystead.encoding.tls import opaque16, uint8
from keystead.errors import ParseError

__all__ = ["IndexKind", "Subject", "index_key", "parse_subject"]

_CONTEXT = b"keystead/index/v1\n"
_ID_SIZE = 32


class IndexKind(IntEnum):
    """The kinds of histories, by their numbers in keys."""

    DEVICE_CERTIFICATES = 1
    KEY_CERTIFICATES = 2
    SUBSCRIBER_CERTIFICATES = 3
    SERVICE_CERTIFICATES = 4
    UNDECODABLE = 5
    DEVICE_STATEMENTS = 6
    SERVICE_STATEMENTS = 7
    SUBSCRIBER_STATEMENTS = 8
    CERTIFICATE_STATEMENTS = 9
    CERTIFICATE_ENTRIES = 10
    POLICIES = 11

    @property
    def text(self) -> str:
        """The name in paths and answers, `device-certificates`."""
        return self.name.lower().replace("_", "-")

    @property
    def value_size(self) -> int:
        """Bytes of the values of this kind: an id, or nothing where there is one history only."""
        return 0 if self in {IndexKind.UNDECODABLE, IndexKind.POLICIES} else _ID_SIZE

    @property
    def of_statements(self) -> bool:
        """Whether the histories are of the statement log, and not of the issuance log."""
        return self in _OF_STATEMENTS


_OF_STATEMENTS = frozenset(
    {
        IndexKind.DEVICE_STATEMENTS,
        IndexKind.SERVICE_STATEMENTS,
        IndexKind.SUBSCRIBER_STATEMENTS,
        IndexKind.CERTIFICATE_STATEMENTS,
        IndexKind.POLICIES,
    }
)

_BY_TEXT = {kind.text: kind for kind in IndexKind}


class Subject(NamedTuple):
    """What a history is about: a kind, and the id of that kind."""

    kind: IndexKind
    value: bytes


def parse_subject(kind: str, value: str) -> Subject:
    """Read a kind's name and a value in hexadecimal.

    Raises:
        ParseError: there is no such kind, or the value is none of it.
    """
    found = _BY_TEXT.get(kind)
    if found is None:
        raise ParseError(f"{kind[:64]!r} is no kind of history; known are {', '.join(_BY_TEXT)}")
    data = decode_base16(value, f"the value of {kind}")
    if len(data) != found.value_size:
        raise ParseError(f"a value of {kind} has {2 * found.value_size} hexadecimal digits")
    return Subject(found, data)


_PREFIXES = {kind: _CONTEXT + uint8(kind) for kind in IndexKind}
_ID_PREFIXES = {kind: prefix + _ID_SIZE.to_bytes(2) for kind, prefix in _PREFIXES.items()}


def index_key(subject: Subject) -> bytes:
    """The map's key of a history: 32 bytes."""
    kind, value = subject
    if len(value) == _ID_SIZE:
        return sha256(_ID_PREFIXES[kind] + value).digest()
    return sha256(_PREFIXES[kind] + opaque16(value)).digest()
