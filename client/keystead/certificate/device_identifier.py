# SPDX-License-Identifier: Apache-2.0
"""Identifiers of signature creation devices, and the schemes that they are made under.

A scheme is a namespace of identifiers with one canonical spelling; `specs/identifiers.md` has the table. Its
number is the last arc of its object identifier and is never used again. The class says what an identifier can
prove; a CA never states it. An object identifier that is not in the table is an unknown scheme: the id beside
it identifies all the same, as a `unit`.

>>> device_id("yubico-piv-serial", "28557046").hex()[:16]
'b9f9bff074df90b2'
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

from keystead.errors import ParseError

__all__ = [
    "ARC",
    "EXTENSION_OID",
    "RESERVED",
    "SCHEMES",
    "SCHEMES_BY_OID",
    "SCHEME_ARC",
    "DeviceClass",
    "DeviceIdentifier",
    "Scheme",
    "device_id",
    "scheme_class",
    "scheme_name",
]

ARC = "1.2.840.113556.1.8000.2554.10366.64129.34580.20006.40472.10032708.12524559"
"""Made from a GUID, every number below 2^24: parsers with 31-bit arcs refuse longer ones."""

EXTENSION_OID = f"{ARC}.1"
SCHEME_ARC = f"{ARC}.2"


class DeviceClass(StrEnum):
    """What an identity can prove about sharing."""

    UNIT = "unit"
    """One token or chip."""
    APPLIANCE = "appliance"
    """An HSM that can be partitioned among users."""
    DOMAIN = "domain"
    """A group of modules in which keys move."""
    CLOUD = "cloud"
    """Operated by a provider for many tenants; only evidence shows it."""
    NONE = "none"
    """Hardware without an identifier."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A namespace of device identifiers.

    Attributes:
        number: the last arc of the object identifier.
        name: as in statements and on the command line.
        class_: of a device known by this scheme alone.
        canonical: what a value looks like, in words.
        pattern: the same as a regular expression that matches the whole value.
        experimental: identified by the library, not admitted by logs.
    """

    number: int
    name: str
    class_: DeviceClass
    canonical: str
    pattern: re.Pattern[str]
    experimental: bool = False

    @property
    def oid(self) -> str:
        """Dotted."""
        return f"{SCHEME_ARC}.{self.number}"


def _scheme(
    number: int, name: str, class_: DeviceClass, canonical: str, pattern: str, *, experimental: bool = False
) -> Scheme:
    return Scheme(number, name, class_, canonical, re.compile(pattern, re.ASCII), experimental)


_DECIMAL = "decimal, no leading zeros", "0|[1-9][0-9]*"
_UNIT, _APPLIANCE, _DOMAIN = DeviceClass.UNIT, DeviceClass.APPLIANCE, DeviceClass.DOMAIN

_TABLE = (
    _scheme(1, "yubico-piv-serial", _UNIT, *_DECIMAL),
    _scheme(2, "yubihsm-serial", _UNIT, *_DECIMAL),
    _scheme(3, "smartcard-hsm-id", _UNIT, "the holder reference without its sequence number", r"[!-~]+"),
    _scheme(5, "luna-serial", _APPLIANCE, *_DECIMAL),
    _scheme(6, "primus-serial", _APPLIANCE, *_DECIMAL),
    _scheme(7, "crypto4a-serial", _APPLIANCE, "as stated", r"[!-~]+"),
    _scheme(
        8, "marvell-adapter", _APPLIANCE, "the adapter alone, without HSM: and partition", r"[!-+\--9;-~]+"
    ),
    _scheme(9, "nshield-esn", _APPLIANCE, "as stated, upper case", r"[0-9A-Z]+(-[0-9A-Z]+)*"),
    _scheme(10, "nshield-world", _DOMAIN, "lowercase hex of HKNSO", "[0-9a-f]{40}"),
    _scheme(
        13,
        "pkix-evidence-serial",
        _UNIT,
        "anchor / vendor / hwmodel / hwserial, each in lowercase hex",
        "([0-9a-f]{2})+(/([0-9a-f]{2})*){2}/([0-9a-f]{2})+",
        experimental=True,
    ),
    _scheme(
        14,
        "manufacturer-serial",
        _UNIT,
        "manufacturer / product line / serial, each reduced to a-z and 0-9",
        "[a-z0-9]+/[a-z0-9]+/[a-z0-9]+",
    ),
)

SCHEMES: Mapping[str, Scheme] = MappingProxyType({scheme.name: scheme for scheme in _TABLE})
"""By name."""

SCHEMES_BY_OID: Mapping[str, Scheme] = MappingProxyType({scheme.oid: scheme for scheme in _TABLE})
"""By dotted object identifier."""

RESERVED: Mapping[str, str] = MappingProxyType(
    {
        f"{SCHEME_ARC}.4": "a TPM's endorsement key, which no third party can tie to an attestation key",
        f"{SCHEME_ARC}.11": "Fortanix, whose evidence names no durable cluster",
        f"{SCHEME_ARC}.12": "Azure Managed HSM, until its format has a public sample",
    }
)
"""Object identifiers that no certificate may use, and for what they are kept."""


@dataclass(frozen=True, slots=True)
class DeviceIdentifier:
    """A device as a certificate names it.

    Attributes:
        scheme_oid: dotted; a label, since the id alone identifies.
        device_id: 32 bytes.
    """

    scheme_oid: str
    device_id: bytes


def device_id(scheme: str, value: str) -> bytes:
    """The identifier of the device that `scheme` calls `value`.

    Args:
        scheme: a name in `SCHEMES`.
        value: in the scheme's canonical spelling.

    Raises:
        ParseError: an unknown scheme, or another spelling.
    """
    known = SCHEMES.get(scheme)
    if known is None:
        raise ParseError(f"there is no device scheme {scheme!r}; known are {', '.join(SCHEMES)}")
    if not known.pattern.fullmatch(value) or len(value) > 1024:
        raise ParseError(f"{value[:64]!r} is not how {scheme} is written: {known.canonical}")
    return sha256(f"keystead/device/v1\n{scheme}\n{value}".encode()).digest()


def scheme_name(oid: str) -> str:
    """The name of a scheme, or its dotted object identifier where it is not in the table."""
    known = SCHEMES_BY_OID.get(oid)
    return oid if known is None else known.name


def scheme_class(scheme: str) -> DeviceClass:
    """The class of a device of which nothing but the scheme is known.

    Args:
        scheme: a name or a dotted object identifier; `unit` where it is not in the table.
    """
    known = SCHEMES.get(scheme) or SCHEMES_BY_OID.get(scheme)
    return DeviceClass.UNIT if known is None else known.class_
