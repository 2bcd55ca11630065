# SPDX-License-Identifier: Apache-2.0
"""Answers out of the indexer's files, in any process: no lock is taken, and nobody waits.

Invariants:

* nothing is answered that does not lead to the map root of its head: files that are altered, or being built again, make
  the index unavailable and never wrong;
* a page is read with memory for the page alone, however long the history is.
"""

from pathlib import Path
from typing import NamedTuple

from keystead.errors import ProofError, RefusedError, StoreError
from keystead.index.history import Page, page_value
from keystead.index.kinds import Subject, index_key
from keystead.index.map_nodes import MapNodes, Slots
from keystead.index.map_proof import verify_absence, verify_presence
from keystead.index.map_prove import prove
from keystead_server.index.database import Figures, HeadRow, IndexDatabase
from keystead_server.index.histories import Histories
from keystead_server.index.replica import DATABASE
from keystead_server.index.versions import RETENTION_MS, MapFiles

__all__ = ["FoundHistory", "IndexReader", "IndexState"]


class FoundHistory(NamedTuple):
    """What the index has of a subject under a head."""

    head: HeadRow
    page: Page
    map_proof: bytes


class IndexState(NamedTuple):
    """How far an index is.

    Attributes:
        head: the one that is served.
        figures: what the indexer counts.
    """

    head: HeadRow
    figures: Figures


class _Opened:
    """The files of one index."""

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE
        self.number = path.stat().st_ino
        self.database = IndexDatabase(path, writable=False)
        try:
            generation = self.database.generation()
            if generation is None:
                raise StoreError("the index has no map yet")
            self.generation = generation
            self._files = MapFiles(folder, generation, writable=False)
        except BaseException:
            self.database.close()
            raise
        self.histories = Histories(self.database)
        self.nodes = MapNodes(Slots(self._files.inner.segment), Slots(self._files.leaves.segment))
        self.grow()

    def grow(self) -> None:
        """Map what was added to the files."""
        for slots, file in ((self.nodes.inner, self._files.inner), (self.nodes.leaves, self._files.leaves)):
            while len(slots.segments) < file.segments:
                slots.segments.append(file.segment(len(slots.segments)))

    def close(self) -> None:
        self.nodes.inner.segments.clear()
        self.nodes.leaves.segments.clear()
        self._files.close()
        self.database.close()


class IndexReader:
    """Reads the index in `folder`, which may be absent, or be replaced at any time. Used from one thread.

    Args:
        folder: None where there is no index.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._opened: _Opened | None = None

    def find(
        self, subject: Subject, first: int | None, limit: int, leaf: int | None, now_ms: int
    ) -> FoundHistory:
        """A page of a history, with the proof of the history under a head.

        Args:
            subject: what is asked about.
            first: position of the page's first entry; None for the newest page.
            limit: how many entries at most.
            leaf: leaf index of the head; None for the newest one.
            now_ms: the clock, milliseconds since 1970.

        Raises:
            RefusedError: there is no index yet, or (`head-not-held`) not that head any more.
        """
        for _ in range(2):
            try:
                return self._find(self._open(), subject, first, limit, leaf, now_ms)
            except (StoreError, ProofError, OSError):
                # It was being built again; once more with the files that are there now.
                self.close()
        raise RefusedError(
            "index-unavailable", "the index is being built; try again in a minute", status=503, retry_after=60
        )

    def state(self) -> IndexState | None:
        """How far the index is; None where none is served yet."""
        try:
            database = self._open().database
            head = database.newest_head()
            return None if head is None else IndexState(head, database.figures())
        except (StoreError, OSError):
            self.close()
            return None

    def _open(self) -> _Opened:
        if self._folder is None:
            raise StoreError("this log has no index")
        if self._opened is not None:
            if (
                self._opened.number == (self._folder / DATABASE).stat().st_ino
                and self._opened.generation == self._opened.database.generation()
            ):
                self._opened.grow()
                return self._opened
            self.close()
        self._opened = _Opened(self._folder)
        return self._opened

    def _find(
        self,
        opened: _Opened,
        subject: Subject,
        first: int | None,
        limit: int,
        leaf: int | None,
        now_ms: int,
    ) -> FoundHistory:
        head = self._head(opened.database, leaf, now_ms)
        key = index_key(subject)
        found = prove(opened.nodes, head.top, key)
        if found.value is None:
            verify_absence(key, found.proof, head.map_root)
            return FoundHistory(head, Page(0, first or 0, (), (), ()), found.proof)
        count = int.from_bytes(found.value[:8])
        start = max(0, count - limit) if first is None else first
        page = opened.histories.page(key, count, start, limit)
        verify_presence(key, page_value(page), found.proof, head.map_root)
        return FoundHistory(head, page, found.proof)

    @staticmethod
    def _head(database: IndexDatabase, leaf: int | None, now_ms: int) -> HeadRow:
        if leaf is None:
            newest = database.newest_head()
            if newest is None:
                raise StoreError("the index has no head yet")
            return newest
        kept = database.head(leaf)
        if kept is None or (kept[1] is not None and kept[1] < now_ms - RETENTION_MS):
            raise RefusedError(
                "head-not-held",
                f"there is no index head at {leaf}, or it is not kept any more; ask without head",
                status=404,
            )
        return kept[0]

    def close(self) -> None:
        """Let go of the files."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
