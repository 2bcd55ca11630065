# SPDX-License-Identifier: Apache-2.0
"""One server on one data folder.

`flock` on the file `lock`, held as long as the process lives: the kernel lets go of it however the process
ends. It keeps two servers on one machine from working on one folder by mistake. It is not what keeps a log
from forking: that is the compare-and-swap of the `HeadStore`, which also holds where `flock` does nothing, as
on some network file systems.

The file's content says which process holds it, for people. Losing or altering the file means nothing while no
server runs.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from keystead.errors import StoreError

__all__ = ["LOCK_FILE", "FolderLock"]

LOCK_FILE = "lock"
"""The file's name in the data folder."""


class FolderLock:
    """The lock of a data folder, held from construction to `close`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock of `folder`, which must exist.

        Raises:
            StoreError: another process holds it, or the file cannot be opened.
        """
        path = folder / LOCK_FILE
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreError(
                f"{folder} is in use by another server (process {holder or 'unknown'}): stop it, or use another folder"
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise StoreError(f"{path} cannot be locked: {error.strerror}") from error
        # The note is for people: a full disk must not keep a log from being served.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def close(self) -> None:
        """Let another server have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
