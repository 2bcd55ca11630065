# SPDX-License-Identifier: Apache-2.0
"""SignatureCreationDevice, the certificate extension (`specs/certificate-extension.md`, version 1).

Strict DER both ways: what is parsed encodes to the same bytes again.

Invariants:

* at most 16 devices, each id of 32 bytes, none twice;
* no devices only if `evidenceDigest` is there, or a service whose key was verified by one of the methods 4 to
  7;
* the version is 1, the method one of 0 to 7, and nothing follows the last field;
* scheme identifiers that are not in our table are accepted: the id alone identifies.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from keystead.certificate.device_identifier import EXTENSION_OID, DeviceIdentifier
from keystead.certificate.x509 import TbsCertificate
from keystead.encoding.der import (
    ENUMERATED,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Element,
    decode_integer,
    decode_oid,
    encode,
    encode_integer,
    encode_oid,
    oid_text,
)
from keystead.errors import ParseError

__all__ = [
    "EXTENSION_OID",
    "MAX_DEVICES",
    "Method",
    "SignatureCreationDevice",
    "device_extension",
    "parse_extension",
]

MAX_DEVICES: Final = 16
"""A clustered key lives in several devices; no cluster in the field has more."""

_VERSION: Final = 1
_DIGEST_SIZE: Final = 32
_EVIDENCE_DIGEST: Final = 0x80
_SERVICE: Final = 0x81


class Method(IntEnum):
    """How the CA verified where the key lives: 1 to 7 as numbered in CSBR 6.2.7.4.2."""

    DECLARED = 0
    SHIPPED_BY_CA = 1
    KEY_ATTESTATION = 2
    CA_PRESCRIBED_LIBRARY = 3
    IT_AUDIT = 4
    CLOUD_REPORT = 5
    WITNESSED_CREATION = 6
    SIGNING_SERVICE = 7

    @property
    def text(self) -> str:
        """The name in the ASN.1 module and in statements, `shippedByCA`."""
        return _METHOD_TEXTS[self]

    @classmethod
    def from_text(cls, text: str) -> "Method":
        """The method of that name.

        Raises:
            ParseError: there is none.
        """
        for method, name in _METHOD_TEXTS.items():
            if name == text:
                return method
        raise ParseError(f"{text[:64]!r} is no method; known are {', '.join(_METHOD_TEXTS.values())}")


_METHOD_TEXTS = {
    Method.DECLARED: "declared",
    Method.SHIPPED_BY_CA: "shippedByCA",
    Method.KEY_ATTESTATION: "keyAttestation",
    Method.CA_PRESCRIBED_LIBRARY: "caPrescribedLibrary",
    Method.IT_AUDIT: "itAudit",
    Method.CLOUD_REPORT: "cloudReport",
    Method.WITNESSED_CREATION: "witnessedCreation",
    Method.SIGNING_SERVICE: "signingService",
}

_METHODS_WITHOUT_DEVICE = frozenset(
    {Method.IT_AUDIT, Method.CLOUD_REPORT, Method.WITNESSED_CREATION, Method.SIGNING_SERVICE}
)


@dataclass(frozen=True, slots=True)
class SignatureCreationDevice:
    """What a certificate says of where its key lives.

    Attributes:
        devices: in the order of the certificate.
        method: how the CA knows.
        evidence_digest: 32 bytes that identify attestation evidence, or None.
        service: 32 bytes that identify the signing service that holds the key, or None.

    Raises:
        ParseError: values that the extension cannot hold.
    """

    devices: tuple[DeviceIdentifier, ...]
    method: Method
    evidence_digest: bytes | None = None
    service: bytes | None = None

    def __post_init__(self) -> None:
        if len(self.devices) > MAX_DEVICES:
            raise ParseError(f"the extension names more than {MAX_DEVICES} devices")
        identifiers = {device.device_id for device in self.devices}
        if len(identifiers) != len(self.devices):
            raise ParseError("the extension names one device twice")
        for identifier in identifiers:
            if len(identifier) != _DIGEST_SIZE:
                raise ParseError(f"deviceId is not {_DIGEST_SIZE} bytes")
        if self.evidence_digest is not None and len(self.evidence_digest) != _DIGEST_SIZE:
            raise ParseError(f"evidenceDigest is not {_DIGEST_SIZE} bytes")
        if self.service is not None and len(self.service) != _DIGEST_SIZE:
            raise ParseError(f"service is not {_DIGEST_SIZE} bytes")
        if not self.devices and self.evidence_digest is None:
            if self.service is None:
                raise ParseError("the extension names no device, no evidence and no service")
            if self.method not in _METHODS_WITHOUT_DEVICE:
                raise ParseError(
                    f"the extension names no device and no evidence: {self.method.text} is no method for that"
                )

    def encode(self) -> bytes:
        """The DER that goes inside extnValue."""
        return encode(
            SEQUENCE,
            encode_integer(_VERSION),
            encode(
                SEQUENCE,
                *(
                    encode(SEQUENCE, encode_oid(device.scheme_oid), encode(OCTET_STRING, device.device_id))
                    for device in self.devices
                ),
            ),
            encode_integer(self.method, ENUMERATED),
            b"" if self.evidence_digest is None else encode(_EVIDENCE_DIGEST, self.evidence_digest),
            b"" if self.service is None else encode(_SERVICE, self.service),
        )


def parse_extension(der: bytes) -> SignatureCreationDevice:
    """Read the extension's value.

    Raises:
        ParseError: it is malformed; `offset` counts in `der`.
    """
    return _parse(der, 0, len(der))


def device_extension(certificate: TbsCertificate) -> SignatureCreationDevice | None:
    """The extension of a certificate, or None without one.

    Raises:
        ParseError: it is malformed; `offset` counts in the certificate.
    """
    extension = certificate.extension(EXTENSION_OID)
    if extension is None:
        return None
    return _parse(certificate.source, extension.offset, extension.offset + len(extension.value))


_USUAL = re.compile(
    rb"\x30(.)\x02\x01\x01\x30(.)\x30(.)\x06(.)(.{1,40}?)\x04\x20(.{32})\x0a\x01([\x00-\x07])"
    rb"(?:\x80\x20(.{32}))?(?:\x81\x20(.{32}))?",
    re.DOTALL,
)
"""One device; the four lengths are still to be compared."""


def _parse(data: bytes, start: int, end: int) -> SignatureCreationDevice:
    # A monitor reads one for each entry of a log: the usual ones are not taken apart element by element.
    usual = _USUAL.fullmatch(data, start, end)
    if usual is not None and end - start < 0x82:
        size = len(usual[5])
        if b"".join(usual.group(1, 2, 3, 4)) == bytes((end - start - 2, size + 38, size + 36, size)):
            try:
                device = DeviceIdentifier(oid_text(usual[5]), usual[6])
                return SignatureCreationDevice((device,), Method(usual[7][0]), usual[8], usual[9])
            except ParseError:
                pass  # which is told below, with its place
    return _parse_elements(data, start, end)


def _parse_elements(data: bytes, start: int, end: int) -> SignatureCreationDevice:
    element = Element(data, start, end).expect(SEQUENCE, "the device extension")
    if element.end != end:
        raise ParseError("the device extension has trailing bytes", offset=element.end)
    fields = element.children()
    if len(fields) < 3:
        raise ParseError("the device extension lacks its version, devices or method", offset=end)
    version, devices, method, *optional = fields
    if decode_integer(version.expect(INTEGER, "the version"), "the version") != _VERSION:
        raise ParseError("the version of the device extension is not 1", offset=version.start)
    identifiers = _parse_devices(devices)
    number = decode_integer(method.expect(ENUMERATED, "the method"), "the method")
    if number not in _METHOD_TEXTS:
        raise ParseError("the method of the device extension is not one of 0 to 7", offset=method.start)
    digests: dict[int, bytes] = {}
    last = 0
    for field in optional:
        if field.tag not in {_EVIDENCE_DIGEST, _SERVICE} or field.tag <= last:
            raise ParseError("the device extension has an unknown or misplaced field", offset=field.start)
        last = field.tag
        digests[field.tag] = _digest(field, "evidenceDigest" if last == _EVIDENCE_DIGEST else "service")
    try:
        return SignatureCreationDevice(
            identifiers, Method(number), digests.get(_EVIDENCE_DIGEST), digests.get(_SERVICE)
        )
    except ParseError as error:  # a rule over several fields, the devices among them
        raise ParseError(str(error), offset=devices.start) from error


def _parse_devices(devices: Element) -> tuple[DeviceIdentifier, ...]:
    identifiers: list[DeviceIdentifier] = []
    seen: set[bytes] = set()
    for device in devices.expect(SEQUENCE, "the devices").iterate():
        if len(identifiers) == MAX_DEVICES:
            raise ParseError(f"the extension names more than {MAX_DEVICES} devices", offset=device.start)
        members = device.expect(SEQUENCE, "a device").children()
        if len(members) != 2:
            raise ParseError("a device is not a scheme and an id", offset=device.start)
        scheme = decode_oid(members[0], "a device's scheme")
        identifier = _digest(members[1].expect(OCTET_STRING, "deviceId"), "deviceId")
        if identifier in seen:
            raise ParseError("the extension names one device twice", offset=device.start)
        seen.add(identifier)
        identifiers.append(DeviceIdentifier(scheme, identifier))
    return tuple(identifiers)


def _digest(element: Element, what: str) -> bytes:
    if element.end - element.content_start != _DIGEST_SIZE:
        raise ParseError(f"{what} is not {_DIGEST_SIZE} bytes", offset=element.start)
    return element.content
