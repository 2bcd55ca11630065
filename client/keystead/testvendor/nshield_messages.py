# SPDX-License-Identifier: Apache-2.0
"""nCore messages and DDDS written field by field, well-formed or not as wanted.

The layouts are those that `keystead.devices.nshield` reads; published bundles have the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keystead.certificate.public_key import load_public_key
from keystead.devices.nshield.ncore import parse_key
from keystead.devices.nshield.warrant import Symbol
from keystead.encoding.rfc4648 import encode_base64
from keystead.testvendor.dsa import DsaKey
from keystead.testvendor.keys import SigningKey

__all__ = [
    "DSA_SHA256",
    "ECDSA_SHA512",
    "MODULE_BLOB",
    "acl",
    "archive_blob",
    "base64url",
    "blob",
    "ddds",
    "dsa_key_data",
    "group",
    "integer",
    "key_data",
    "key_hash",
    "key_hash_ex",
    "operations",
    "sign_dsa",
    "sign_ecdsa",
    "text",
    "wire_signature",
    "word",
]

_CURVES = {"secp256r1": 4, "secp384r1": 5, "secp521r1": 6}

OPERATIONS = {
    "duplicate-handle": 0x1,
    "use-as-certificate": 0x2,
    "export-as-plain": 0x4,
    "get-app-data": 0x8,
    "set-app-data": 0x10,
    "reduce-acl": 0x20,
    "expand-acl": 0x40,
    "decrypt": 0x100,
    "use-as-blob-key": 0x400,
    "use-as-module-key": 0x800,
    "sign": 0x1000,
    "get-acl": 0x2000,
    "use-as-loader-key": 0x4000,
    "sign-module-certificate": 0x8000,
}

DSA_SHA256, ECDSA_SHA512 = 170, 187
"""Mechanisms of signatures."""

MODULE_BLOB = 0x7
"""Flags of a blob: bare, under any but the null module key, under the module key that is named."""


def word(value: int) -> bytes:
    """A word of 32 bits."""
    return value.to_bytes(4, "little")


def integer(value: int) -> bytes:
    """An M_Bignum in the fewest words."""
    size = (value.bit_length() + 31) // 32 * 4
    return word(size) + value.to_bytes(size, "little")


def text(value: str) -> bytes:
    """An M_ASCIIString."""
    octets = value.encode() + b"\0"
    return word(len(octets)) + octets + bytes(-len(octets) % 4)


def key_data(spki: bytes) -> bytes:
    """The M_KeyData of an RSA or EC key."""
    key = load_public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return word(1) + integer(rsa_numbers.e) + integer(rsa_numbers.n)
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return word(46) + word(_CURVES[key.curve.name]) + word(0) + integer(point.x) + integer(point.y)
    raise TypeError("nShield test modules hold RSA and EC keys")


def dsa_key_data(key: DsaKey) -> bytes:
    """The M_KeyData of a DSA key."""
    return word(3) + b"".join(map(integer, (*key.group, key.public)))


def key_hash(data: bytes) -> bytes:
    """The nCore key hash of an M_KeyData."""
    return parse_key(data, "a test key").hash


def key_hash_ex(digest: bytes) -> bytes:
    """The M_KeyHashEx of a SHA-1 key hash."""
    return word(44) + digest


def wire_signature(mechanism: int, r: int, s: int) -> bytes:
    """The M_CipherText of a signature: mechanism 170 DSA with SHA-256, 187 ECDSA with SHA-512."""
    return word(mechanism) + integer(r) + integer(s)


def operations(*names: str, bits: int = 0) -> bytes:
    """The action OpPermissions."""
    return word(1) + word(sum(OPERATIONS[name] for name in names) | bits)


def blob(
    module_key: bytes | None, *, flags: int = MODULE_BLOB, token: tuple[bytes, int] | None = None
) -> bytes:
    """The action MakeBlob; `token` is a hash and the token's flags."""
    parts = [word(2), word(flags), module_key or b""]
    if token is not None:
        parts += [token[0], word(token[1]), word(1), word(1), word(0)]
    return b"".join(parts)


def archive_blob(key: bytes | None, mechanism: int = 0xE1) -> bytes:
    """The action MakeArchiveBlob under the key with a hash."""
    return word(3) + word(key is not None) + word(mechanism if key else 0) + (key or b"")


def group(*actions: bytes, certifier: bytes | None = None, counter: bytes | None = None) -> bytes:
    """A permission group; `counter` names a counter that lets it be used once."""
    limits = [] if counter is None else [word(1) + counter + word(1)]
    return b"".join(
        (
            word(0 if certifier is None else 3),  # a certifier, and certificates that are fresh
            word(len(limits)),
            *limits,
            word(len(actions)),
            *actions,
            certifier or b"",
        )
    )


def acl(*groups: bytes) -> bytes:
    """An M_ACL."""
    return word(len(groups)) + b"".join(groups)


def sign_dsa(key: DsaKey, message: bytes) -> bytes:
    """The M_CipherText of a DSA signature."""
    return wire_signature(DSA_SHA256, *key.sign(message))


def sign_ecdsa(key: SigningKey, message: bytes) -> bytes:
    """The M_CipherText of an ECDSA signature on P-521."""
    return wire_signature(ECDSA_SHA512, *decode_dss_signature(key.sign(message)))


def base64url(data: bytes) -> str:
    """Base64url with its padding, as the vendor's tool writes it."""
    return encode_base64(data).replace("+", "-").replace("/", "_")


def ddds(value: Any) -> bytes:
    """The DDDS encoding of integers, short texts, symbols, octets, lists, and maps by names of symbols."""
    match value:
        case int() if 0 <= value < 0x20:
            return bytes((value,))
        case int():
            return b"\xf4" + ddds(value.to_bytes((value.bit_length() + 7) // 8))
        case str():
            return bytes((0x20 | len(value),)) + value.encode()
        case Symbol(name) if len(name) < 16:
            return bytes((0x30 | len(name),)) + name.encode()
        case Symbol(name):
            return bytes((0xC4, len(name))) + name.encode()
        case bytes() if len(value) < 256:
            return bytes((0xC5, len(value))) + value
        case bytes():
            return b"\xd5" + len(value).to_bytes(2) + value
        case Mapping():
            pairs = b"".join(ddds(Symbol(key)) + ddds(member) for key, member in value.items())
            return bytes((0xB0 | len(value),)) + pairs
        case Sequence():
            return bytes((0x90 | len(value),)) + b"".join(map(ddds, value))
    raise TypeError(f"DDDS has no {type(value).__name__}")
