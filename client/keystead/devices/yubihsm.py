# SPDX-License-Identifier: Apache-2.0
"""YubiHSM 2 attestation of an asymmetric key (YubiHSM 2 and YubiHSM 2 FIPS).

The device makes an X.509 certificate for one of its asymmetric keys and signs it with an attestation key: the
one that Yubico certified at the factory (object 0), or one of its user's, which leads nowhere. Unlike a
YubiKey it attests imported and exportable keys too, so origin and capabilities decide. Source: Yubico's pages
"Attestation", "Capability" and "OID product arc"; checked against published attestations of firmware 2.1.2
and 2.4.0.

=========  ==================================================================================================
data       DER of the attestation certificate, subject `CN=YubiHSM Attestation id:0x<object>`
chain      the device certificate of object 0, then what stands between it and the pinned key
identity   `yubihsm-serial`, extension `.2`: class unit, although one device may serve many users
=========  ==================================================================================================

Two hierarchies exist: the device below *Yubico YubiHSM … Sub-CA* below *Yubico YubiHSM Root CA*; the device
below *YubiHSM Attestation …* below *Yubico Attestation Intermediate …* below *Yubico Attestation Root 1*.

Why names are checked: an attested key can sign anything, an "attestation" of another serial number too. The
firmware writes `id:0x` into the subject of all that it attests, so none of it bears a device's name. The
device key is of one device: the serial numbers in its certificate and in the attestation must agree.
"""

import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority, sole_common_name
from keystead.devices.evidence import Evidence
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_chain import (
    BARE_SHA2_ALGORITHMS,
    BASIC_CONSTRAINTS,
    ChainRules,
    parse_evidence_certificate,
    shown,
    walk,
)
from keystead.encoding.der import BIT_STRING, INTEGER, OCTET_STRING, Element, decode_integer, parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "is_attestation", "verify"]

FORMAT = "yubihsm"
SCHEME = "yubihsm-serial"

_Value = TypeVar("_Value")

_ARC = "1.3.6.1.4.1.41482.4"
_FIRMWARE = f"{_ARC}.1"
_SERIAL = f"{_ARC}.2"
_ORIGIN = f"{_ARC}.3"
_DOMAINS = f"{_ARC}.4"
_CAPABILITIES = f"{_ARC}.5"
_OBJECT = f"{_ARC}.6"
_LABEL = f"{_ARC}.9"
_FIPS = f"{_ARC}.10"

_UTF8_STRING = 0x0C
_MAX_LABEL = 40  # bytes, by the documentation of objects

_ATTESTATION = re.compile(r"YubiHSM Attestation id:0x([0-9a-f]{4})", re.ASCII)
_DEVICE = re.compile(r"YubiHSM Attestation \(([1-9][0-9]{0,9})\)", re.ASCII)
_PUBLISHED = "https://developers.yubico.com/YubiHSM2/Concepts/"
_KEY_IDENTIFIER = re.compile(rb"\x30\x16\x80\x14(.{20})", re.DOTALL)  # RFC 5280 section 4.2.1.1
_ISSUER = re.compile(
    r"Yubico YubiHSM ([0-9A-Za-z]+ )?Sub-CA|YubiHSM Attestation [A-Z][0-9]{0,3} [0-9]{1,4}", re.ASCII
)
_INTERMEDIATE = re.compile(r"Yubico Attestation Intermediate [A-Z][0-9]{0,3} [0-9]{1,4}", re.ASCII)

_GENERATED = 0x01
_ORIGINS = {0x01: "generated", 0x02: "imported", 0x10: "imported under wrap"}
_EXPORTABLE_UNDER_WRAP = 16
_NAMED_CAPABILITIES = {
    5: "sign-pkcs",
    6: "sign-pss",
    7: "sign-ecdsa",
    8: "sign-eddsa",
    9: "decrypt-pkcs",
    10: "decrypt-oaep",
    11: "derive-ecdh",
    _EXPORTABLE_UNDER_WRAP: "exportable-under-wrap",
    25: "sign-ssh-certificate",
    34: "sign-attestation-certificate",
}
"""Those that an asymmetric key can have; others are shown by number."""

_UNPROVEN = (
    "when the attestation was made: it holds no challenge, and its dates are copied from the device certificate",
    "that who presents it holds the key: an attestation is public, only a signature by the key shows that",
    "that the device runs in an approved mode: the FIPS mark names the product series",
    "who may use the key: one device serves up to sixteen domains and any number of users",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a YubiHSM's attestation of an asymmetric key.

    Args:
        evidence: of the format `yubihsm`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`,
            `unknown-critical-extension`, `malformed-extension`, `not-generated`, `extractable-key`,
            `device-mismatch`, `malformed-key`, `not-a-device-certificate`, `not-an-issuing-certificate`, or
            one of `vendor_chain.walk`'s.
    """
    # (1) The attestation is a certificate that the firmware made for an object.
    leaf = parse_evidence_certificate(evidence.data, "the attestation", "malformed-attestation")
    number = _object(leaf)
    # (2) It leads to a pinned key of Yubico's by way of a device certificate.
    path = walk(leaf, evidence.chain, anchors, _RULES)
    if not path.certificates:
        raise EvidenceError(
            "the attestation is signed by the pinned key itself, without a device certificate between them",
            check="not-a-device-certificate",
        )
    # (3) Both name one device.
    device = path.certificates[0]
    serial = _required(_serial(leaf), "serial number")
    _require_one_device(device, serial)
    # (4) The key was generated inside and cannot leave, even wrapped.
    origin = _required(_bits(leaf, _ORIGIN, 8), "origin")
    if origin != _GENERATED:
        raise EvidenceError(
            f"the key was not simply generated in the device: its origin is {_worded_origin(origin)}",
            check="not-generated",
        )
    capabilities = _required(_bits(leaf, _CAPABILITIES, 64), "capabilities")
    if capabilities >> _EXPORTABLE_UNDER_WRAP & 1:
        raise EvidenceError(
            "the key may leave the device: it has the capability exportable-under-wrap",
            check="extractable-key",
        )
    # (5) What else is stated, about the object in the subject.
    firmware = _required(_value(leaf, _FIRMWARE, OCTET_STRING, _octets(3)), "firmware")
    stated_object = _value(leaf, _OBJECT, INTEGER, decode_integer)
    if stated_object != number:
        raise EvidenceError(
            f"the attestation's subject names the object {number:#06x}, extension {_OBJECT} another",
            check="malformed-extension",
        )
    domains = _required(_bits(leaf, _DOMAINS, 16), "domains")
    label = _value(leaf, _LABEL, _UTF8_STRING, _label)
    fips = any(one.extension(_FIPS) is not None for one in (leaf, device))
    # (6) The attested key is a key.
    try:
        key = load_public_key(leaf.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    properties: dict[str, Property] = {
        "object_id": f"{number:#06x}",
        "generated_on_device": True,
        "exportable": False,
        "domains": [str(bit + 1) for bit in range(16) if domains >> bit & 1],
        "capabilities": _named(capabilities),
        "fips_series": fips,
    }
    if label is not None:
        properties["label"] = label
    weak = isinstance(key, EllipticCurvePublicKey) and tuple(firmware) < (2, 4, 0)
    return Attestation(
        format=FORMAT,
        identities=(DeviceIdentity.of(SCHEME, str(serial)),),
        vendor="Yubico",
        model=f"YubiHSM {firmware[0]}" + (" FIPS" if fips else ""),
        serial=str(serial),
        firmware=".".join(str(part) for part in firmware),
        form_factor=None,
        certification="FIPS series" if fips else None,
        key=leaf.spki,
        key_hash=key_hash(leaf.spki),
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(properties),
        unproven=(*_UNPROVEN, *((_SIDE_CHANNEL,) if weak else ())),
        chain=path.elements(_RULES),
    )


_SIDE_CHANNEL = "that nobody who had the device measured its EC key out of it (YSA-2024-03)"
"""What the vendor's own advisory takes away from EC keys of firmware before 2.4.0."""


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The attestations among the certificates of files, each with its path by signatures."""
    for found in material.certificates:
        if is_attestation(found.certificate):
            piece = material.piece(found, anchors, FORMAT)
            if piece is not None:
                yield piece


def is_attestation(certificate: Certificate) -> bool:
    """Whether the certificate's subject is that of an object's attestation; nothing is verified."""
    return _ATTESTATION.fullmatch(sole_common_name(certificate.subject) or "") is not None


def _object(leaf: Certificate) -> int:
    match = _ATTESTATION.fullmatch(sole_common_name(leaf.subject) or "")
    if match is None:
        raise EvidenceError(
            f"{shown(leaf.subject)} is not the subject of a YubiHSM's attestation of an object",
            check="not-an-attestation",
        )
    if leaf.extension(BASIC_CONSTRAINTS) is not None:
        raise EvidenceError(
            "the attestation has basicConstraints, which the firmware never writes",
            check="not-an-attestation",
        )
    refuse_critical(leaf)  # the firmware marks none critical
    return int(match[1], 16)


def _require_one_device(device: Certificate, serial: int) -> None:
    """Require that the device certificate, in its name and its extension, is about the device `serial`."""
    match = _DEVICE.fullmatch(sole_common_name(device.subject) or "")
    for stated in (None if match is None else int(match[1]), _serial(device)):
        if stated is not None and stated != serial:
            raise EvidenceError(
                f"the attestation names the device {serial}, its device certificate {stated}",
                check="device-mismatch",
            )


def _value(certificate: Certificate, oid: str, tag: int, read: Callable[[Element], _Value]) -> _Value | None:
    """What `read` makes of the one element in an extension; None where it is absent."""
    extension = certificate.extension(oid)
    if extension is None:
        return None
    try:
        return read(parse(extension.value, "the value").expect(tag, "the value"))
    except ParseError as error:
        raise EvidenceError(
            f"extension {oid} of {shown(certificate.subject)} is malformed: {error}",
            check="malformed-extension",
        ) from error


def _required(value: _Value | None, what: str) -> _Value:
    if value is None:
        raise EvidenceError(f"the attestation does not state its {what}", check="malformed-extension")
    return value


def _octets(size: int) -> Callable[[Element], bytes]:
    def read(element: Element) -> bytes:
        if len(element.content) != size:
            raise ParseError(f"{len(element.content)} bytes, not {size}")
        return element.content

    return read


def _bits(certificate: Certificate, oid: str, size: int) -> int | None:
    """A BIT STRING of `size` bits, as the number that the documentation takes it for."""

    def read(element: Element) -> int:
        if len(element.content) != 1 + size // 8 or element.content[0]:
            raise ParseError(f"no string of {size} bits")
        return int.from_bytes(element.content[1:])

    return _value(certificate, oid, BIT_STRING, read)


def _serial(certificate: Certificate) -> int | None:
    def read(element: Element) -> int:
        serial = decode_integer(element, "the serial number")
        if not 0 < serial < 2**32:
            raise ParseError("a serial number outside 1 to 2^32 - 1")
        return serial

    return _value(certificate, _SERIAL, INTEGER, read)


def _label(element: Element) -> str:
    if len(element.content) > _MAX_LABEL:
        raise ParseError(f"a label of more than {_MAX_LABEL} bytes")
    try:
        return element.content.decode()
    except UnicodeDecodeError as error:
        raise ParseError("a label that is no UTF-8") from error


def _worded_origin(origin: int) -> str:
    known = [word for bit, word in _ORIGINS.items() if origin & bit]
    return f"{', '.join(known) or 'unknown'} ({origin:#04x})"


def _named(capabilities: int) -> list[str]:
    return [_NAMED_CAPABILITIES.get(bit, f"bit {bit}") for bit in range(64) if capabilities >> bit & 1]


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the attestation: device, its issuer, the intermediate."""
    name = sole_common_name(certificate.subject) or ""
    if place == 0:
        if not _DEVICE.fullmatch(name):
            raise EvidenceError(
                f"{shown(certificate.subject)} signed the attestation and is no device certificate",
                check="not-a-device-certificate",
            )
        require_authority(certificate, place, "not-a-device-certificate")
        return
    pattern = {1: _ISSUER, 2: _INTERMEDIATE}.get(place)
    if pattern is None or not pattern.fullmatch(name):
        raise EvidenceError(
            f"{shown(certificate.subject)} does not issue YubiHSM device certificates",
            check="not-an-issuing-certificate",
        )
    require_authority(certificate, place, "not-an-issuing-certificate")


def _file_of_issuer(certificate: Certificate) -> str:
    """Yubico names a Sub-CA's file after its key identifier, as its devices' certificates state it."""
    extension = certificate.extension("2.5.29.35")
    stated = _KEY_IDENTIFIER.fullmatch(extension.value) if extension is not None else None
    return "" if stated is None else f"{stated[1].hex().upper()}.pem"


def _hint(certificate: Certificate) -> str:
    if is_attestation(certificate):
        return "add the device certificate, which is the opaque object 0 of the same device"
    missing = sole_common_name(certificate.issuer) or ""
    if missing.endswith("Sub-CA"):
        return f"add the Sub-CA's certificate, which {_PUBLISHED}{_file_of_issuer(certificate)} publishes"
    if _ISSUER.fullmatch(missing) or _INTERMEDIATE.fullmatch(missing):
        return "add https://developers.yubico.com/PKI/yubico-intermediate.pem"
    return "if that is no Yubico name, a user's own key attested"


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "intermediate"),
    judge=_judge,
    algorithms=BARE_SHA2_ALGORITHMS,  # the issuers of 2025 (B2) are signed without the NULL
    hint=_hint,
)
