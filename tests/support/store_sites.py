# SPDX-License-Identifier: Apache-2.0
"""Places on which both stores can be opened again and again, as one process after the other would.

A new pair of stores joins the shared suites by a line in `SITES`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.interface import BlobStore, HeadStore
from keystead_server.storage.memory import MemoryBlobStore, MemoryHeads, MemoryHeadStore
from keystead_server.storage.sqlite import SQLiteHeadStore

__all__ = ["SITES", "DirectorySite", "MemorySite", "Site", "StorePair"]


class StorePair(NamedTuple):
    """Both stores of one log, as one process has them open."""

    blobs: BlobStore
    heads: HeadStore

    def close(self) -> None:
        """Let go of both."""
        self.blobs.close()
        self.heads.close()


class Site(Protocol):
    """Where a pair of stores lives."""

    def open(self) -> StorePair:
        """Both stores, as another process would open them."""


class MemorySite:
    """Both stores in memory."""

    def __init__(self, folder: Path) -> None:
        self.objects: dict[str, bytes] = {}
        self.database = MemoryHeads()

    def open(self) -> StorePair:
        """Stores that share what is in memory."""
        return StorePair(MemoryBlobStore(self.objects), MemoryHeadStore(self.database))


class DirectorySite:
    """A directory of objects with the lock database beside it."""

    def __init__(self, folder: Path) -> None:
        self.objects = folder / "objects"
        self.database = folder / "heads.sqlite"
        if not self.database.exists():
            self.objects.mkdir(parents=True, exist_ok=True)
            SQLiteHeadStore.create(self.database).close()

    def open(self) -> StorePair:
        """Stores on the same files."""
        return StorePair(DirectoryBlobStore(self.objects), SQLiteHeadStore(self.database))


SITES: dict[str, Callable[[Path], Site]] = {"memory": MemorySite, "directory": DirectorySite}
