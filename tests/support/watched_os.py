# SPDX-License-Identifier: Apache-2.0
"""The `os` module with an eye on its system calls: it can fail one, cut writes short, and say what a power cut
would leave.

`WatchedOS` stands in for `os` in a module under test. `PowerCut` follows the calls and keeps the least that a
disk must have after them: the bytes of a file count once it was synced after its last write, a name once the
directory that it stands in was synced after the name was made.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CALLS", "PowerCut", "WatchedOS"]

CALLS = ("open", "mkdir", "write", "fsync", "link", "rename", "unlink", "rmdir", "close", "dup", "listdir")
"""The calls that are watched."""


class WatchedOS:
    """Passes everything on to `os`; `before` sees each watched call first, and may raise.

    Attributes:
        calls: the names of the calls so far.
        before: called with the number of the call, its name and arguments.
        largest_write: how many bytes a write takes at most.
    """

    def __init__(self, before: Callable[..., None] | None = None, largest_write: int | None = None) -> None:
        self.calls: list[str] = []
        self.before = before
        self.largest_write = largest_write
        self.power_cut: PowerCut | None = None

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)
        if name not in CALLS:
            return function

        def call(*args: Any, **kwargs: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            if self.before is not None:
                self.before(number, name, *args)
            if name == "write" and self.largest_write is not None:
                args = (args[0], args[1][: self.largest_write])
            if self.power_cut is None:
                return function(*args, **kwargs)
            succeeded = self.power_cut.note(name, args, kwargs)
            result = function(*args, **kwargs)
            succeeded()
            return result

        return call


def _where(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class PowerCut:
    """What is certain to be on disk below `root`, whose own name is.

    Files that are there from the start count as written and synced, but their names and those of their
    directories do not: somebody may have been killed before syncing these.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.dirty: set[int] = set()
        self.certain: dict[Path, int] = {}

    def survives(self, path: str) -> bool:
        """Whether the file at `path`, below the root, with the bytes it has now, outlives a power cut now."""
        whole = self.root / path
        if whole.stat().st_ino in self.dirty:
            return False
        names = [whole, *whole.parents[: len(Path(path).parents) - 1]]
        return all(self.certain.get(name) == name.stat().st_ino for name in names)

    def note(self, name: str, args: Any, kwargs: Any) -> Callable[[], None]:
        """Look at a call before it is made. What comes back is to be called once it has succeeded."""
        if name == "write":
            return lambda: self.dirty.add(os.fstat(args[0]).st_ino)
        if name == "fsync":
            return lambda: self._synced(args[0])
        if name in {"link", "rename"}:
            inode = (_where(kwargs["src_dir_fd"]) / args[0]).stat().st_ino
            assert inode not in self.dirty, "a name is given to a file that is not synced"
        return lambda: None

    def _synced(self, descriptor: int) -> None:
        self.dirty.discard(os.fstat(descriptor).st_ino)
        where = _where(descriptor)
        if where.is_dir():
            self.certain = {path: inode for path, inode in self.certain.items() if path.parent != where}
            self.certain |= {path: path.stat().st_ino for path in where.iterdir()}
