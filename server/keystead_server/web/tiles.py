# SPDX-License-Identifier: Apache-2.0
"""The tiles and bundles of both logs, by the paths that readers ask for (C2SP tlog-tiles, static-ct-api v1.1.0).

`tile/entries` of the issuance log is made of its data tile: the same leaves, as RFC 6962 hashes them. Bundles are
compressed for those who accept that, once while they are in memory.

Invariant: an object has one path; any other spelling of it is absent.
"""

import asyncio
import gzip
from collections.abc import Mapping
from typing import Final

from keystead.ct.tile_leaf import decode_data_tile
from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError, StoreError
from keystead.tlog.tiles import bundle_path, encode_bundle, parse_tile_suffix
from keystead_server.web.objects import ObjectReader

__all__ = ["BUNDLES", "IMMUTABLE", "TILES", "TileReader", "is_bundle", "tile_headers", "tile_route"]

_MAX_LEVEL = 63

BUNDLES: Final = ("issuance/tile/data/", "issuance/tile/entries/", "statements/tile/entries/")
"""What the paths of bundles begin with."""

TILES: Final = ("issuance/tile/", "statements/tile/")
"""What those of tiles and bundles begin with."""


IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""The `Cache-Control` of what can never change."""

_PLAIN: Final = {"Content-Type": "application/octet-stream", "Cache-Control": IMMUTABLE}
_PACKED: Final = {**_PLAIN, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


def tile_headers(*, packed: bool) -> Mapping[str, str]:
    """The headers of a tile or bundle, as it is or as gzip."""
    return _PACKED if packed else _PLAIN


def tile_route(path: str) -> str:
    """The route that a tile's path is of, for counts: strangers choose paths."""
    start = next((start for start in BUNDLES if path.startswith(start)), None)
    return f"/{start}{{suffix}}" if start else f"/{path.partition('/')[0]}/tile/{{level}}/{{suffix}}"


def is_bundle(path: str) -> bool:
    """Whether a tile's path is that of a bundle, which is compressed for those who accept it."""
    return path.startswith(BUNDLES)


def _packed_key(path: str) -> str:
    """By what an object is remembered as gzip: no path begins so, however it is spelt."""
    return f"gzip:{path}"


class TileReader:
    """Reads tiles and bundles through the memory of one process.

    Args:
        objects: cached reads of what is stored.
    """

    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects

    def held(self, path: str, *, packed: bool) -> bytes | None:
        """What `read` returns, if it is in memory: then it was asked for by its one spelling before."""
        return self._objects.held(_packed_key(path) if packed else path)

    async def read(self, path: str, *, packed: bool) -> bytes | None:
        """A tile or bundle, or None where there is none.

        Args:
            path: without the slash at its beginning; it begins with one of `TILES`.
            packed: as gzip; for bundles only.
        """
        data = self.held(path, packed=packed)
        if data is not None:
            return data
        log, _, rest = path.partition("/tile/")
        kind, _, suffix = rest.partition("/")
        try:
            index, width = parse_tile_suffix(suffix)
            if not is_bundle(path):
                parse_decimal(kind, "a tile level", _MAX_LEVEL)
        except ParseError:
            return None
        if (log, kind) == ("issuance", "entries"):
            data = await self._derived(path, index, width)
        else:
            data = await self._objects.get(path)
        if data is not None and packed:
            data = await asyncio.to_thread(gzip.compress, data, 1, mtime=0)
            self._objects.keep(_packed_key(path), data)
        return data

    async def _derived(self, path: str, index: int, width: int) -> bytes | None:
        held = self._objects.held(path)
        if held is not None:
            return held
        data = await self._objects.get(f"issuance/{bundle_path('data', index, width)}")
        if data is None:
            return None
        try:
            leaves = decode_data_tile(data, width)
        except ParseError as error:
            raise StoreError(f"the data tile of {path} is damaged: restore it from a backup") from error
        derived = encode_bundle([leaf.entry.merkle_tree_leaf() for leaf in leaves])
        self._objects.keep(path, derived)
        return derived
