# SPDX-License-Identifier: Apache-2.0
"""Records of one size in a file that is mapped into memory, segment by segment.

The pages are the file's own: what one process writes, all that map the file read. The kernel brings them to disk when
it likes, and `sync` makes it do so; a process that is killed loses nothing that it wrote.

Invariants:

* a segment has its place on disk before it is mapped, so a full disk is an error of `segment` and not of a write;
* a file only grows, by whole segments.
"""

import mmap
import os
from pathlib import Path

from keystead.errors import StoreError
from keystead.index.map_nodes import SEGMENT

__all__ = ["MappedRecords"]


class MappedRecords:
    """A file of records.

    Args:
        path: the file; made where it is absent and `writable`.
        size: bytes of a record.
        writable: whether this process writes; only one may.

    Raises:
        StoreError: the file cannot be opened.
    """

    def __init__(self, path: Path, size: int, *, writable: bool) -> None:
        self._path = path
        self._bytes = size * SEGMENT
        self._writable = writable
        self._mapped: list[tuple[mmap.mmap, memoryview]] = []
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        try:
            self._descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise self._error("opened", error) from error

    @property
    def segments(self) -> int:
        """How many segments the file has."""
        return os.fstat(self._descriptor).st_size // self._bytes

    def segment(self, number: int) -> memoryview:
        """The memory of a segment, which is added to the file where it is its next one.

        Raises:
            StoreError: there is no such segment, or the disk is full.
        """
        start = number * self._bytes
        try:
            if self._writable and number >= self.segments:
                self._add(start)
            access = mmap.ACCESS_WRITE if self._writable else mmap.ACCESS_READ
            mapped = mmap.mmap(self._descriptor, self._bytes, access=access, offset=start)
        except (OSError, ValueError) as error:
            raise self._error("mapped", error) from error
        view = memoryview(mapped)
        self._mapped.append((mapped, view))
        return view

    def _add(self, start: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._descriptor, start, self._bytes)
        else:  # macOS: the blocks are written, so that they are there
            os.pwrite(self._descriptor, bytes(self._bytes), start)

    def sync(self) -> None:
        """Return when all that was written is on disk."""
        try:
            os.fsync(self._descriptor)  # on Linux this covers what was written through the mapping
        except OSError as error:
            raise self._error("written", error) from error

    def close(self) -> None:
        """Let go of the file; the memory of its segments must not be used any more."""
        for mapped, view in self._mapped:
            view.release()
            mapped.close()
        self._mapped.clear()
        os.close(self._descriptor)

    def _error(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"{self._path} cannot be {what} ({error}); it can be deleted: the index is built again"
        )
