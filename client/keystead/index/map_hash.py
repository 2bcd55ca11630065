# SPDX-License-Identifier: Apache-2.0
"""Hashes of the Merkle Patricia map (`specs/device-index.md`, section 2), those of Torchwood's `mpt`.

    leaf   SHA-256(0x00 || varint(32) || key || varint(40) || value)
    inner  SHA-256(0x01 || varint(bit) || left || right)
    empty  SHA-256("")

`bit` is the first bit in which the keys below a node differ, 0 the most significant of byte 0; the left child has
a 0 there. So N keys make N - 1 inner nodes, and the root depends on what is in the map alone.
"""

from hashlib import sha256
from typing import Final

__all__ = [
    "EMPTY_MAP",
    "INNER_PREFIXES",
    "KEY_BITS",
    "KEY_SIZE",
    "LEAF_MIDDLE",
    "LEAF_PREFIX",
    "VALUE_SIZE",
    "first_difference",
    "hash_inner",
    "hash_map_leaf",
]

KEY_SIZE: Final = 32
"""Bytes of a key."""

VALUE_SIZE: Final = 40
"""Bytes of a value."""

KEY_BITS: Final = 8 * KEY_SIZE

EMPTY_MAP: Final = sha256(b"").digest()
"""The root of the map without keys."""

LEAF_PREFIX: Final = b"\x00" + bytes((KEY_SIZE,))
LEAF_MIDDLE: Final = bytes((VALUE_SIZE,))
"""What stands before the key, and between key and value: loops hash without calling a function."""

# varint is unsigned LEB128: one byte below 128, two above.
INNER_PREFIXES: Final = tuple(
    b"\x01" + (bytes((bit,)) if bit < 0x80 else bytes((bit & 0x7F | 0x80, bit >> 7)))
    for bit in range(KEY_BITS)
)
"""What stands before the children of an inner node, by its bit."""


def hash_map_leaf(key: bytes, value: bytes) -> bytes:
    """The hash of a leaf: 32 bytes of key, 40 of value."""
    return sha256(LEAF_PREFIX + key + LEAF_MIDDLE + value).digest()


def hash_inner(bit: int, left: bytes, right: bytes) -> bytes:
    """The hash of an inner node whose children differ first in `bit`."""
    return sha256(INNER_PREFIXES[bit] + left + right).digest()


def first_difference(one: bytes, other: bytes) -> int:
    """The first bit in which two keys differ; `KEY_BITS` where they are equal."""
    return KEY_BITS - (int.from_bytes(one) ^ int.from_bytes(other)).bit_length()
