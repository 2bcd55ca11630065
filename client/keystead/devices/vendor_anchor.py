# SPDX-License-Identifier: Apache-2.0
"""A vendor's pinned public key: what attestation evidence must lead to.

What is pinned is the key and its name, not a certificate: vendors have published several certificates for
one key, some of them expired, and an expired root still proves who made a device.
"""

import hashlib
from dataclasses import dataclass, field

from keystead.certificate.pem import certificates_from_pem, public_keys_from_pem
from keystead.certificate.public_key import load_public_key
from keystead.certificate.x509 import parse_vendor_certificate
from keystead.errors import ParseError

__all__ = ["VendorAnchor", "anchor_key"]


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


def anchor_key(pem: bytes) -> bytes:
    """The key of a PEM file: of a certificate, or a public key where the vendor's root has no X.509 certificate.

    Returns:
        SubjectPublicKeyInfo, DER.

    Raises:
        ParseError: it is neither one certificate nor one public key.
    """
    certificates, keys = certificates_from_pem(pem), public_keys_from_pem(pem)
    if len(certificates) + len(keys) != 1:
        raise ParseError("the file is not one PEM certificate or public key")
    if certificates:
        return parse_vendor_certificate(certificates[0]).spki
    load_public_key(keys[0])
    return keys[0]
