# SPDX-License-Identifier: Apache-2.0
"""Where the nodes of a map lie: records in segments of plain memory, not objects.

An inner node takes 41 bytes, a leaf 72, so ten million keys take 1.2 GB. Versions of a map share what did not
change: a node is never changed while a version that has it is kept, so whoever reads a version needs no lock, even
in another process that maps the same memory.

    inner  uint32le left || uint32le right || uint8 bit || hash (32)
    leaf   key (32) || value (40)

A child, and a version's top, is named by a number: that of an inner node, or `LEAF` plus that of a leaf; `EMPTY`
names the map without keys.

Invariants:

* a slot is handed out only if no version that is kept has it: it was never used, or `release` gave it back;
* a version is given back after all that are older.

Not safe for two writers; readers of kept versions may run beside one writer.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct

from keystead.index.map_hash import EMPTY_MAP, KEY_SIZE, VALUE_SIZE, hash_map_leaf
from keystead.tlog.merkle import HASH_SIZE

__all__ = [
    "EMPTY",
    "EMPTY_VERSION",
    "INNER",
    "INNER_SIZE",
    "LEAF",
    "LEAF_SIZE",
    "SEGMENT",
    "SEGMENT_MASK",
    "SEGMENT_SHIFT",
    "MapNodes",
    "Slots",
    "Version",
    "memory_nodes",
]

LEAF = 1 << 31
"""Added to the number of a leaf."""

EMPTY = (1 << 32) - 1
"""The top of the map without keys."""

INNER = Struct(f"<IIB{HASH_SIZE}s")
INNER_SIZE = INNER.size
_LINKS = Struct("<IIB")
# The beginning of an inner node, which is all that a walk needs.

LEAF_SIZE = KEY_SIZE + VALUE_SIZE

SEGMENT_SHIFT = 16
SEGMENT = 1 << SEGMENT_SHIFT
"""Records in a segment: 2.7 MB of inner nodes, 4.7 MB of leaves, each a whole number of memory pages."""

SEGMENT_MASK = SEGMENT - 1

Memory = bytearray | memoryview


class Slots:
    """Records of one size.

    Args:
        grow: `grow(number)` is the memory of segment `number`: as many bytes as a segment of these records has.
        unused: how many slots have ever been handed out.
        free: those of them that no kept version has.
    """

    __slots__ = ("_grow", "free", "segments", "unused")

    def __init__(self, grow: Callable[[int], Memory], unused: int = 0, free: Sequence[int] = ()) -> None:
        self._grow = grow
        self.segments: list[Memory] = [grow(number) for number in range(-(-unused // SEGMENT))]
        self.unused = unused
        self.free = array("I", free)

    def take(self) -> int:
        """A slot to write to."""
        if self.free:
            return self.free.pop()
        return self.extend(1)

    def extend(self, count: int) -> int:
        """The first of `count` slots in a row that were never used."""
        first = self.unused
        end = first + count
        while len(self.segments) << SEGMENT_SHIFT < end:
            self.segments.append(self._grow(len(self.segments)))
        self.unused = end
        return first


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a map.

    Attributes:
        top: the number of its top node.
        root: its hash.
        retired_inner, retired_leaves: slots that the version before it has and this one has not.
    """

    top: int
    root: bytes
    retired_inner: "array[int]" = field(default_factory=lambda: array("I"), repr=False)
    retired_leaves: "array[int]" = field(default_factory=lambda: array("I"), repr=False)


EMPTY_VERSION = Version(EMPTY, EMPTY_MAP)
"""The map without keys."""


class MapNodes:
    """The nodes of all versions of one map that are kept.

    Args:
        inner: records of `INNER_SIZE` bytes.
        leaves: records of `LEAF_SIZE` bytes.
    """

    __slots__ = ("inner", "leaves")

    def __init__(self, inner: Slots, leaves: Slots) -> None:
        self.inner = inner
        self.leaves = leaves

    def read_inner(self, number: int) -> tuple[int, int, int, bytes]:
        """Left child, right child, bit and hash of an inner node."""
        segment = self.inner.segments[number >> SEGMENT_SHIFT]
        left, right, bit, hashed = INNER.unpack_from(segment, (number & SEGMENT_MASK) * INNER_SIZE)
        return left, right, bit, hashed

    def read_leaf(self, number: int) -> tuple[bytes, bytes]:
        """Key and value of a leaf, by its number without `LEAF`."""
        start = (number & SEGMENT_MASK) * LEAF_SIZE
        record = bytes(self.leaves.segments[number >> SEGMENT_SHIFT][start : start + LEAF_SIZE])
        return record[:KEY_SIZE], record[KEY_SIZE:]

    def hash_of(self, child: int) -> bytes:
        """The hash of a node by its number."""
        if child >= LEAF:
            return hash_map_leaf(*self.read_leaf(child - LEAF))
        start = (child & SEGMENT_MASK) * INNER_SIZE + INNER_SIZE - HASH_SIZE
        return bytes(self.inner.segments[child >> SEGMENT_SHIFT][start : start + HASH_SIZE])

    def walk(self, top: int, key: bytes) -> int:
        """The number of the leaf, without `LEAF`, where the walk for `key` ends; the map is not empty."""
        segments = self.inner.segments
        number = int.from_bytes(key)
        child = top
        while child < LEAF:
            left, right, bit = _LINKS.unpack_from(
                segments[child >> SEGMENT_SHIFT], (child & SEGMENT_MASK) * INNER_SIZE
            )
            child = right if number >> (255 - bit) & 1 else left
        return int(child) - LEAF

    def get(self, top: int, key: bytes) -> bytes | None:
        """The value of a key in a version, if it is there."""
        if top == EMPTY:
            return None
        found, value = self.read_leaf(self.walk(top, key))
        return value if found == key else None

    def release(self, next_version: Version) -> None:
        """Give back what `next_version` does not have: the version before it, the oldest one, is not kept any more."""
        self.inner.free.extend(next_version.retired_inner)
        self.leaves.free.extend(next_version.retired_leaves)


def memory_nodes() -> MapNodes:
    """Nodes in the memory of this process."""
    return MapNodes(
        Slots(lambda _: bytearray(SEGMENT * INNER_SIZE)), Slots(lambda _: bytearray(SEGMENT * LEAF_SIZE))
    )
