# SPDX-License-Identifier: Apache-2.0
"""What nShield modules sign and with what: nCore's wire format, public keys, key hashes and signatures.

Source: Entrust's application notes "Wire format" (common types) and "Construction of nCore key hashes". Numbers
are little-endian words of 32 bits; integers, texts and lists follow their length; everything is a whole number
of words.

A key's hash is SHA-1 over its kind and its material, curves with all their parameters::

    "nFast KeyHash\\0" || kind || "\\0" || material || "invented by nCipher 1997\\0"

Invariants:

* nothing but `ParseError` and `EvidenceError` is raised on input;
* integers are bounded, so that no verification takes long.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey

from keystead.certificate.public_key import load_public_key, verify_signature
from keystead.devices.nshield.curves import CURVES, Curve
from keystead.devices.remembered_signatures import Verify, verifies_again
from keystead.encoding.der import BIT_STRING, NULL, SEQUENCE, encode, encode_integer, encode_oid
from keystead.errors import EvidenceError, ParseError, SignatureError

__all__ = [
    "HASH_SIZE",
    "KeyKind",
    "NCoreKey",
    "WireReader",
    "hash_key_material",
    "parse_key",
    "read_key",
    "verify_wire_signature",
]

HASH_SIZE = 20
_MAX_INTEGER_BYTES = 2048  # 16,384 bits: the largest RSA modulus that is ever verified

_MAX_DSA_BITS = 4096  # FIPS 186-4 ends at 3072

_DSA_SHA256 = 170  # Mech_DSAhSHA256
_ECDSA_SHA512 = 187  # Mech_ECDSAhSHA512
_X509_ECDSA_SHA512 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.4"))


class KeyKind(IntEnum):
    """The M_KeyType of public keys that may be met here."""

    RSA = 1
    DSA = 3
    EC = 44
    ECDSA = 46


_PREFIXES = {KeyKind.RSA: "RSA00", KeyKind.DSA: "DSA00", KeyKind.EC: "EC00", KeyKind.ECDSA: "ECDSA00"}


class WireReader:
    """Reads nCore's wire format off the front of `data`.

    Args:
        data: the whole message.
        what: its name, for error sentences.
    """

    __slots__ = ("_data", "offset", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self.offset = 0
        self.what = what

    def fixed(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.offset + size
        if end > len(self._data):
            raise ParseError(f"{self.what} ends early", offset=len(self._data))
        taken = self._data[self.offset : end]
        self.offset = end
        return taken

    def word(self) -> int:
        """The next word."""
        return int.from_bytes(self.fixed(4), "little")

    def count(self, least: int) -> int:
        """The number of items that follow, each of at least `least` bytes."""
        number = self.word()
        if number * least > len(self._data) - self.offset:
            raise ParseError(f"{self.what} announces more than it holds", offset=self.offset - 4)
        return number

    def flags(self, known: int, what: str) -> int:
        """A word of flags, all of which must be among `known`."""
        value = self.word()
        if value & ~known:
            raise ParseError(f"{what} in {self.what} has flags {value:#x}, which are not known")
        return value

    def integer(self) -> int:
        """An M_Bignum: its length in bytes, then its words."""
        size = self.word()
        if size % 4 or size > _MAX_INTEGER_BYTES:
            raise ParseError(f"{self.what} has an integer of {size} bytes", offset=self.offset - 4)
        return int.from_bytes(self.fixed(size), "little")

    def digest(self) -> bytes:
        """An M_Hash: 20 bytes."""
        return self.fixed(HASH_SIZE)

    def text(self) -> str:
        """An M_ASCIIString: its length with the NUL at its end, then both, padded to a whole word."""
        size = self.word()
        if size > 256:
            raise ParseError(f"{self.what} has a text of {size} bytes", offset=self.offset - 4)
        padded = self.fixed(size + -size % 4)
        text, end = padded[: size - 1], padded[size - 1 :] if size else b""
        if not end or any(end) or not all(0x20 <= octet < 0x7F for octet in text):
            raise ParseError(f"{self.what} has a text that is not printable ASCII", offset=self.offset)
        return text.decode("ascii")

    def finish(self) -> None:
        """Refuse trailing bytes."""
        if self.offset != len(self._data):
            raise ParseError(f"{self.what} has trailing bytes", offset=self.offset)


@dataclass(frozen=True, slots=True)
class NCoreKey:
    """An M_KeyData of a public key.

    Attributes:
        kind: the M_KeyType.
        values: RSA e, n; DSA p, q, g, y; of a point x, y.
        curve: of a point, the M_ECName.
    """

    kind: KeyKind
    values: tuple[int, ...]
    curve: int = 0

    @property
    def hash(self) -> bytes:
        """The nCore key hash, 20 bytes."""
        return _hash(self)

    @property
    def spki(self) -> bytes:
        """The same key as DER of a SubjectPublicKeyInfo."""
        return _spki(self)


@lru_cache(maxsize=256)
def _hash(key: NCoreKey) -> bytes:
    material = b"".join(map(_block, key.values))
    if key.kind in {KeyKind.EC, KeyKind.ECDSA}:
        material = _curve_material(CURVES[key.curve]) + material
    return hash_key_material(_PREFIXES[key.kind], material)


@lru_cache(maxsize=256)
def _spki(key: NCoreKey) -> bytes:
    match key.kind:
        case KeyKind.RSA:
            exponent, modulus = map(encode_integer, key.values)
            algorithm = encode_oid("1.2.840.113549.1.1.1") + encode(NULL)
            bits = encode(SEQUENCE, modulus, exponent)
        case KeyKind.DSA:
            *group, public = map(encode_integer, key.values)
            algorithm = encode_oid("1.2.840.10040.4.1") + encode(SEQUENCE, *group)
            bits = public
        case _:
            curve = CURVES[key.curve]
            size = (curve.bits + 7) // 8
            algorithm = encode_oid("1.2.840.10045.2.1") + encode_oid(curve.oid)
            bits = b"\x04" + b"".join(value.to_bytes(size) for value in key.values)
    return encode(SEQUENCE, encode(SEQUENCE, algorithm), encode(BIT_STRING, b"\0", bits))


def hash_key_material(kind: str, material: bytes) -> bytes:
    """The nCore key hash of a key of a kind, from its material."""
    # SHA-1 is the vendor's choice; a second key with the hash of a given one is what it would take to cheat.
    text = b"nFast KeyHash\0" + kind.encode() + b"\0" + material + b"invented by nCipher 1997\0"
    return hashlib.sha1(text, usedforsecurity=False).digest()


def _block(value: int) -> bytes:
    """Little-endian in a whole number of 64 bytes."""
    size = (value.bit_length() + 511) // 512 * 64
    return value.to_bytes(size, "little")


def _curve_material(curve: Curve) -> bytes:
    kind = bytes(8) + curve.bits.to_bytes(4, "little")  # a prime curve, over a prime field, of so many bits
    return kind + b"".join(
        map(_block, (curve.prime, curve.prime - 3, curve.b, *curve.generator, curve.order, 1))
    )


def read_key(reader: WireReader) -> NCoreKey:
    """Read an M_KeyData.

    Raises:
        ParseError: no public key, or of a kind, curve or size that is not supported.
    """
    number = reader.word()
    if number not in set(KeyKind):
        raise ParseError(f"{reader.what} has a key of the type {number}, which is not supported")
    kind = KeyKind(number)
    if kind in {KeyKind.RSA, KeyKind.DSA}:
        values = tuple(reader.integer() for _ in range(2 if kind == KeyKind.RSA else 4))
        # For longer exponents the key hash is made in another way.
        if kind == KeyKind.RSA and not (values[0] & 1 and 1 < values[0] < 2**32):
            raise ParseError(f"{reader.what} has an RSA key with an exponent that is not supported")
        if kind == KeyKind.DSA and max(values).bit_length() > _MAX_DSA_BITS:
            raise ParseError(f"{reader.what} has a DSA key of more than {_MAX_DSA_BITS} bits")
        return NCoreKey(kind, values)
    curve = reader.word()
    if curve not in CURVES:
        raise ParseError(f"{reader.what} has a key on the curve {curve}, which is not supported")
    reader.flags(0, "a point")
    point = (reader.integer(), reader.integer())
    if max(point) >= CURVES[curve].prime:
        raise ParseError(f"{reader.what} has a point outside of its field")
    return NCoreKey(kind, point, curve)


def parse_key(data: bytes, what: str) -> NCoreKey:
    """Read `data`, which is one M_KeyData.

    Raises:
        ParseError: as `read_key`, or bytes after it.
    """
    reader = WireReader(data, what)
    key = read_key(reader)
    reader.finish()
    return key


def verify_wire_signature(key: NCoreKey, signature: bytes, message: bytes, what: str) -> None:
    """Verify an M_CipherText that is a DSA or ECDSA signature.

    Args:
        key: the signer's.
        signature: the whole M_CipherText.
        message: what was signed.
        what: who signed what, for error sentences ("the module's signature of …").

    Raises:
        EvidenceError: `check` is `signature-algorithm` or `wrong-signature`.
        ParseError: no M_CipherText.
    """
    reader = WireReader(signature, what)
    mechanism = reader.word()
    r, s = reader.integer(), reader.integer()
    reader.finish()
    der = encode(SEQUENCE, encode_integer(r), encode_integer(s))
    verify: Verify
    if (mechanism, key.kind) == (_DSA_SHA256, KeyKind.DSA):
        verify, algorithm = _verify_dsa, b""
    elif (mechanism, key.kind) == (_ECDSA_SHA512, KeyKind.ECDSA):
        verify, algorithm = verify_signature, _X509_ECDSA_SHA512
    else:
        raise EvidenceError(
            f"{what} is of the mechanism {mechanism}, which does not fit its key",
            check="signature-algorithm",
        )
    if not verifies_again(verify, key.spki, algorithm, der, message):
        raise EvidenceError(f"{what} is wrong", check="wrong-signature")


def _verify_dsa(spki: bytes, _: bytes, signature: bytes, message: bytes) -> None:
    try:
        key = load_public_key(spki)
        if not isinstance(key, DSAPublicKey):
            raise SignatureError("the key is no DSA key")
        key.verify(signature, message, hashes.SHA256())
    except (InvalidSignature, ValueError, ParseError) as error:
        raise SignatureError("the DSA signature does not verify") from error
