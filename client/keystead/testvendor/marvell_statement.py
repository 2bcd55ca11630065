# SPDX-License-Identifier: Apache-2.0
"""The bytes of test LiquidSecurity statements: attributes, objects, headers, and how older firmware signs them."""

import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from keystead.testvendor.keys import SigningKey, derive_bytes

__all__ = ["bare_signature", "key_attributes", "key_object", "statement_2"]

_CURVE_NUMBERS = {"secp256r1": 415, "secp384r1": 715, "secp521r1": 716, "secp256k1": 714}


def key_attributes(
    public_key: bytes, private: bool, changed: Mapping[int, bytes | None] | None = None
) -> dict[int, bytes]:
    """The attributes of one half of the pair, in the order of real ones.

    Args:
        public_key: SubjectPublicKeyInfo, DER.
        private: which half.
        changed: by type, another value, or None to leave it out.
    """
    flag, opposite = (b"\1", b"\0") if private else (b"\0", b"\1")
    kind, material, bits = _stated(public_key)
    values: dict[int, bytes | None] = {
        0x0: b"\3" if private else b"\2",
        0x100: kind,
        0x1: b"\2",
        0x2: b"\1",
        0x104: opposite,
        0x105: flag,
        0x106: opposite,
        0x107: flag,
        0x108: flag,
        0x10A: opposite,
        0x163: b"\1",
        0x103: flag,
        0x162: opposite,
        0x3: b"app_key".ljust(128, b"\0"),
        0x102: derive_bytes(public_key, "marvell-id", 64).hex().encode(),
        0x161: (138 if private else len(material[0x120])).to_bytes(4),
        0x173: hashlib.sha1(public_key, usedforsecurity=False).digest()[:3],
        0x1003: hashlib.sha256(public_key).digest(),
        0x1000: (2).to_bytes(8),
        **{0x80000000 | n: bytes(31) + b"\xff" for n in (0x174, 0x175, 0x176, 0x177, 0x178, 0x179, 0x180)},
        **material,
        0x121: bits,
        0x86: b"\0",
        0x210: b"\0",
        0x10C: b"\0",
        0x165: flag,
        0x80000002: b"\0",
        0x80000003: b"\0",
        0x164: flag,
        **(changed or {}),
    }
    return {number: value for number, value in values.items() if value is not None}


def key_object(handle: int, attributes: Mapping[int, bytes]) -> bytes:
    """An object: handle, number of attributes, their size, the attributes."""
    body = b"".join(kind.to_bytes(4) + len(value).to_bytes(4) + value for kind, value in attributes.items())
    return handle.to_bytes(4) + len(attributes).to_bytes(4) + len(body).to_bytes(4) + body


def statement_2(objects: list[tuple[int, Mapping[int, bytes]]]) -> bytes:
    """What is signed of a statement of version 2 about one object or two."""
    encoded = [key_object(handle, attributes) for handle, attributes in objects]
    second = 8 + len(encoded[0]) if len(encoded) > 1 else 0
    buffer = b"".join(number.to_bytes(2) for number in (1, 3, 8, second)) + b"".join(encoded)
    handles = b"".join(handle.to_bytes(8) for handle, _ in objects)
    total = 16 + len(handles) + len(buffer) + 256
    header = b"".join(number.to_bytes(4) for number in (0, 3, total, len(buffer)))
    return header + handles + buffer


def _stated(public_key: bytes) -> tuple[bytes, dict[int, bytes], bytes]:
    """How a statement gives a key: its type, its numbers, its bits or its curve's number."""
    key = load_der_public_key(public_key)
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        modulus = numbers.n.to_bytes((key.key_size + 7) // 8)
        return b"\0", {0x120: modulus, 0x122: numbers.e.to_bytes(3)}, key.key_size.to_bytes(4)
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("these modules attest RSA and EC keys")
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return b"\3", {0x120: point}, _CURVE_NUMBERS[key.curve.name].to_bytes(4)


def bare_signature(key: SigningKey, signed: bytes) -> bytes:
    """A signature of older firmware: the digest, padded like PKCS#1 v1.5 but without its name."""
    if not isinstance(key.private_key, RSAPrivateKey):
        raise TypeError("partitions have RSA keys")
    numbers = key.private_key.private_numbers()
    digest = hashlib.sha256(signed).digest()
    block = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    number = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n)
    return number.to_bytes(256)
