# SPDX-License-Identifier: Apache-2.0
"""The device index's map as its definition reads, without any of Keystead's code: what the real one must agree with."""

import hashlib
import random
from collections.abc import Mapping

__all__ = ["keys_that_share", "map_root", "some_value"]


def _bit(key: bytes, bit: int) -> int:
    return key[bit // 8] >> (7 - bit % 8) & 1


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def map_root(content: Mapping[bytes, bytes]) -> bytes:
    """The root of the map with this content, by splitting it at the first bit in which its keys differ."""
    if not content:
        return hashlib.sha256(b"").digest()
    if len(content) == 1:
        ((key, value),) = content.items()
        parts = b"\x00" + _varint(len(key)) + key + _varint(len(value)) + value
        return hashlib.sha256(parts).digest()
    keys = list(content)
    bit = next(bit for bit in range(256) if len({_bit(key, bit) for key in keys}) == 2)
    halves = [{key: content[key] for key in keys if _bit(key, bit) == side} for side in (0, 1)]
    return hashlib.sha256(b"\x01" + _varint(bit) + map_root(halves[0]) + map_root(halves[1])).digest()


def some_value(chance: random.Random) -> bytes:
    """Any 40 bytes."""
    return chance.randbytes(40)


def keys_that_share(chance: random.Random, count: int) -> list[bytes]:
    """Distinct keys, many of which have long beginnings in common: as hashes never do, and a proof must still bear."""
    keys: set[bytes] = set()
    while len(keys) < count:
        if keys and chance.random() < 0.7:
            key = bytearray(chance.choice(sorted(keys)))
            bit = chance.choice([0, 1, 7, 8, 126, 127, 128, 129, 200, 254, 255, chance.randrange(256)])
            key[bit // 8] ^= 0x80 >> bit % 8
            if chance.random() < 0.5:
                key[bit // 8 + 1 :] = chance.randbytes(31 - bit // 8)
        else:
            key = bytearray(chance.randbytes(32))
        keys.add(bytes(key))
    return sorted(keys, key=lambda _: chance.random())
