# SPDX-License-Identifier: Apache-2.0
"""Attestation evidence in its one canonical encoding, and as the API's JSON.

A piece of evidence is what a device or its maker signed, and the certificates that lead from that signature
to a vendor's key: format name, data, chain. Certificates and statements name evidence by the SHA-256 of its
encoding, so one piece has one encoding (`specs/evidence.md`, section 2)::

    "keystead/evidence/v1\\n" || uint8 length, format name || uint24 length, data
        || uint16 count, then each element of the chain: uint24 length, bytes

Invariants:

* an `Evidence` that exists can be encoded, and `parse_evidence(e.encode()) == e`;
* what parses is at most `MAX_EVIDENCE_BYTES` long and encodes to the very same bytes;
* nothing is said here about whether the evidence is true: that is `keystead.devices.verify`.

>>> evidence = Evidence("yubikey-piv", b"leaf", (b"f9",))
>>> parse_evidence(evidence.encode()) == evidence
True
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.encoding.tls import Reader, opaque8, opaque24, uint16
from keystead.errors import ParseError

__all__ = [
    "MAGIC",
    "MAX_EVIDENCE_BYTES",
    "Evidence",
    "evidence_from_json",
    "evidence_to_json",
    "parse_evidence",
]

MAGIC = b"keystead/evidence/v1\n"
"""What every encoded piece of evidence begins with."""

MAX_EVIDENCE_BYTES = 65_536
"""The longest encoding: what a log serves at `/evidence/<digest>` must not be an archive of other things."""

_FORMAT_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_MAX_FORMAT_NAME = 32


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of attestation evidence.

    Attributes:
        format: the name of the format of `data` (`yubikey-piv`).
        data: what was signed, in the form that `specs/evidence.md` fixes for the format.
        chain: DER certificates (card-verifiable ones for `smartcard-hsm`), from the signer of `data` up to,
            not including, a vendor's pinned key.

    Raises:
        ParseError: the parts break a limit of the encoding.
    """

    format: str
    data: bytes
    chain: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        name = self.format
        if not name or len(name) > _MAX_FORMAT_NAME or not _FORMAT_NAME.issuperset(name):
            raise ParseError("evidence names its format with other than 1 to 32 of a-z, 0-9 and '-'")
        if not self.data:
            raise ParseError("evidence has no data")
        if not all(self.chain):
            raise ParseError("evidence has an empty element in its chain")
        size = len(MAGIC) + 1 + len(name) + 3 + len(self.data) + 2 + sum(3 + len(part) for part in self.chain)
        if size > MAX_EVIDENCE_BYTES:
            raise ParseError(f"evidence takes {size} bytes, more than {MAX_EVIDENCE_BYTES}")

    def encode(self) -> bytes:
        """The canonical encoding, at most `MAX_EVIDENCE_BYTES` bytes."""
        return b"".join(
            (
                MAGIC,
                opaque8(self.format.encode("ascii")),
                opaque24(self.data),
                uint16(len(self.chain)),
                *(opaque24(part) for part in self.chain),
            )
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoding: the name by which extensions and statements refer to it."""
        return hashlib.sha256(self.encode()).digest()


def parse_evidence(data: bytes) -> Evidence:
    """Read the canonical encoding.

    Raises:
        ParseError: `data` is not the canonical encoding of any evidence.
    """
    if len(data) > MAX_EVIDENCE_BYTES:
        raise ParseError(f"evidence takes {len(data)} bytes, more than {MAX_EVIDENCE_BYTES}")
    reader = Reader(data, "evidence")
    if reader.remaining < len(MAGIC) or reader.fixed(len(MAGIC)) != MAGIC:
        raise ParseError("evidence does not begin with 'keystead/evidence/v1'", offset=0)
    try:
        name = reader.opaque8().decode("ascii")
    except UnicodeDecodeError as error:
        raise ParseError("evidence names its format in other than ASCII", offset=len(MAGIC)) from error
    content = reader.opaque24()
    chain = tuple(reader.opaque24() for _ in range(reader.uint16()))
    reader.finish()
    return Evidence(name, content, chain)


def evidence_from_json(value: Any) -> Evidence:
    """Read the API's form: `{"format": name, "data": base64, "chain": [base64, …]}`, decoded from JSON.

    Raises:
        ParseError: another shape, another member, or base64 that is not canonical.
    """
    if not isinstance(value, Mapping) or set(value) != {"format", "data", "chain"}:
        raise ParseError("evidence in JSON is an object with exactly format, data and chain")
    name, data, chain = value["format"], value["data"], value["chain"]
    if not isinstance(name, str) or not isinstance(data, str):
        raise ParseError("evidence in JSON has a format or data that is no text")
    if not isinstance(chain, list) or not all(isinstance(part, str) for part in chain):
        raise ParseError("evidence in JSON has a chain that is no list of base64 texts")
    if len(data) + sum(len(part) + 1 for part in chain) > 2 * MAX_EVIDENCE_BYTES:
        raise ParseError(f"evidence takes more than {MAX_EVIDENCE_BYTES} bytes")
    return Evidence(
        name,
        decode_base64(data, "the data of evidence"),
        tuple(decode_base64(part, f"element {place} of the chain") for place, part in enumerate(chain, 1)),
    )


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """The API's form of `evidence`, ready for JSON."""
    return {
        "format": evidence.format,
        "data": encode_base64(evidence.data),
        "chain": [encode_base64(part) for part in evidence.chain],
    }
