# SPDX-License-Identifier: Apache-2.0
"""Card-verifiable certificates and authenticated requests, as the SmartCard-HSM has them.

Source: BSI TR-03110 part 3, appendices C and D; checked against published certificates and requests of devices.
Tags in hexadecimal:

    certificate  7F21 { body 7F4E { 5F29 version 0, 42 authority, 7F49 key, 5F20 holder,
                        7F4C { 06 scheme, 53 role }, 5F25 from, 5F24 to, [65 extensions] }, 5F37 signature }
    request      67 { 7F21 { 7F4E { 5F29, [42], 7F49, 5F20, [65] }, 5F37 by the new key }, 42 requester, 5F37 }
    key          06 id-TA-ECDSA-SHA-256, [81 p, 82 a, 83 b, 84 G, 85 n], 86 point, [87 cofactor 1]
                 06 id-TA-RSA-v1-5-SHA-256, 81 modulus, 82 exponent

An ECDSA signature is its two numbers, each as long as one of the curve's. Keys of devices and their issuers have
no parameters of their own, but those of the scheme's root: brainpoolP256r1.
"""

import re
from dataclasses import dataclass

from keystead.certificate.x509 import Certificate
from keystead.devices.card_curves import BRAINPOOL_P256, CURVES, Curve
from keystead.devices.card_tlv import CardElement, CardReader
from keystead.encoding.der import (
    BIT_STRING,
    NULL,
    SEQUENCE,
    SET,
    encode,
    encode_integer,
    encode_oid,
)
from keystead.encoding.rfc3339 import parse_time
from keystead.errors import ParseError

__all__ = [
    "ECDSA_SHA256",
    "SCHEME",
    "CardCertificate",
    "CardRequest",
    "parse_card_certificate",
    "parse_card_request",
]

SCHEME = encode_oid("1.3.6.1.4.1.24991.3.1.1")
"""id-SC-HSM: whose roles certificates of this hierarchy have."""

ECDSA_SHA256 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.2"))
_RSA_SHA256 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.11"), encode(NULL))
_KEY_ECDSA = encode_oid("0.4.0.127.0.7.2.2.2.2.3")  # id-TA-ECDSA-SHA-256
_KEY_RSA = encode_oid("0.4.0.127.0.7.2.2.2.1.2")  # id-TA-RSA-v1-5-SHA-256
_REFERENCE = re.compile(rb"[!-~]{6,16}")
_COMMON_NAME = encode_oid("2.5.4.3")


class CardCertificate(Certificate):
    """A card-verifiable certificate, in the shape in which paths are walked: names of one common name, a key as
    SubjectPublicKeyInfo, a signature as X.509 has it.

    Attributes:
        authority: who issued it (`DEDINK0400001`).
        holder: whose it is (`DENK040414400000`).
        role: in the scheme of SmartCard-HSMs: 0xC0 root, 0x80 device issuer, 0 device; None in others.
    """

    authority: str
    holder: str
    role: int | None


@dataclass(frozen=True, slots=True)
class CardRequest:
    """An authenticated request, which a device makes when it makes a key.

    Attributes:
        holder: what the key is called.
        authority: whom the request is for, if it says so.
        spki: DER of the new key's SubjectPublicKeyInfo.
        body, algorithm, signature: what the new key signed, and how.
        requester: the device.
        signed, device_signature: what the device signed, and its signature.
    """

    holder: str
    authority: str | None
    spki: bytes
    body: bytes
    algorithm: bytes
    signature: bytes
    requester: str
    signed: bytes
    device_signature: bytes


@dataclass(frozen=True, slots=True)
class _Key:
    spki: bytes
    curve: Curve | None  # None: RSA


def parse_card_certificate(der: bytes) -> CardCertificate:
    """Read a certificate.

    Raises:
        ParseError: it is none, or its key is none that signs in this scheme.
    """
    what = "the certificate"
    body, signature = _signed(_sole(der, 0x7F21, what), what)
    fields = CardReader(body.value, what)
    _require_version(fields)
    authority = _reference(fields.take(0x42, "its authority").value)
    key = _key(fields.take(0x7F49, "its key").value)
    holder = _reference(fields.take(0x5F20, "its holder").value)
    role = _role(fields.take(0x7F4C, "its holder's role").value)
    since = _date(fields.take(0x5F25, "its first day").value)
    until = _date(fields.take(0x5F24, "its last day").value)
    fields.take_if(0x65)  # extensions are of use to terminals
    fields.finish()
    if key.curve is None:
        raise ParseError("the certificate is for an RSA key, which signs nothing in this scheme")
    certificate = CardCertificate()
    certificate.source, certificate.tbs, certificate.version = der, body.encoded, 1
    certificate.serial, certificate.spans = b"", []
    certificate.fields_start = certificate.extensions_start = 0
    certificate.authority, certificate.holder, certificate.role = authority, holder, role
    certificate.issuer, certificate.subject = _name(authority), _name(holder)
    certificate.not_before, certificate.not_after = since, until
    certificate.spki = key.spki
    certificate.signature_algorithm = ECDSA_SHA256
    certificate.signature = _ecdsa_signature(signature, BRAINPOOL_P256)
    return certificate


def parse_card_request(data: bytes) -> CardRequest:
    """Read an authenticated request.

    Raises:
        ParseError: it is none.
    """
    what = "the request"
    outer = CardReader(_sole(data, 0x67, what), what)
    inner = outer.take(0x7F21, "the request by the key itself")
    requester = outer.take(0x42, "the device that made it")
    device_signature = outer.take(0x5F37, "the device's signature").value
    outer.finish()
    body, signature = _signed(inner.value, what)
    fields = CardReader(body.value, what)
    _require_version(fields)
    authority = fields.take_if(0x42)
    key = _key(fields.take(0x7F49, "the key").value)
    holder = _reference(fields.take(0x5F20, "the key's holder").value)
    fields.take_if(0x65)
    fields.finish()
    return CardRequest(
        holder=holder,
        authority=None if authority is None else _reference(authority.value),
        spki=key.spki,
        body=body.encoded,
        algorithm=_RSA_SHA256 if key.curve is None else ECDSA_SHA256,
        signature=signature if key.curve is None else _ecdsa_signature(signature, key.curve),
        requester=_reference(requester.value),
        signed=inner.encoded + requester.encoded,
        device_signature=_ecdsa_signature(device_signature, BRAINPOOL_P256),
    )


def _sole(data: bytes, tag: int, what: str) -> bytes:
    reader = CardReader(data, what)
    value = reader.take(tag, f"its own tag, {tag:#x}").value
    reader.finish()
    return value


def _signed(value: bytes, what: str) -> tuple[CardElement, bytes]:
    reader = CardReader(value, what)
    body = reader.take(0x7F4E, "a body")
    signature = reader.take(0x5F37, "a signature").value
    reader.finish()
    return body, signature


def _require_version(fields: CardReader) -> None:
    if fields.take(0x5F29, "a version").value != b"\0":
        raise ParseError(f"{fields.what} is of another version")


def _reference(value: bytes) -> str:
    if not _REFERENCE.fullmatch(value):
        raise ParseError("a name in a card-verifiable certificate is not 6 to 16 printable characters")
    return value.decode("ascii")


def _name(reference: str) -> bytes:
    common = encode(SEQUENCE, _COMMON_NAME, encode(0x0C, reference.encode()))
    return encode(SEQUENCE, encode(SET, common))


def _role(value: bytes) -> int | None:
    fields = CardReader(value, "the holder's role")
    scheme = fields.take(0x06, "its scheme").encoded
    role = fields.take(0x53, "its value").value
    fields.finish()
    return role[0] if scheme == SCHEME and len(role) == 1 else None


def _date(value: bytes) -> int:
    """Two digits each of the year in this century, the month and the day; a byte for each digit."""
    if len(value) != 6 or max(value) > 9:
        raise ParseError("a day in a card-verifiable certificate is not six digits")
    year, month, day = ("".join(map(str, value[place : place + 2])) for place in (0, 2, 4))
    return parse_time(f"20{year}-{month}-{day}T00:00:00Z", "a day in a card-verifiable certificate")


def _key(value: bytes) -> _Key:
    fields = CardReader(value, "the key")
    kind = fields.take(0x06, "its kind").encoded
    if kind == _KEY_RSA:
        modulus = int.from_bytes(fields.take(0x81, "its modulus").value)
        exponent = int.from_bytes(fields.take(0x82, "its exponent").value)
        fields.finish()
        return _Key(_rsa_spki(modulus, exponent), None)
    if kind != _KEY_ECDSA:
        raise ParseError("the key is for another signature than RSA PKCS#1 v1.5 or ECDSA with SHA-256")
    curve = _curve(fields)
    point = fields.take(0x86, "its point").value
    if curve is None:
        curve = BRAINPOOL_P256
    elif fields.take(0x87, "its cofactor").value != b"\x01":
        raise ParseError("the key is on a curve that is not known")
    fields.finish()
    if len(point) != 1 + 2 * curve.size or point[0] != 4:
        raise ParseError("the key's point is not one of its curve, uncompressed")
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid(curve.oid))
    return _Key(encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", point)), curve)


def _curve(fields: CardReader) -> Curve | None:
    """The curve whose parameters the key writes down; None where it has none of its own."""
    prime = fields.take_if(0x81)
    if prime is None:
        return None
    others = (fields.take(tag, "a parameter of its curve").value for tag in (0x82, 0x83, 0x84, 0x85))
    parameters = (prime.value, *others)
    for curve in CURVES:
        if curve.parameters == parameters:
            return curve
    raise ParseError("the key is on a curve that is not known")


def _rsa_spki(modulus: int, exponent: int) -> bytes:
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), encode(NULL))
    key = encode(SEQUENCE, encode_integer(modulus), encode_integer(exponent))
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", key))


def _ecdsa_signature(octets: bytes, curve: Curve) -> bytes:
    size = curve.size
    if len(octets) != 2 * size:
        raise ParseError(f"a signature has {len(octets)} bytes, not {2 * size}")
    numbers = (int.from_bytes(octets[:size]), int.from_bytes(octets[size:]))
    return encode(SEQUENCE, *map(encode_integer, numbers))
