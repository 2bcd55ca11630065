# SPDX-License-Identifier: Apache-2.0
"""The histories of all keys: extended in batches, read in pages of any history with bounded memory.

A history keeps its last entries and the right edge of its tree in one row, which an append reads and writes; entries
before that lie in blocks of 64, and the hash of every complete subtree of 64 leaves and more in a row of its own. So
an append costs O(log n), and a page its length and some dozens of rows.

Invariants:

* what is there never changes, but for the tail growing into a block: a reader needs no transaction;
* extending a history by entries that it has already does nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from keystead.errors import StoreError
from keystead.index.history import Page, encode_value, make_page
from keystead.tlog.merkle import HASH_SIZE, CompactRange, root_of, tree_root
from keystead_server.index.database import IndexDatabase

__all__ = ["BLOCK", "Histories"]

BLOCK_LEVEL = 6
BLOCK = 1 << BLOCK_LEVEL
"""Entries in a block."""

_ENTRY = 8
_DERIVED = 8
# Below this many entries the edge is not stored: hashing them again costs less than reading it.

_READ = "SELECT count, tail, edge FROM history WHERE key = ?"
_WRITE = "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?)"
_WRITE_PART = "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?)"
_READ_PART = "SELECT data FROM part WHERE key = ? AND level = ? AND position = ?"
_SCAN = "SELECT key, count, tail, edge FROM history ORDER BY key"


@dataclass(slots=True)
class _History:
    """One row, taken apart.

    Attributes:
        count: entries.
        tail: the last 1 to 64 of them, uint64 each.
        edge: the roots of the maximal complete subtrees.
    """

    count: int
    tail: bytes
    edge: list[bytes]

    @classmethod
    def read(cls, row: tuple[int, bytes, bytes] | None) -> "_History":
        if row is None:
            return cls(0, b"", [])
        count, tail, edge = row
        if count < _DERIVED:
            tree = CompactRange()
            tree.extend(
                sha256(b"\x00" + tail[at : at + _ENTRY]).digest() for at in range(0, len(tail), _ENTRY)
            )
            return cls(count, tail, list(tree.hashes))
        return cls(count, tail, [edge[at : at + HASH_SIZE] for at in range(0, len(edge), HASH_SIZE)])

    @property
    def last(self) -> int:
        """The last entry; -1 before there is one."""
        return int.from_bytes(self.tail[-_ENTRY:]) if self.tail else -1

    def append(self, entry: int) -> Iterator[tuple[int, int, bytes]]:
        """Add an entry; (level, position, data) of the parts that this completes."""
        count = self.count
        data = entry.to_bytes(_ENTRY)
        if len(self.tail) == BLOCK * _ENTRY:
            yield 0, count // BLOCK - 1, self.tail
            self.tail = data
        else:
            self.tail += data
        node = sha256(b"\x00" + data).digest()
        carry, level = count, 0
        while carry & 1:
            node = sha256(b"\x01" + self.edge.pop() + node).digest()
            carry >>= 1
            level += 1
            if level >= BLOCK_LEVEL:
                yield level, count >> level, node
        self.edge.append(node)
        self.count = count + 1

    def value(self) -> bytes:
        return encode_value(self.count, CompactRange(self.count, self.edge).root())

    def row(self, key: bytes) -> tuple[bytes, int, bytes, bytes]:
        return key, self.count, self.tail, b"".join(self.edge) if self.count >= _DERIVED else b""


class Histories:
    """The histories in an index's database."""

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def extend(self, changes: Mapping[bytes, Sequence[int]]) -> dict[bytes, bytes]:
        """Add entries to histories, inside a transaction of the caller.

        Args:
            changes: by map key, entries in ascending order, at least one; none before what the history had when these
                entries were logged.

        Returns:
            By map key, the map's value of the history up to its last entry in `changes`. A history may be ahead of
            that: its entries from then on do not count.
        """
        values: dict[bytes, bytes] = {}
        rows: list[tuple[bytes, int, bytes, bytes]] = []
        parts: list[tuple[bytes, int, int, bytes]] = []
        ahead: list[bytes] = []
        new = 0
        execute = self._database.connection.execute
        for key in sorted(changes):
            row = execute(_READ, (key,)).fetchone()
            new += row is None
            if row is None and len(changes[key]) == 1:
                # Most keys are new, and most of them stay with one entry: the tree is its leaf.
                tail = changes[key][0].to_bytes(_ENTRY)
                values[key] = encode_value(1, sha256(b"\x00" + tail).digest())
                rows.append((key, 1, tail, b""))
                continue
            history = _History.read(row)
            last, before = history.last, history.count
            for entry in changes[key]:
                if entry > last:
                    parts += [(key, *part) for part in history.append(entry)]
            if history.count != before:
                rows.append(history.row(key))
            if history.last == changes[key][-1]:
                values[key] = history.value()
            else:
                ahead.append(key)
        self._database.connection.executemany(_WRITE_PART, parts)
        self._database.connection.executemany(_WRITE, rows)
        self._database.add_keys(new)
        for key in ahead:
            values[key] = self._value_up_to(key, changes[key][-1])
        return values

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """(map key, map value) of every history, ascending."""
        for key, count, tail, edge in self._database.connection.execute(_SCAN):
            if count == 1:
                yield key, encode_value(1, sha256(b"\x00" + tail).digest())
            else:
                yield key, _History.read((count, tail, edge)).value()

    def page(self, key: bytes, count: int, first: int, limit: int) -> Page:
        """A page of the first `count` entries of a history.

        Args:
            key: the map key.
            count: as many entries as the head knows; at least 1.
            first: position of the page's first entry; past the end the page is empty.
            limit: how many entries at most.

        Raises:
            StoreError: the history has not as many entries.
        """
        history = self._history(key, count)
        stop = min(count, first + limit)
        entries: list[int] = []
        for number in range(first // BLOCK, -(-stop // BLOCK)) if first < stop else ():
            block = history.block(number)
            start = number * BLOCK
            low, high = max(first - start, 0), min(stop - start, BLOCK)
            entries += [int.from_bytes(block[at * _ENTRY : (at + 1) * _ENTRY]) for at in range(low, high)]
        return make_page(count, first, entries, history.node)

    def _history(self, key: bytes, count: int) -> "_StoredTree":
        row = self._database.connection.execute(_READ, (key,)).fetchone()
        if row is None or row[0] < count:
            raise StoreError(
                "a history is shorter than its head says: delete the index, and it is built again"
            )
        return _StoredTree(row[0], row[1], lambda level, position: self._part(key, level, position))

    def _part(self, key: bytes, level: int, position: int) -> bytes:
        row = self._database.connection.execute(_READ_PART, (key, level, position)).fetchone()
        if row is None:
            raise StoreError("a part of a history is missing: delete the index, and it is built again")
        return bytes(row[0])

    def _value_up_to(self, key: bytes, last: int) -> bytes:
        """The map's value of the history that ends with the entry `last`, which it has."""
        tree = self._history(key, 1)
        # From its end: a history is ahead by the entries of a minute.
        number = (tree.count - 1) // BLOCK
        while number and int.from_bytes(tree.block(number)[:_ENTRY]) > last:
            number -= 1
        block = tree.block(number)
        within = sum(int.from_bytes(block[at : at + _ENTRY]) <= last for at in range(0, len(block), _ENTRY))
        count = number * BLOCK + within
        return encode_value(count, tree_root(count, tree.node))


class _StoredTree:
    """The tree of one history, read as it is needed.

    Args:
        count: entries in the row.
        tail: the last of them.
        part: reads (level, position).
    """

    def __init__(self, count: int, tail: bytes, part: Callable[[int, int], bytes]) -> None:
        self.count = count
        self._tail = tail
        self._part = part
        self._blocks: dict[int, bytes] = {}

    def block(self, number: int) -> bytes:
        """The entries of a block, those of the tail for the last one."""
        if number == (self.count - 1) // BLOCK:
            return self._tail
        if number not in self._blocks:
            self._blocks[number] = self._part(0, number)
        return self._blocks[number]

    def node(self, level: int, index: int) -> bytes:
        """A `NodeReader`."""
        if level >= BLOCK_LEVEL:
            return self._part(level, index)
        start = index << level
        block = self.block(start // BLOCK)
        within = start % BLOCK * _ENTRY
        return root_of(
            [
                sha256(b"\x00" + block[at : at + _ENTRY]).digest()
                for at in range(within, within + (_ENTRY << level), _ENTRY)
            ]
        )
