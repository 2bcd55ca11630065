# SPDX-License-Identifier: Apache-2.0
"""A map from nothing: one pass over its sorted keys, with a stack of at most 257 nodes.

Two neighbours differ first in some bit, and the node with that bit stands above whatever has a greater one on
either side. So a node is finished as soon as a smaller bit follows, and is never looked at again.

The time is two hashes a key and some ten steps of the interpreter: about 3 microseconds.
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import chain

from keystead.errors import UsageError
from keystead.index.map_hash import INNER_PREFIXES, KEY_BITS, LEAF_MIDDLE, LEAF_PREFIX
from keystead.index.map_nodes import (
    EMPTY_VERSION,
    INNER,
    INNER_SIZE,
    LEAF,
    LEAF_SIZE,
    SEGMENT,
    SEGMENT_MASK,
    SEGMENT_SHIFT,
    MapNodes,
    Slots,
    Version,
)

__all__ = ["build_map"]


def build_map(nodes: MapNodes, pairs: Iterable[tuple[bytes, bytes]]) -> Version:
    """Build the map of `pairs`, in slots that were never used.

    Args:
        nodes: where its nodes will lie.
        pairs: (key, value) by ascending keys: 32 and 40 bytes each.

    Raises:
        UsageError: the keys do not ascend.
    """
    leaves = _Appender(nodes.leaves, LEAF_SIZE)
    inner = _Appender(nodes.inner, INNER_SIZE)
    # The stack: subtrees that are finished so far, and between two neighbours the bit in which they differ.
    children: list[int] = []
    hashes: list[bytes] = []
    bits: list[int] = []
    # The loop runs a million times in four seconds: it calls what it must, by local names.
    decode, pack, prefixes = int.from_bytes, INNER.pack, INNER_PREFIXES
    add_leaf, add_inner = leaves.append, inner.append
    previous = -1
    for key, value in chain(pairs, (_END,)):
        number = decode(key) if key else previous
        if children:
            # After the last key, everything is joined.
            bit = KEY_BITS - (number ^ previous).bit_length() if key else -1
            while bits and bits[-1] > bit:
                # Put the two uppermost subtrees under one node.
                right = children.pop()
                right_hash = hashes.pop()
                upper = bits.pop()
                hashed = sha256(prefixes[upper] + hashes[-1] + right_hash).digest()
                hashes[-1] = hashed
                children[-1] = add_inner(pack(children[-1], right, upper, hashed))
            bits.append(bit)
        if not key:
            break
        if number <= previous:
            raise UsageError("a map is built from keys that ascend")
        previous = number
        children.append(LEAF + add_leaf(key + value))
        hashes.append(sha256(LEAF_PREFIX + key + LEAF_MIDDLE + value).digest())
    leaves.flush()
    inner.flush()
    return Version(children[0], hashes[0]) if children else EMPTY_VERSION


_END = (b"", b"")
# Stands after the last pair.


class _Appender:
    """Writes records in a row, a few thousand at a time: each write for itself would take as long as a hash."""

    __slots__ = ("_next", "_records", "_size", "_slots")

    _MOST = 4096

    def __init__(self, slots: Slots, size: int) -> None:
        self._slots = slots
        self._size = size
        self._next = slots.unused
        self._records: list[bytes] = []

    def append(self, record: bytes) -> int:
        records = self._records
        records.append(record)
        number = self._next
        self._next = number + 1
        if len(records) == self._MOST:
            self.flush()
        return number

    def flush(self) -> None:
        """Write what was kept back, into as many segments as it needs."""
        records, self._records = self._records, []
        first = self._slots.extend(len(records))
        while records:
            start = first & SEGMENT_MASK
            part = records[: SEGMENT - start]
            del records[: len(part)]
            segment = self._slots.segments[first >> SEGMENT_SHIFT]
            segment[start * self._size : (start + len(part)) * self._size] = b"".join(part)
            first += len(part)
