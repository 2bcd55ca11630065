# SPDX-License-Identifier: Apache-2.0
"""The versions of the map that are kept: those of recent heads, and the one that is on disk.

The map's nodes lie in two files (`mapped_records`). A slot that a version gave up is used again when no version that is
kept has it; the version of the last durable mark is always among these, so whatever happens after the mark, that
version is whole.
"""

import secrets
from array import array
from collections import deque
from pathlib import Path

from keystead.errors import StoreError
from keystead.index.map_nodes import EMPTY, INNER_SIZE, LEAF_SIZE, SEGMENT, MapNodes, Slots, Version
from keystead_server.index.database import DurableMark, HeadRow, IndexDatabase
from keystead_server.index.mapped_records import MappedRecords

__all__ = ["RETENTION_MS", "MapFiles", "Versions"]

RETENTION_MS = 10 * 60 * 1000
"""A head is answered under until so long after the next one."""

_SLACK_MS = 60 * 1000
# It is kept a little longer than that: a reader may have begun.


class MapFiles:
    """The two files of one generation of the map.

    Args:
        folder: where they lie.
        generation: their name.
        writable: whether this process writes them.
    """

    def __init__(self, folder: Path, generation: str, *, writable: bool) -> None:
        self.inner = MappedRecords(folder / f"inner-{generation}", INNER_SIZE, writable=writable)
        try:
            self.leaves = MappedRecords(folder / f"leaves-{generation}", LEAF_SIZE, writable=writable)
        except StoreError:
            self.inner.close()
            raise

    def sync(self) -> None:
        """Bring both to disk."""
        self.inner.sync()
        self.leaves.sync()

    def close(self) -> None:
        """Let go of both."""
        self.inner.close()
        self.leaves.close()


def new_generation() -> str:
    """A name that no file has."""
    return secrets.token_hex(8)


class Versions:
    """What the indexer keeps of the map.

    Args:
        folder: where its files lie.
        database: where its heads are.
        generation: the name of its files.

    Attributes:
        nodes: the nodes of all versions.
        rows: the heads that are kept, ascending.
    """

    def __init__(self, folder: Path, database: IndexDatabase, generation: str) -> None:
        self._database = database
        self._files = MapFiles(folder, generation, writable=True)
        try:
            self._mark = database.durable()
            mark = self._mark or DurableMark(-1, 0, 0, b"", b"")
            self.nodes = MapNodes(
                self._slots(self._files.inner, mark.inner_unused, mark.inner_free),
                self._slots(self._files.leaves, mark.leaves_unused, mark.leaves_free),
            )
            database.forget_heads_after(mark.leaf)
            self.rows = deque(database.heads())
            self._check(mark)
        except BaseException:
            self._files.close()
            raise

    @staticmethod
    def _slots(file: MappedRecords, unused: int, free: bytes) -> Slots:
        if file.segments < -(-unused // SEGMENT):
            raise StoreError("a file of the index's map is shorter than it was")
        return Slots(file.segment, unused, array("I", free))

    def _check(self, mark: DurableMark) -> None:
        if mark.leaf < 0:
            return
        if not self.rows or self.rows[-1].leaf != mark.leaf:
            raise StoreError("the head of the index's last durable mark is missing")
        version = self.version
        if version.top != EMPTY and self.nodes.hash_of(version.top) != version.root:
            raise StoreError("a file of the index's map was altered")

    @property
    def durable_leaf(self) -> int:
        """The leaf index of the head that is on disk; -1 before there is one."""
        return -1 if self._mark is None else self._mark.leaf

    @property
    def version(self) -> Version:
        """The version of the newest head."""
        row = self.rows[-1]
        return Version(row.top, row.map_root)

    def adopt(self, row: HeadRow, version: Version, now_ms: int, seconds: float = 0.0) -> None:
        """Keep a head and serve it from now on; give back what no head needs any more.

        Args:
            row: the head.
            version: its map, which followed the one of the head before.
            now_ms: milliseconds since 1970.
            seconds: how long computing the version took.
        """
        self._database.add_head(
            row, version.retired_inner.tobytes(), version.retired_leaves.tobytes(), seconds
        )
        self.rows.append(row)
        # A head counts from the moment when the next one took its place; the one on disk stays.
        while (
            len(self.rows) > 1
            and self.rows[0].leaf < self.durable_leaf
            and self.rows[1].time < now_ms - RETENTION_MS - _SLACK_MS
        ):
            self.rows.popleft()
            inner, leaves = self._database.retired(self.rows[0].leaf)
            self.nodes.inner.free.frombytes(inner)
            self.nodes.leaves.free.frombytes(leaves)

    def make_durable(self) -> None:
        """Bring the newest head to disk: a start goes on from there."""
        newest = self.rows[-1]
        if newest.leaf == self.durable_leaf:
            return
        # The files first: the mark speaks of what is on disk already.
        self._files.sync()
        mark = DurableMark(
            newest.leaf,
            self.nodes.inner.unused,
            self.nodes.leaves.unused,
            self.nodes.inner.free.tobytes(),
            self.nodes.leaves.free.tobytes(),
        )
        self._database.mark_durable(mark, self.rows[0].leaf)
        self._mark = mark

    def close(self) -> None:
        """Let go of the files."""
        self.nodes.inner.segments.clear()
        self.nodes.leaves.segments.clear()
        self._files.close()
