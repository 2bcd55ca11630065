# SPDX-License-Identifier: Apache-2.0
"""Which names an object may have, and what a name says about the length of what it names.

A path is segments of lowercase letters, digits, `_`, `-` and `.` joined by `/`; no segment begins with a dot.
So no path leaves a store's root, two paths never differ by letter case alone, and a directory store has names
of its own for temporary files.

The paths of a log::

    issuance/checkpoint         issuance/tile/<L>/<N>[.p/<W>]      issuance/tile/data/<N>[.p/<W>]
    statements/checkpoint       statements/tile/<L>/<N>[.p/<W>]    statements/tile/entries/<N>[.p/<W>]
    issuance/issuer/<sha256>    evidence/<sha256>    policy/<sha256>    stage/<name>
"""

import re

from keystead.errors import ParseError, StoreError
from keystead.tlog.merkle import HASH_SIZE
from keystead.tlog.tiles import parse_tile_suffix

__all__ = ["MAX_PATH_LENGTH", "check_object", "check_path", "check_prefix"]

MAX_PATH_LENGTH = 255
"""Characters in a path: within what file systems and object stores take."""

_SEGMENT = r"[a-z0-9_-][a-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?", re.ASCII)
_HASH_TILE = re.compile(r"(?:.*/)?tile/[0-9]+/(.*)", re.ASCII)


def check_path(path: str) -> None:
    """Refuse what is not the path of an object.

    Raises:
        StoreError: it is not.
    """
    if len(path) > MAX_PATH_LENGTH or _PATH.fullmatch(path) is None:
        raise StoreError(f"{path[:MAX_PATH_LENGTH]!r} is not a path that an object can have")


def check_prefix(prefix: str) -> None:
    """Refuse what no path can begin with; the empty prefix begins them all.

    Raises:
        StoreError: no path begins so.
    """
    if len(prefix) > MAX_PATH_LENGTH or _PREFIX.fullmatch(prefix) is None:
        raise StoreError(f"{prefix[:MAX_PATH_LENGTH]!r} is not the beginning of a path")


def check_object(path: str, data: bytes) -> None:
    """Refuse a path that is none, and a hash tile that does not have as many hashes as its path says.

    A short tile at the path of a full one would be kept by caches for ever.

    Raises:
        StoreError: either is so.
    """
    check_path(path)
    match = _HASH_TILE.fullmatch(path)
    if match is None:
        return
    try:
        _, width = parse_tile_suffix(match[1])
    except ParseError as error:
        raise StoreError(f"{path} is not the path of a tile") from error
    if len(data) != width * HASH_SIZE:
        raise StoreError(f"{path} must hold {width} hashes: {len(data)} bytes are not {width * HASH_SIZE}")
