# SPDX-License-Identifier: Apache-2.0
"""Structures of TPM 2.0 as the TPM marshals them: what it attests, a key's public area, signatures.

Source: Trusted Computing Group, "TPM 2.0 Library", part 2 "Structures", revision 1.59: sections 6.3 (algorithms),
6.4 (curves), 8.3 (object attributes), 10.12 (attestation), 11.3 (signatures), 12.2 (public area). Integers are
big-endian; a TPM2B is a uint16 length and that many bytes.

Invariants:

* everything is read to its last byte, and what is not known is refused: a scheme or an algorithm that cannot be
  read hides what comes after it;
* nothing but `ParseError` is raised on input.
"""

import hashlib
from dataclasses import dataclass

from keystead.encoding.der import (
    BIT_STRING,
    INTEGER,
    NULL,
    SEQUENCE,
    decode_integer,
    encode,
    encode_integer,
    encode_oid,
    parse,
)
from keystead.encoding.tls import Reader
from keystead.errors import ParseError

__all__ = [
    "FORMAT",
    "MAX_ATTEST",
    "MAX_PUBLIC",
    "Attest",
    "Public",
    "Signature",
    "marshal_signatures",
    "parse_attest",
    "parse_public",
    "parse_signature",
    "read_sized",
    "sized",
    "split_statement",
]

FORMAT = "tpm2-certify"
"""What evidence made of these structures is called."""

MAX_ATTEST, MAX_PUBLIC = 1024, 4096
"""More bytes than any has."""

_GENERATED = b"\xffTCG"
"""TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins so."""

_CERTIFY = 0x8017  # TPM_ST_ATTEST_CERTIFY
_RSA, _KEYEDHASH, _ECC, _SYMCIPHER, _NULL = 0x0001, 0x0008, 0x0023, 0x0025, 0x0010
_HASHES = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
_CURVES = {3: ("1.2.840.10045.3.1.7", 32), 4: ("1.3.132.0.34", 48), 5: ("1.3.132.0.35", 66)}
_RSASSA, _RSAES, _RSAPSS, _ECDSA, _ECDAA = 0x0014, 0x0015, 0x0016, 0x0018, 0x001A
_SCHEMES_WITH_HASH = {_RSASSA, _RSAPSS, 0x0017, _ECDSA, 0x0019, 0x001B, 0x001C}
_KDFS_WITH_HASH = {0x0007, 0x0020, 0x0021, 0x0022}

_KNOWN_ATTRIBUTES = 0x000F_0FF6
"""All that revision 1.83 defines: the other bits are reserved and zero."""


@dataclass(frozen=True, slots=True)
class Attest:
    """A TPMS_ATTEST about a key.

    Attributes:
        extra: what the caller had signed along (`qualifyingData`): a challenge, if it was one.
        name: of the certified object: the identifier of a hash algorithm and a hash of its public area.
        signed: all of it, as it was signed.
    """

    extra: bytes
    name: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Public:
    """A TPMT_PUBLIC.

    Attributes:
        kind: TPM_ALG_ID of the key.
        attributes: TPMA_OBJECT.
        name: what an attestation calls the object that has it.
        spki: DER of the SubjectPublicKeyInfo; empty for keys without a public half.
        marshalled: all of it.
    """

    kind: int
    attributes: int
    name: bytes
    spki: bytes
    marshalled: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """A TPMT_SIGNATURE.

    Attributes:
        algorithm: DER of the AlgorithmIdentifier that X.509 has for it.
        octets: the signature as X.509 has it.
        digest: the hash's name.
    """

    algorithm: bytes
    octets: bytes
    digest: str


def sized(data: bytes) -> bytes:
    """A TPM2B."""
    return len(data).to_bytes(2) + data


def read_sized(reader: Reader, most: int) -> bytes:
    """The content of a TPM2B of at most `most` bytes.

    Raises:
        ParseError: cut off, or longer.
    """
    content = reader.opaque16()
    if len(content) > most:
        raise ParseError(f"{reader.what} has a field of {len(content)} bytes")
    return content


def parse_attest(data: bytes) -> Attest:
    """Read a TPMS_ATTEST that certifies an object.

    Raises:
        ParseError: it does not begin as a TPM's does, attests something else, or is malformed.
    """
    reader = Reader(data, "the TPM's attestation")
    if reader.fixed(4) != _GENERATED:
        raise ParseError("the TPM's attestation does not begin as only a TPM's does")
    kind = reader.uint16()
    if kind != _CERTIFY:
        raise ParseError(f"the TPM attests something else than a key: type {kind:#06x}")
    read_sized(reader, 66)  # the signer's qualified name
    extra = read_sized(reader, 64)
    reader.fixed(17)  # clock, reset count, restart count, whether they are safe
    reader.uint64()  # firmware version, obfuscated for keys of users
    name = read_sized(reader, 66)
    read_sized(reader, 66)  # its qualified name
    reader.finish()
    return Attest(extra, name, data)


def parse_public(data: bytes) -> Public:
    """Read a TPMT_PUBLIC.

    Raises:
        ParseError: malformed, or of a kind, curve or scheme that is not known.
    """
    reader = Reader(data, "the public area")
    kind, name_algorithm, attributes = reader.uint16(), reader.uint16(), reader.uint32()
    if name_algorithm not in _HASHES:
        raise ParseError(f"the public area is named by the algorithm {name_algorithm:#06x}")
    if attributes & ~_KNOWN_ATTRIBUTES:
        raise ParseError(f"the public area has attributes {attributes:#010x}, of which not all are known")
    read_sized(reader, 64)  # policy
    spki = b""
    if kind == _RSA:
        spki = _rsa(reader)
    elif kind == _ECC:
        spki = _ecc(reader)
    elif kind in {_KEYEDHASH, _SYMCIPHER}:
        reader.fixed(reader.remaining)  # no public half: nobody can ask for a certificate
    else:
        raise ParseError(f"the public area is of the kind {kind:#06x}, which is not known")
    reader.finish()
    name = name_algorithm.to_bytes(2) + hashlib.new(_HASHES[name_algorithm], data).digest()
    return Public(kind, attributes, name, spki, data)


def _rsa(reader: Reader) -> bytes:
    _skip_symmetric(reader)
    _skip_scheme(reader, _SCHEMES_WITH_HASH)
    bits, exponent = reader.uint16(), reader.uint32() or 65537
    modulus = int.from_bytes(read_sized(reader, 2048))
    if modulus.bit_length() != bits:
        raise ParseError(f"the public area has a modulus of {modulus.bit_length()} bits and says {bits}")
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), encode(NULL))
    key = encode(SEQUENCE, encode_integer(modulus), encode_integer(exponent))
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", key))


def _ecc(reader: Reader) -> bytes:
    _skip_symmetric(reader)
    _skip_scheme(reader, _SCHEMES_WITH_HASH)
    curve = reader.uint16()
    _skip_scheme(reader, _KDFS_WITH_HASH)
    if curve not in _CURVES:
        raise ParseError(f"the public area has a key on the curve {curve:#06x}, which is not known")
    oid, size = _CURVES[curve]
    point = b"".join(read_sized(reader, size).rjust(size, b"\0") for _ in range(2))
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid(oid))
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0\x04", point))


def _skip_symmetric(reader: Reader) -> None:
    """A TPMT_SYM_DEF_OBJECT: of keys that protect others."""
    if reader.uint16() != _NULL:
        reader.uint32()  # length and mode


def _skip_scheme(reader: Reader, with_hash: set[int]) -> None:
    """A TPMT scheme: mostly with a hash."""
    scheme = reader.uint16()
    if scheme in with_hash:
        reader.uint16()
    elif scheme == _ECDAA:
        reader.uint32()  # hash, and a counter
    elif scheme not in {_NULL, _RSAES}:
        raise ParseError(f"the public area has the scheme {scheme:#06x}, which is not known")


_RSASSA_X509 = {"sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}
_ECDSA_X509 = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}


def parse_signature(reader: Reader) -> Signature:
    """Read a TPMT_SIGNATURE: RSASSA or ECDSA.

    Raises:
        ParseError: of another algorithm, or malformed.
    """
    algorithm, hash_algorithm = reader.uint16(), reader.uint16()
    digest = _HASHES.get(hash_algorithm)
    if digest is None:
        raise ParseError(f"{reader.what} has a signature with the hash {hash_algorithm:#06x}")
    if algorithm == _RSASSA:
        oid = encode_oid(f"1.2.840.113549.1.1.{_RSASSA_X509[digest]}")
        return Signature(encode(SEQUENCE, oid, encode(NULL)), read_sized(reader, 2048), digest)
    if algorithm == _ECDSA:
        oid = encode_oid(f"1.2.840.10045.4.{_ECDSA_X509[digest]}")
        r, s = (int.from_bytes(read_sized(reader, 66)) for _ in range(2))
        der = encode(SEQUENCE, encode_integer(r), encode_integer(s))
        return Signature(encode(SEQUENCE, oid), der, digest)
    raise ParseError(f"{reader.what} has a signature of the algorithm {algorithm:#06x}")


def marshal_signatures(octets: bytes) -> list[bytes]:
    """The TPMT_SIGNATUREs that bare octets of a signature may be: one for each hash, the likeliest first.

    Raises:
        ParseError: they begin like an ECDSA signature in DER and are none.
    """
    if octets[:1] == b"\x30":
        numbers = parse(octets, "a signature").children()
        parts = [decode_integer(one.expect(INTEGER, "a signature's number")) for one in numbers]
        if len(parts) != 2 or min(parts) < 0:
            raise ParseError("an ECDSA signature has two numbers", offset=0)
        algorithm = _ECDSA
        content = b"".join(sized(one.to_bytes((one.bit_length() + 7) // 8)) for one in parts)
    else:
        algorithm, content = _RSASSA, sized(octets)
    return [
        algorithm.to_bytes(2) + hash_algorithm.to_bytes(2) + content
        for hash_algorithm in (0x000B, 0x0004, 0x000C, 0x000D)
    ]


def split_statement(data: bytes) -> tuple[Attest, Signature, Public]:
    """The three parts of the `data` of evidence.

    Raises:
        ParseError: one is missing or malformed, or something follows.
    """
    reader = Reader(data, "the TPM's statement")
    attest = parse_attest(read_sized(reader, MAX_ATTEST))
    signature = parse_signature(reader)
    public = parse_public(read_sized(reader, MAX_PUBLIC))
    reader.finish()
    return attest, signature, public
