# SPDX-License-Identifier: Apache-2.0
"""Objects as files of a directory: `DIR/<path>`, mode 0644, to be served by any web server as they are.

Losing the directory ends the log, unless a backup or a mirror has it. Altering it can at most stop the log:
what is read back is checked against signed roots before it is used, and every reader checks for itself.

`storage.durable` has the system calls. This module says what their failures mean: a failed fsync, or any EIO,
leaves open what is on disk, so the store refuses to write from then on (`BrokenError`); any other failure,
such as a full disk, is of the one call (`StoreError`), and the next may succeed. Reads go on in any case.
"""

import errno
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from keystead.errors import StoreError
from keystead_server.storage.durable import DifferentContentError, DurableFiles, NotSyncedError, read_all
from keystead_server.storage.interface import BrokenError
from keystead_server.storage.paths import check_object, check_path, check_prefix

__all__ = ["DirectoryBlobStore"]

_GROUP = 64
# Objects written between two rounds of fsync. Each holds up to three descriptors; a process has 1,024.


class DirectoryBlobStore:
    """A `BlobStore` in a directory. One process writes at a time: `storage.lock` sees to that."""

    def __init__(self, root: Path) -> None:
        """Open the store in `root`, a directory.

        Raises:
            StoreError: there is no such directory.
        """
        self._root = str(root.absolute())
        try:
            self._files = DurableFiles(self._root)
        except OSError as error:
            raise StoreError(f"{root} cannot be used as a store: {error.strerror}") from error
        self._lock = threading.Lock()
        self._broken = ""

    def put(self, objects: Mapping[str, bytes]) -> None:
        """As `BlobStore.put`."""
        for path, data in objects.items():
            check_object(path, data)
        remaining = iter(objects.items())
        while group := list(islice(remaining, _GROUP)):
            with self._writing(group[0][0] if len(group) == 1 else f"{group[0][0]} and others"):
                self._files.create(group)

    def publish(self, path: str, data: bytes) -> None:
        """As `BlobStore.publish`."""
        check_object(path, data)
        with self._writing(path):
            self._files.replace(path, data)

    def get(self, path: str) -> bytes | None:
        """As `BlobStore.get`."""
        check_path(path)
        try:
            return read_all(os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read from {self._root}: {error.strerror}") from error

    def delete(self, path: str) -> None:
        """As `BlobStore.delete`."""
        check_path(path)
        with self._writing(path):
            self._files.remove(path)

    def list(self, prefix: str) -> Iterator[str]:
        """As `BlobStore.list`."""
        check_prefix(prefix)
        folder, slash, beginning = prefix.rpartition("/")
        return self._walk(folder + slash, beginning)

    def close(self) -> None:
        """As `BlobStore.close`."""
        with self._lock:
            self._broken = self._broken or f"the store in {self._root} is closed"
            self._files.close()

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with self._lock:
            if self._broken:
                raise BrokenError(self._broken)
            try:
                yield
            except DifferentContentError as error:
                raise StoreError(
                    f"{error.filename} is in {self._root} with other bytes (writing {what}): an object never changes"
                ) from error
            except OSError as error:
                sentence = f"{what} cannot be written to {self._root}: {error.strerror}"
                if isinstance(error, NotSyncedError) or error.errno == errno.EIO:
                    self._broken = f"{sentence}; what is on disk is unknown: restart the log, which recovers"
                    raise BrokenError(self._broken) from error
                raise StoreError(sentence) from error

    def _walk(self, folder: str, beginning: str = "") -> Iterator[str]:
        try:
            with os.scandir(f"{self._root}/{folder}") as entries:
                # A directory sorts as what its paths go on with.
                names = sorted(
                    entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                    for entry in entries
                    if entry.name.startswith(beginning) and not entry.name.startswith(".")
                )
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreError(f"{folder} cannot be listed in {self._root}: {error.strerror}") from error
        for name in names:
            if name.endswith("/"):
                yield from self._walk(folder + name)
            else:
                yield folder + name
