# SPDX-License-Identifier: Apache-2.0
"""Key attestation statements of Marvell LiquidSecurity modules, taken apart.

All integers are big-endian, the last 256 bytes are the signature, and everything before them is signed. Sources:
Marvell's "Software Key Attestation" page and its parsers; version 2 checked against a published statement, of
version 1 there is no public sample.

* **Version 2** (firmware from 3.2): a response header, 4 x uint32: response code 0, flags 3, size of the whole
  statement, size of its attribute buffer; the handle of each object, uint64. The buffer ends at the signature
  and begins with 4 x uint16: version 1, flags 3, offset of the first object, offset of the second or 0.
* **Version 1** (firmware before): 984 bytes that nobody documents, then both objects. A symmetric key's has one
  object behind 24 bytes.
* An **object**: 3 x uint32: handle, number of attributes, size of the attributes; then each attribute: uint32 type,
  uint32 length, value.

Invariants:

* the header that the module wrote decides on the version, and objects fill the signed bytes exactly: no value
  that a user may choose (a label) can pass for an object;
* no attribute is there twice;
* nothing but `EvidenceError` is raised on input.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keystead.encoding.der import BIT_STRING, SEQUENCE, encode, encode_integer, encode_oid
from keystead.encoding.tls import Reader
from keystead.errors import EvidenceError, ParseError

__all__ = [
    "CLASS_PRIVATE",
    "CLASS_PUBLIC",
    "SIGNATURE_SIZE",
    "KeyObject",
    "Statement",
    "attested_key",
    "parse_statement",
]

SIGNATURE_SIZE = 256
"""Partition keys are RSA of 2048 bits."""

CLASS_PUBLIC = 2
CLASS_PRIVATE = 3

ATTRIBUTE_CLASS = 0x0
_KEY_TYPE = 0x100
_MODULUS = 0x120
_BITS = 0x121
_EXPONENT = 0x122
_CHECK_VALUE = 0x173
_EXTENDED_CHECK_VALUE = 0x1003

_RSA, _EC = 0, 3
_CURVES = {
    415: ("1.2.840.10045.3.1.7", 32),
    713: ("1.3.132.0.33", 28),
    714: ("1.3.132.0.10", 32),
    715: ("1.3.132.0.34", 48),
    716: ("1.3.132.0.35", 66),
}
"""By OpenSSL's number, which stands where an RSA key has its bits: identifier, octets of a coordinate."""

_HEADER = 16
_SYMMETRIC, _PAIR = 24, 32
"""Where the buffer of version 2 begins, behind one handle or two."""
_PREFIX = 984
_MAX_ATTRIBUTES = 256
_MAX_RSA_BYTES = 1024
_MALFORMED = "malformed-attestation"


@dataclass(frozen=True, slots=True)
class KeyObject:
    """One half of a key pair.

    Attributes:
        handle: what the module calls it.
        attributes: values by type; what a type means is PKCS#11's where the number is.
    """

    handle: int
    attributes: Mapping[int, bytes]

    def flag(self, kind: int) -> bool | None:
        """A boolean attribute; None where it is absent or no boolean."""
        return {b"\0": False, b"\1": True}.get(self.attributes.get(kind, b""))

    def number(self, kind: int) -> int | None:
        """An unsigned attribute; None where it is absent or empty."""
        value = self.attributes.get(kind)
        return int.from_bytes(value) if value else None

    def text(self, kind: int) -> str | None:
        """A text padded with NUL; None where it is absent, empty or not ASCII."""
        value = self.attributes.get(kind, b"").rstrip(b"\0")
        return value.decode("ascii") if value and value.isascii() else None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement about a key pair.

    Attributes:
        version: 1 or 2.
        signed: the bytes that are signed.
        signature: the other 256.
        public: the object of class public key.
        private: the object of class private key.
    """

    version: int
    signed: bytes
    signature: bytes
    public: KeyObject
    private: KeyObject


def parse_statement(data: bytes) -> Statement:
    """Read a statement about a key pair.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, or `not-a-key-pair`: the statement is about a
            symmetric key, or its two objects are no pair.
    """
    if len(data) < _HEADER + SIGNATURE_SIZE:
        raise EvidenceError("the statement is shorter than its header and signature", check=_MALFORMED)
    signed, signature = data[:-SIGNATURE_SIZE], data[-SIGNATURE_SIZE:]
    version = 2 if int.from_bytes(data[8:12]) == len(data) else 1
    try:
        objects = _objects_2(signed) if version == 2 else _objects_1(signed)
    except ParseError as error:
        raise EvidenceError(f"the statement is malformed: {error}", check=_MALFORMED) from error
    if len(objects) != 2:
        raise EvidenceError("the statement is about a symmetric key, not a key pair", check="not-a-key-pair")
    public, private = objects
    if (public.number(ATTRIBUTE_CLASS), private.number(ATTRIBUTE_CLASS)) != (CLASS_PUBLIC, CLASS_PRIVATE):
        raise EvidenceError(
            "the statement's objects are not a public and a private key, in this order",
            check="not-a-key-pair",
        )
    return Statement(version, signed, signature, public, private)


def _objects_2(signed: bytes) -> list[KeyObject]:
    reader = Reader(signed, "the statement")
    code, flags, total, buffer = (reader.uint32() for _ in range(4))
    start = total - buffer - SIGNATURE_SIZE
    if code != 0 or flags != 3 or start not in {_SYMMETRIC, _PAIR}:
        raise ParseError("its header is none of a key's attestation", offset=0)
    reader.fixed(start - _HEADER)
    version, flags, first, second = (reader.uint16() for _ in range(4))
    if (version, flags, first) != (1, 3, 8) or (second == 0) != (start == _SYMMETRIC):
        raise ParseError("its attribute buffer has another form", offset=start)
    objects = [_read_object(reader)]
    if second:
        if reader.offset != start + second:
            raise ParseError("its second object is not where the header says", offset=start)
        objects.append(_read_object(reader))
    reader.finish()
    return objects


def _objects_1(signed: bytes) -> list[KeyObject]:
    if _is_symmetric_1(signed):
        return []
    reader = Reader(signed, "the statement")
    reader.fixed(_PREFIX)
    objects = [_read_object(reader), _read_object(reader)]
    reader.finish()
    return objects


def _is_symmetric_1(signed: bytes) -> bool:
    reader = Reader(signed, "the statement")
    try:
        reader.fixed(_SYMMETRIC)
        _read_object(reader)
        reader.finish()
    except ParseError:
        return False
    return True


def _read_object(reader: Reader) -> KeyObject:
    handle, count, size = (reader.uint32() for _ in range(3))
    if count > _MAX_ATTRIBUTES:
        raise ParseError(f"an object with more than {_MAX_ATTRIBUTES} attributes")
    attributes: dict[int, bytes] = {}
    inner = Reader(reader.fixed(size), "an object")
    for _ in range(count):
        kind = inner.uint32()
        if kind in attributes:
            raise ParseError(f"an object with the attribute {kind:#x} twice")
        attributes[kind] = inner.fixed(inner.uint32())
    inner.finish()
    return KeyObject(handle, MappingProxyType(attributes))


def attested_key(statement: Statement) -> bytes:
    """The SubjectPublicKeyInfo, DER, that the public object states and the private object repeats.

    Raises:
        EvidenceError: `check` is `malformed-key`: no such key; `not-a-key-pair`: the objects are not two halves
            of one key.
    """
    public, private = statement.public, statement.private
    kind = public.number(_KEY_TYPE)
    if kind == _RSA:
        spki = _rsa_key(public)
    elif kind == _EC:
        spki = _ec_key(public)
    else:
        raise EvidenceError("the statement is about a key that is neither RSA nor EC", check="malformed-key")
    stated = {
        _KEY_TYPE: public.attributes[_KEY_TYPE],
        _MODULUS: public.attributes[_MODULUS],
        _CHECK_VALUE: hashlib.sha1(spki, usedforsecurity=False).digest()[:3],
        _EXTENDED_CHECK_VALUE: hashlib.sha256(spki).digest(),
    }
    for attribute, value in stated.items():
        for name, half in (("public", public), ("private", private)):
            if half.attributes.get(attribute, value) != value:
                raise EvidenceError(
                    f"attribute {attribute:#x} of the {name} object is not that of the attested key",
                    check="not-a-key-pair",
                )
    # The private object alone says what holds of the key: something in it must tie it to the public one.
    if not private.attributes.keys() & {_MODULUS, _EXTENDED_CHECK_VALUE}:
        raise EvidenceError(
            "nothing in the private object says to which public key it belongs", check="not-a-key-pair"
        )
    return spki


def _rsa_key(key: KeyObject) -> bytes:
    modulus, exponent = key.number(_MODULUS), key.number(_EXPONENT)
    if modulus is None or exponent is None or len(key.attributes[_MODULUS]) > _MAX_RSA_BYTES:
        raise EvidenceError("the statement holds no RSA modulus and exponent", check="malformed-key")
    if key.number(_BITS) != modulus.bit_length():
        raise EvidenceError("the statement's modulus has not the bits that it states", check="malformed-key")
    numbers = encode(SEQUENCE, encode_integer(modulus), encode_integer(exponent))
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", numbers))


def _ec_key(key: KeyObject) -> bytes:
    point = key.attributes.get(_MODULUS, b"")
    curve, size = _CURVES.get(key.number(_BITS) or 0, ("", 0))
    if not curve or len(point) != 1 + 2 * size or point[0] != 4:
        raise EvidenceError("the statement holds no EC point of a curve that is known", check="malformed-key")
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid(curve))
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", point))
