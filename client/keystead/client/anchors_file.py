# SPDX-License-Identifier: Apache-2.0
"""The user's own vendor anchors: `--anchors FILE.toml`.

The file has `[[vendor_anchor]]` tables, as a policy file has them; other tables of a policy file are left alone,
so that one can be given as it is::

    [[vendor_anchor]]
    name = "Example Maker Root"
    certificate = "example-root.pem"  # or a PEM public key, where the root has no X.509 certificate
    formats = ["yubikey-piv"]
    cloud = false

Invariants:

* paths are relative to the file;
* inside a table nothing unknown is passed over: a misspelt member must not be no member.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet, VendorAnchor
from keystead.devices.vendor_anchor import anchor_key
from keystead.devices.verify import FORMATS
from keystead.errors import ParseError, UsageError

__all__ = ["own_anchors", "read_anchors_file"]

_MEMBERS = frozenset({"name", "certificate", "formats", "cloud"})


def own_anchors(path: Path | None) -> AnchorSet:
    """The anchors that ship with Keystead, and those of the user's file, where there is one.

    Raises:
        UsageError: as `read_anchors_file`.
    """
    return BUILTIN_ANCHORS if path is None else BUILTIN_ANCHORS.extended(read_anchors_file(path))


def read_anchors_file(path: Path) -> tuple[VendorAnchor, ...]:
    """The anchors of one file, at least one.

    Raises:
        UsageError: it, or a certificate that it names, cannot be read; the sentence says what is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("vendor_anchor", [])
    except OSError as error:
        raise UsageError(f"the anchors file {path} cannot be read: {error.strerror}") from error
    # ValueError: not TOML, not UTF-8, or a number of thousands of digits; the parser nests as deep as its input.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the anchors file {path} is not TOML: {error}") from error
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"the anchors file {path} has no [[vendor_anchor]] table")
    return tuple(
        _anchor(table, f"{path}: [[vendor_anchor]] {number}", path.parent)
        for number, table in enumerate(tables, 1)
    )


def _anchor(table: Any, where: str, folder: Path) -> VendorAnchor:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where} is not a table")
    for name in table:
        if name not in _MEMBERS:
            raise UsageError(f"{where} has {name!r}, which means nothing there")
    name, cloud, formats = table.get("name"), table.get("cloud", False), table.get("formats")
    if not isinstance(name, str) or not name:
        raise UsageError(f"{where} needs a name")
    if not isinstance(cloud, bool):
        raise UsageError(f"{where}: cloud is true or false")
    if not isinstance(formats, list) or not formats or not all(known in FORMATS for known in formats):
        raise UsageError(f"{where}: formats is a list of {', '.join(sorted(FORMATS))}")
    return VendorAnchor(name, _key(table.get("certificate"), where, folder), frozenset(formats), cloud)


def _key(certificate: Any, where: str, folder: Path) -> bytes:
    if not isinstance(certificate, str):
        raise UsageError(f"{where} needs certificate, the path of a PEM file")
    place = folder / certificate
    try:
        return anchor_key(place.read_bytes())
    except OSError as error:
        raise UsageError(f"{where} names {place}, which cannot be read: {error.strerror}") from error
    except ParseError as error:
        raise UsageError(f"{where} names {place}, which is not one PEM certificate or public key") from error
