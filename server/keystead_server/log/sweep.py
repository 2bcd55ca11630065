# SPDX-License-Identifier: Apache-2.0
"""Removes partial tiles and bundles that nobody needs any more.

C2SP tlog-tiles asks for a partial tile as long as the full one is not there. A reader who has a checkpoint from
before asks for the partial tile after it became full, so it stays for a while yet.

Invariants:

* a partial tile or bundle goes only when the full one that replaces it is stored, and has been published for at
  least the given age;
* nothing else is ever removed: a path that is not that of a partial tile is left alone.

What is due is kept in memory. After a restart the first sweep finds what is stored, and the age counts anew.
"""

from collections import deque
from collections.abc import Mapping
from typing import Literal

from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError
from keystead.tlog.tiles import (
    TILE_WIDTH,
    bundle_path,
    parse_tile_suffix,
    tile_path,
    tile_width,
    tiles_between,
)
from keystead_server.storage.interface import BlobStore

__all__ = ["PartialTileSweeper"]

_BUNDLE_KINDS: tuple[Literal["data", "entries"], ...] = ("data", "entries")

_WIDTHS = frozenset(str(width) for width in range(1, TILE_WIDTH))
# As the paths of partial tiles end.


class PartialTileSweeper:
    """Sweeps the tiles of the logs in one store.

    Args:
        blobs: the store.
        minimum_age: milliseconds for which a full tile must have been published.
    """

    def __init__(self, blobs: BlobStore, minimum_age: int) -> None:
        self._blobs = blobs
        self._minimum_age = minimum_age
        # By prefix, the size up to which partial tiles have been queued, or were looked for.
        self._queued: dict[str, int] = {}
        # (when it was queued, path of the full tile), in order.
        self._due: deque[tuple[int, str]] = deque()

    def sweep(self, published: Mapping[str, int], now: int) -> int:
        """Queue what became full since the last sweep, and remove what has been in the queue long enough.

        Args:
            published: for the prefix of each log (`issuance/`) the size of its published checkpoint.
            now: milliseconds since the epoch; a clock that jumped back only makes partial tiles stay longer.

        Returns:
            How many objects were removed.

        Raises:
            StoreError: the store failed; the next sweep goes on.
        """
        for prefix, size in published.items():
            queued = self._queued.get(prefix)
            full = self._found(prefix, size) if queued is None else _became_full(prefix, queued, size)
            self._due.extend((now, path) for path in full)
            self._queued[prefix] = max(size, queued or 0)
        removed = 0
        while self._due and self._due[0][0] + self._minimum_age <= now:
            path = self._due[0][1]
            # Published is also stored, unless someone took it away: then the partial tiles are all there is.
            if self._blobs.get(path) is not None:
                for partial in list(self._blobs.list(f"{path}.p/")):
                    if partial.removeprefix(f"{path}.p/") in _WIDTHS:
                        self._blobs.delete(partial)
                        removed += 1
            self._due.popleft()
        return removed

    def _found(self, prefix: str, size: int) -> list[str]:
        """The full tiles of the published tree that have partial forms in the store, by path."""
        found: dict[str, None] = {}
        for path in self._blobs.list(f"{prefix}tile/"):
            full, partial, _ = path.rpartition(".p/")
            if partial and full not in found and _is_full(full.removeprefix(f"{prefix}tile/"), size):
                found[full] = None
        return list(found)


def _became_full(prefix: str, old_size: int, size: int) -> list[str]:
    paths = []
    for level, index, width in tiles_between(old_size, size):
        if width == TILE_WIDTH:
            paths.append(prefix + tile_path(level, index))
            if level == 0:
                paths += [prefix + bundle_path(kind, index) for kind in _BUNDLE_KINDS]
    return paths


def _is_full(rest: str, size: int) -> bool:
    """Whether `<level or kind>/<N>` is a full tile or bundle of a tree of `size` leaves."""
    kind, _, suffix = rest.partition("/")
    try:
        level = 0 if kind in _BUNDLE_KINDS else parse_decimal(kind)
        index, _ = parse_tile_suffix(suffix)
    except ParseError:
        return False
    return tile_width(level, index, size) == TILE_WIDTH
