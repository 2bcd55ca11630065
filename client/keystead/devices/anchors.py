# SPDX-License-Identifier: Apache-2.0
"""Which pinned keys may attest which format of evidence.

`BUILTIN` ships with the package; an operator's policy, or the user of a monitor, adds more.

Invariants:

* an anchor attests the formats that it lists and no other: one vendor's key says nothing about another
  vendor's devices;
* a key that is listed twice is one anchor with the formats of both, and a cloud's if either says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from keystead.devices.pinned.cardcontact import CARDCONTACT
from keystead.devices.pinned.crypto4a import CRYPTO4A
from keystead.devices.pinned.entrust import ENTRUST
from keystead.devices.pinned.google import GOOGLE
from keystead.devices.pinned.marvell import MARVELL
from keystead.devices.pinned.securosys import SECUROSYS
from keystead.devices.pinned.thales import THALES
from keystead.devices.pinned.yubico import YUBICO
from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["BUILTIN", "BUILTIN_ANCHORS", "AnchorSet", "VendorAnchor"]

BUILTIN: tuple[VendorAnchor, ...] = (
    *YUBICO,
    *THALES,
    *ENTRUST,
    *SECUROSYS,
    *CRYPTO4A,
    *CARDCONTACT,
    *MARVELL,
    *GOOGLE,
)
"""Every key that ships with Keystead."""


class AnchorSet:
    """Pinned keys, looked up by the format that is to be attested or by the key's digest."""

    __slots__ = ("_by_format", "_by_key")

    def __init__(self, anchors: Iterable[VendorAnchor]) -> None:
        by_key: dict[bytes, VendorAnchor] = {}
        for anchor in anchors:
            known = by_key.get(anchor.key_hash)
            by_key[anchor.key_hash] = anchor if known is None else _joined(known, anchor)
        by_format: dict[str, list[VendorAnchor]] = {}
        for anchor in by_key.values():
            for name in anchor.formats:
                by_format.setdefault(name, []).append(anchor)
        self._by_key = by_key
        self._by_format = {name: tuple(listed) for name, listed in by_format.items()}

    def __iter__(self) -> Iterator[VendorAnchor]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def attesting(self, format_name: str) -> tuple[VendorAnchor, ...]:
        """The anchors that may attest `format_name`, in the order in which they were given."""
        return self._by_format.get(format_name, ())

    def by_key_hash(self, key_hash: bytes) -> VendorAnchor | None:
        """The anchor whose key has this SHA-256, whatever it may attest."""
        return self._by_key.get(key_hash)

    def extended(self, anchors: Iterable[VendorAnchor]) -> "AnchorSet":
        """These anchors and `anchors`."""
        return AnchorSet([*self, *anchors])

    def without(self, key_hashes: Iterable[bytes]) -> "AnchorSet":
        """These anchors but for those with these digests: keys that turned bad."""
        gone = frozenset(key_hashes)
        return AnchorSet(anchor for anchor in self if anchor.key_hash not in gone)


def _joined(first: VendorAnchor, second: VendorAnchor) -> VendorAnchor:
    return replace(first, formats=first.formats | second.formats, cloud=first.cloud or second.cloud)


BUILTIN_ANCHORS = AnchorSet(BUILTIN)
"""`BUILTIN`, ready for `verify_evidence`."""
