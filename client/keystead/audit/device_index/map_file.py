# SPDX-License-Identifier: Apache-2.0
"""Memory for a map's nodes, in a temporary file without a name: the system may put on disk what it needs elsewhere."""

import mmap
import os
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Self

from keystead.errors import StoreError
from keystead.index.map_nodes import INNER_SIZE, LEAF_SIZE, SEGMENT, MapNodes, Slots

__all__ = ["MapFile"]


class MapFile:
    """The nodes of one map. Use it as a context manager; they are gone at its end.

    Attributes:
        nodes: the nodes.
    """

    def __init__(self) -> None:
        self._mapped: list[tuple[mmap.mmap, memoryview]] = []
        self._files: list[BinaryIO] = []
        self.nodes = MapNodes(Slots(self._segments(INNER_SIZE)), Slots(self._segments(LEAF_SIZE)))

    def _segments(self, size: int) -> Callable[[int], memoryview]:
        file: BinaryIO | None = None

        def segment(number: int) -> memoryview:
            nonlocal file
            length = size * SEGMENT
            try:
                if file is None:
                    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
                    self._files.append(file)
                _reserve(file.fileno(), number * length, length)
                mapped = mmap.mmap(file.fileno(), length, offset=number * length)
            except (OSError, ValueError) as error:
                raise StoreError(
                    f"no temporary file for the map of the device index could be made: {error}"
                ) from error
            view = memoryview(mapped)
            self._mapped.append((mapped, view))
            return view

        return segment

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.nodes.inner.segments.clear()
        self.nodes.leaves.segments.clear()
        for mapped, view in self._mapped:
            view.release()
            mapped.close()
        self._mapped.clear()
        for file in self._files:
            file.close()


def _reserve(descriptor: int, start: int, length: int) -> None:
    """Have the blocks on disk: where there are none for a page that is written, the process is killed."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, length)
    else:  # macOS
        os.pwrite(descriptor, bytes(length), start)
