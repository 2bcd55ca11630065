# SPDX-License-Identifier: Apache-2.0
"""What users give to `keystead monitor` beside logs: revocation lists and watch lists."""

from collections.abc import Iterable
from pathlib import Path

from keystead.errors import ParseError, UsageError
from keystead.monitor.revocation_list import RevocationList, parse_revocation_list
from keystead.monitor.watch import WatchList, parse_watch_list

__all__ = ["read_revocation_lists", "read_watch_list"]

_MAX_LIST_BYTES = 256 << 20


def read_revocation_lists(paths: Iterable[Path]) -> dict[str, RevocationList]:
    """The lists in files and folders, by path; of a folder, the files `*.crl`.

    Raises:
        ParseError: a file is no list.
        UsageError: a file is too large.
    """
    found = {}
    for file in (one for path in paths for one in _files(path)):
        if file.stat().st_size > _MAX_LIST_BYTES:
            raise UsageError(f"{file} is larger than {_MAX_LIST_BYTES} bytes, so it is no revocation list")
        try:
            found[str(file)] = parse_revocation_list(file.read_bytes())
        except ParseError as error:
            raise ParseError(f"{file}: {error}") from error
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() == ".crl")


def read_watch_list(path: Path) -> WatchList:
    """A watch list.

    Raises:
        ParseError: the file is none.
    """
    try:
        return parse_watch_list(path.read_bytes())
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
