# SPDX-License-Identifier: Apache-2.0
"""Section 2 of `specs/evidence.md`, written out again for the vectors: bytes and JSON of evidence."""

import base64
from typing import Any


def uint(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def opaque(data: bytes, size: int) -> bytes:
    return uint(len(data), size) + data


def encode(name: str, data: bytes, chain: list[bytes]) -> bytes:
    """Section 2.1, written out again."""
    elements = b"".join(opaque(element, 3) for element in chain)
    magic = b"keystead/evidence/v1\n"
    return magic + opaque(name.encode(), 1) + opaque(data, 3) + uint(len(chain), 2) + elements


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_json(evidence: Any) -> dict[str, Any]:
    return {
        "format": evidence.format,
        "data": b64(evidence.data),
        "chain": [b64(part) for part in evidence.chain],
    }
