# SPDX-License-Identifier: Apache-2.0
"""A vendor's pinned public key: what attestation evidence must lead to.

What is pinned is the key and its name, not a certificate: vendors have published several certificates for
one key, some of them expired, and an expired root still proves who made a device.
"""

import hashlib
from dataclasses import dataclass, field

__all__ = ["VendorAnchor"]


@dataclass(frozen=True, slots=True)
class VendorAnchor:
    """One pinned key.

    Attributes:
        name: the common name in the vendor's own certificate for it, or what the operator calls it.
        key: SubjectPublicKeyInfo, DER; the format's own encoding where a format has no such structure.
        formats: names of the formats of evidence that it may attest, and of no other.
        cloud: the key is a cloud provider's: what is proven under it belongs to the provider.
        source: where the vendor publishes it.
        note: validity dates and other facts for people.
        key_hash: SHA-256 of `key`.
    """

    name: str
    key: bytes
    formats: frozenset[str]
    cloud: bool = False
    source: str = ""
    note: str = ""
    key_hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_hash", hashlib.sha256(self.key).digest())
