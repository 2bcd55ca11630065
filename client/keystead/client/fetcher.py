# SPDX-License-Identifier: Apache-2.0
"""Bringing bytes from a log: the `Fetcher` protocol, and a log that is a folder.

A log is a tree of small immutable files beside one checkpoint (C2SP tlog-tiles), so one operation is enough:
the bytes at a path, or the news that nothing is there. `HTTPFetcher` in `http` is the other implementation.

Invariants:

* paths are relative to the log's base, made of names joined by single slashes; none leaves the base. Questions to
  a log or its index carry numbers behind a question mark, and may end in a slash before it;
* what comes back is exactly what lies at the path, and never more than the caller's `limit`;
* only `FetchError` and `UsageError` are raised; whether the bytes are true is for those who read them.
"""

import re
from pathlib import Path
from typing import Protocol

from keystead.errors import FetchError, UsageError

__all__ = ["MAX_BYTES", "Fetcher", "FolderFetcher", "check_path"]

MAX_BYTES = 64 * 1024 * 1024
"""More than any object of a log: 256 data-tile leaves of the greatest size that fits an RFC 6962 leaf."""

_NAMES = r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*"
_PATH = re.compile(rf"{_NAMES}|{_NAMES}/?\?[a-z_]+=[0-9]+(&[a-z_]+=[0-9]+)*", re.ASCII)


class Fetcher(Protocol):
    """Where the files of a log come from."""

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """The bytes at `path`, or None where the log has nothing there (HTTP 404).

        Args:
            path: relative to the log's base, as `statements/tile/0/000`.
            limit: the most bytes that the caller will take, after decompression.

        Raises:
            FetchError: the log cannot be reached, or answers with anything but the object or its absence.
        """
        ...


def check_path(path: str) -> str:
    """`path`, if it stays below the base that it is joined to.

    Raises:
        UsageError: it is empty, absolute, climbs, or has characters that no log path has.
    """
    if not _PATH.fullmatch(path):
        raise UsageError(f"{path!r} is no path in a log")
    return path


class FolderFetcher:
    """A log in a folder that has the layout of its URLs: a mirror, a backup, a demo's leftovers.

    Args:
        folder: what the base URL would be.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder, so no log can be read from it")
        self._folder = folder

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`; a folder where a file should be is as absent as nothing."""
        place = self._folder / check_path(path)
        try:
            with place.open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise FetchError(f"{place} cannot be read: {error.strerror}", url=str(place)) from error
        if len(data) > limit:
            raise FetchError(f"{place} is larger than {limit} bytes", url=str(place))
        return data
