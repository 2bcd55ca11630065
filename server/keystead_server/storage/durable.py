# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and there after a power cut: the system calls of a directory store.

`create`, for each file up to its last `write`, and from there for all of them together::

    mkdir                        the directories that are missing, mode 0755
    open(directory)              held open to the end, so that no error of a write-back is missed
    open(".tmp/…", O_CREAT | O_EXCL), mode 0644
    write …                      until all is written
    fsync(file)                  the bytes are durable before a name leads to them
    link(".tmp/…", path)         fails where a file is, which is then compared
    fsync(directory)             of each that got a name, and of the one above where it may be new
    unlink(".tmp/…")

`replace` has `rename` in place of `link`: a reader sees the old file or the new one. Both follow the order
that crash-consistency studies ask for: data before name, name before answer.

A file found in place is compared, and its directory is synced all the same: whoever linked it may have been
killed before its own fsync. For the same reason a directory counts as durable only once this process has
synced the one above it.

Everything raises `OSError`, of which `NotSyncedError` says that what is on disk is unknown. Calls of one
object must not overlap.
"""

import errno
import fcntl
import os
import sys
from collections import OrderedDict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from itertools import count

__all__ = ["DifferentContentError", "DurableFiles", "NotSyncedError", "read_all"]

_TEMPORARY = ".tmp"

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW

_SYNC_THREADS = 8
# A file system journals concurrent fsyncs in one go; more threads than this gained nothing.

_KNOWN_DIRECTORIES = 4096


class NotSyncedError(OSError):
    """An fsync failed. Linux reports that once and drops the pages: doing it again proves nothing."""


class DifferentContentError(OSError):
    """A file is there, with other bytes than the ones to write."""


class DurableFiles:
    """Writes files below one directory, by paths relative to it.

    Args:
        root: an absolute path; the directory must exist, and its own name be durable.
    """

    def __init__(self, root: str) -> None:
        self._root = os.open(root, _OPEN_DIRECTORY)
        self._temporary = -1
        # Names that no other process makes, also not one with the same id in another container.
        self._names = (f"{os.urandom(8).hex()}-{number}" for number in count())
        # Directories of which this process knows that their own name is durable.
        self._known: OrderedDict[str, None] = OrderedDict()
        self._threads = ThreadPoolExecutor(_SYNC_THREADS, "fsync")

    def create(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Make files, or find them with the same bytes. Holds three descriptors for each file.

        Raises:
            DifferentContentError: one is there with other bytes.
        """
        with ExitStack() as stack:
            folders: dict[str, int] = {}
            written: list[tuple[str, int, str, bytes]] = []
            descriptors: list[int] = []
            for path, data in files:
                above, _, name = path.rpartition("/")
                folder = self._open_folder(above, folders, stack)
                if not _is_there(name, folder, data):
                    temporary, descriptor = self._write_temporary(data, stack)
                    written.append((temporary, folder, name, data))
                    descriptors.append(descriptor)
            self._sync(descriptors)
            for temporary, folder, name, data in written:
                try:
                    os.link(
                        temporary, name, src_dir_fd=self._temporary, dst_dir_fd=folder, follow_symlinks=False
                    )
                except FileExistsError:
                    # The same path twice in `files`, or another process was quicker.
                    _is_there(name, folder, data)
            self._sync_folders(folders)

    def replace(self, path: str, data: bytes) -> None:
        """Make one file, or put it in place of the one that is there."""
        with ExitStack() as stack:
            folders: dict[str, int] = {}
            above, _, name = path.rpartition("/")
            folder = self._open_folder(above, folders, stack)
            temporary, descriptor = self._write_temporary(data, stack)
            self._sync([descriptor])
            os.rename(temporary, name, src_dir_fd=self._temporary, dst_dir_fd=folder)
            self._sync_folders(folders)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there, and its directory, if that is one of partial tiles and now empty."""
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path, dir_fd=self._root)
        folder = path.rpartition("/")[0]
        if folder.endswith(".p"):
            with suppress(OSError):
                os.rmdir(folder, dir_fd=self._root)
                self._known.pop(folder, None)

    def close(self) -> None:
        """Let go of the directory."""
        self._threads.shutdown()
        for descriptor in (self._root, self._temporary):
            if descriptor >= 0:
                os.close(descriptor)
        self._root = self._temporary = -1

    def _open_folder(self, path: str, folders: dict[str, int], stack: ExitStack) -> int:
        """A descriptor of a directory, which is made where it is missing; it will be synced as one of `folders`."""
        if path in folders:
            return folders[path]
        if not path:
            descriptor = os.dup(self._root)
        elif path in self._known:
            self._known.move_to_end(path)
            try:
                descriptor = os.open(path, _OPEN_DIRECTORY, dir_fd=self._root)
            except FileNotFoundError:
                # Somebody else removed it: begin with the ones above it.
                del self._known[path]
                return self._open_folder(path, folders, stack)
        else:
            above, _, name = path.rpartition("/")
            parent = self._open_folder(above, folders, stack)
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=parent)
            descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
        stack.callback(os.close, descriptor)
        folders[path] = descriptor
        return descriptor

    def _write_temporary(self, data: bytes, stack: ExitStack) -> tuple[str, int]:
        """A new file under a name of its own, written and not yet synced; the name goes when `stack` unwinds."""
        if self._temporary < 0:
            self._temporary = self._open_temporary()
        name = next(self._names)
        descriptor = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=self._temporary
        )
        stack.callback(_forget, name, self._temporary)
        stack.callback(os.close, descriptor)
        rest = memoryview(data)
        while rest:
            taken = os.write(descriptor, rest)
            if taken == 0:
                raise OSError(errno.EIO, "a write took nothing")
            rest = rest[taken:]
        return name, descriptor

    def _open_temporary(self) -> int:
        with suppress(FileExistsError):
            os.mkdir(_TEMPORARY, 0o700, dir_fd=self._root)
        descriptor = os.open(_TEMPORARY, _OPEN_DIRECTORY, dir_fd=self._root)
        # What is here was left by a process that was killed: nothing leads to it.
        for name in os.listdir(descriptor):  # noqa: PTH208 - a Path cannot list a descriptor
            _forget(name, descriptor)
        return descriptor

    def _sync_folders(self, folders: dict[str, int]) -> None:
        self._sync(folders.values())
        # With all of them synced, so is the name of each, which stands in the one above it.
        self._known.update(dict.fromkeys(folders))
        while len(self._known) > _KNOWN_DIRECTORIES:
            self._known.popitem(last=False)

    def _sync(self, descriptors: Collection[int]) -> None:
        shares = [share for start in range(_SYNC_THREADS) if (share := [*descriptors][start::_SYNC_THREADS])]
        try:
            if len(shares) == 1:
                _sync_each(shares[0])
            else:
                outcomes = [self._threads.submit(_sync_each, share) for share in shares]
                # Also when one fails: no descriptor may be closed while it is being synced.
                wait(outcomes)
                for outcome in outcomes:
                    outcome.result()
        except OSError as error:
            raise NotSyncedError(*error.args) from error


def read_all(descriptor: int) -> bytes:
    """All bytes of a file that was opened for this; closes it."""
    try:
        size = os.fstat(descriptor).st_size
        pieces = []
        # One byte more than there should be: in one read, and one that finds the end.
        while piece := os.read(descriptor, size + 1):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _is_there(name: str, folder: int, data: bytes) -> bool:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return False
    if read_all(descriptor) != data:
        raise DifferentContentError(errno.EEXIST, "a file is there with other bytes", name)
    return True


def _forget(name: str, folder: int) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _sync_each(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        if sys.platform == "darwin":
            # There, fsync leaves the drive's own cache alone.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)
