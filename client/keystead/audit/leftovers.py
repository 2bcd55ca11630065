# SPDX-License-Identifier: Apache-2.0
"""What lies in a log's folder beside what its checkpoints promise (`specs/log.md`, sections 2.2 and 11).

A partial tile stays where it was when the next one replaced it, for readers who hold an older checkpoint; and an
object may be there that no entry names, because the batch that it came with was never committed. Over HTTP nobody can
list them. In a folder they can be looked at as well: an older partial file must be the beginning of the one that
replaced it, and an object must have the hash that is its name.

What is beyond the tree, of a batch that is being written, is left alone.
"""

import re
from collections.abc import Callable, Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal

from keystead.audit.data_tile import split_data_tile
from keystead.audit.problem import Problem
from keystead.errors import ParseError
from keystead.tlog.tiles import bundle_path, decode_bundle, decode_tile, tile_path, tiles_between

__all__ = ["altered_objects", "altered_partials"]

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WIDTH = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


def altered_partials(
    folder: Path, prefix: str, origin: str, old_size: int, size: int, named: Collection[str]
) -> Iterator[Problem]:
    """The older partial tiles and bundles of one log that are not the beginning of those that replaced them.

    Args:
        folder: of the log.
        prefix: `issuance` or `statements`.
        origin: of the log, for problems.
        old_size: entries that an earlier audit had checked: tiles that did not change since are passed over.
        size: entries in the tree; its own tiles were checked.
        named: paths that were found to be wrong: nothing can be compared with those.
    """
    kind: Literal["data", "entries"] = "data" if prefix == "issuance" else "entries"
    split = split_data_tile if kind == "data" else decode_bundle
    for level, index, width in tiles_between(old_size, size):
        yield from _compare(
            folder, f"{prefix}/{tile_path(level, index, width)}", width, decode_tile, origin, named
        )
        if not level:
            name = f"{prefix}/{bundle_path(kind, index, width)}"
            yield from _compare(folder, name, width, split, origin, named)


def _compare(
    folder: Path,
    name: str,
    width: int,
    decode: Callable[[bytes, int], object],
    origin: str,
    named: Collection[str],
) -> Iterator[Problem]:
    full = name.partition(".p/")[0]
    older = sorted(found for found in _widths(folder / f"{full}.p") if found < width)
    newest = _read(folder / name) if older and name not in named else None
    if newest is None:
        return
    for found in older:
        path = f"{full}.p/{found}"
        if not _begins(newest, _read(folder / path), found, decode):
            sentence = f"{path}, an older partial file, is not the beginning of {name}, which replaced it"
            yield Problem("leftover-altered", origin, sentence, path=path)


def _widths(folder: Path) -> list[int]:
    """The widths of the partial files in a folder."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return [int(name) for name in names if _WIDTH.fullmatch(name)]


def _begins(newest: bytes, older: bytes | None, width: int, decode: Callable[[bytes, int], object]) -> bool:
    if older is None or not newest.startswith(older):
        return False
    try:
        decode(older, width)  # cut short, it would still be a beginning
    except ParseError:
        return False
    return True


def altered_objects(folder: Path, origin: str, named: Collection[str]) -> Iterator[Problem]:
    """The objects whose name is not their hash, whether or not an entry names them.

    Args:
        folder: of the log.
        origin: of the issuance log, for problems.
        named: paths that were found to be wrong.
    """
    for kind in ("issuance/issuer", "policy", "evidence"):
        try:
            names = sorted(path.name for path in (folder / kind).iterdir())
        except OSError:
            continue
        for name in names:
            path = f"{kind}/{name}"
            if path in named or not _DIGEST.fullmatch(name):
                continue
            data = _read(folder / path)
            if data is None or sha256(data).hexdigest() != name:
                sentence = f"{path}, which no entry names, does not have the hash that is its name"
                yield Problem("leftover-altered", origin, sentence, path=path)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
