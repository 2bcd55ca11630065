# SPDX-License-Identifier: Apache-2.0
"""What verified evidence proves: the attested key, the devices that hold it, and what stays unproven.

Invariants:

* an `Attestation` is only made by `verify_evidence`, after every check of its format passed;
* a value that the evidence does not state is `None`, never inferred from another;
* an attestation key is no identity: `identities` come from what the vendor says identifies one device, and
  are empty where the evidence proves hardware without naming any (class none).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keystead.certificate.device_identifier import DeviceClass, device_id, scheme_class
from keystead.encoding.rfc3339 import format_time
from keystead.errors import ParseError

__all__ = ["Attestation", "ChainElement", "DeviceIdentity", "Property"]

Property = str | int | bool | None | list[str]
"""What a property of a key or device is in JSON."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """One identity of one device.

    Attributes:
        scheme: the namespace of `value` (`yubico-piv-serial`).
        value: the canonical identifier in that scheme (`28557046`).
        class_: what it can prove about sharing.
        device_id: SHA-256 over scheme and value, 32 bytes.
    """

    scheme: str
    value: str
    class_: DeviceClass
    device_id: bytes

    @classmethod
    def of(cls, scheme: str, value: str, class_: DeviceClass | None = None) -> "DeviceIdentity":
        """The identity `value` in `scheme`, of the scheme's own class unless the evidence proves another."""
        return cls(scheme, value, class_ or scheme_class(scheme), device_id(scheme, value))

    def to_json(self) -> dict[str, str]:
        """Members `scheme`, `value`, `class`, `device_id` (hex)."""
        return {
            "scheme": self.scheme,
            "value": self.value,
            "class": self.class_.value,
            "device_id": self.device_id.hex(),
        }


@dataclass(frozen=True, slots=True)
class ChainElement:
    """One step of the way from what was signed to the pinned key, for people to look at.

    Attributes:
        role: what it is in its vendor's hierarchy (`attestation`, `device`, `intermediate`, `anchor`).
        name: its subject, safe to print; of the anchor, its name in the table.
        key_hash: SHA-256 of its public key.
        fingerprint: SHA-256 of the certificate; None for an anchor, which is a key.
        not_before: seconds, as stated: dates in vendor chains are shown and never checked.
        not_after: likewise.
    """

    role: str
    name: str
    key_hash: bytes
    fingerprint: bytes | None = None
    not_before: int | None = None
    not_after: int | None = None

    def to_json(self) -> dict[str, str | None]:
        """Hex digests and RFC 3339 times."""
        return {
            "role": self.role,
            "name": self.name,
            "key_sha256": self.key_hash.hex(),
            "sha256": None if self.fingerprint is None else self.fingerprint.hex(),
            "not_before": _shown(self.not_before),
            "not_after": _shown(self.not_after),
        }


@dataclass(frozen=True, slots=True)
class Attestation:
    """Evidence that verified.

    Attributes:
        format: the format of the evidence.
        identities: the devices that the evidence names, most specific first; empty: class none.
        vendor: who made the device.
        model: as the evidence states it.
        serial: the number that a person finds on the device or in its tools.
        firmware: dotted version.
        form_factor: in words.
        certification: what the evidence states about FIPS 140 or Common Criteria, never more.
        key: the attested SubjectPublicKeyInfo, DER.
        key_hash: SHA-256 of the normalized key, which lookups and "same key" go by.
        anchors: SHA-256 of the pinned key that each path ended at, in the order of the paths.
        cloud: one of the anchors is marked as a cloud provider's.
        properties: further facts that the device signed, by name.
        unproven: sentences on what this format cannot prove.
        chain: every step, the attestation first, each path's anchor last.
    """

    format: str
    identities: tuple[DeviceIdentity, ...]
    vendor: str
    model: str | None
    serial: str | None
    firmware: str | None
    form_factor: str | None
    certification: str | None
    key: bytes
    key_hash: bytes
    anchors: tuple[bytes, ...]
    cloud: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict, hash=False)
    unproven: tuple[str, ...] = ()
    chain: tuple[ChainElement, ...] = ()

    @property
    def rests_on(self) -> frozenset[bytes]:
        """SHA-256 of every key that the proof needs: distrust any of them and nothing is proven."""
        return frozenset(element.key_hash for element in self.chain[1:]).union(self.anchors)

    def to_json(self) -> dict[str, Any]:
        """What `keystead identify --json` prints; `assurance` is `attested`, the only kind that is proven."""
        return {
            "format": self.format,
            "identities": [identity.to_json() for identity in self.identities],
            "vendor": self.vendor,
            "model": self.model,
            "serial": self.serial,
            "firmware": self.firmware,
            "form_factor": self.form_factor,
            "certification": self.certification,
            "assurance": "attested",
            "cloud": self.cloud,
            "key_sha256": self.key_hash.hex(),
            "properties": dict(self.properties),
            "unproven": list(self.unproven),
            "anchors": [anchor.hex() for anchor in self.anchors],
            "chain": [element.to_json() for element in self.chain],
        }


def _shown(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    try:
        return format_time(seconds)
    except ParseError:
        return None
