# SPDX-License-Identifier: Apache-2.0
"""Certificates written and signed field by field (RFC 5280 section 4.1), well-formed or not as wanted.

Everything is DER that was composed here, so an odd name, a raw extension value or a missing BasicConstraints
is a matter of passing it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from keystead.encoding.der import (
    BIT_STRING,
    BOOLEAN,
    OCTET_STRING,
    SEQUENCE,
    SET,
    encode,
    encode_integer,
    encode_oid,
)
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.testvendor.keys import SigningKey

__all__ = [
    "authority_key_identifier",
    "basic_constraints",
    "certificate",
    "common_name",
    "extension",
    "key_identifier",
    "key_usage",
    "name",
    "sign_tbs",
    "subject_key_identifier",
    "tbs_certificate",
    "to_pem",
    "validity",
]

_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_UTF8_STRING = 0x0C
_TRUE = encode(BOOLEAN, b"\xff")

_oid = lru_cache(maxsize=512)(encode_oid)


def name(*attributes: tuple[str, str | bytes] | tuple[str, str | bytes, int]) -> bytes:
    """DER of a Name with one attribute in each part.

    Args:
        attributes: (dotted identifier, value) or (dotted identifier, value, string tag); UTF8String by
            default, bytes are taken as they are.
    """
    parts = []
    for kind, value, *tag in attributes:
        raw = value if isinstance(value, bytes) else value.encode()
        string = encode(tag[0] if tag else _UTF8_STRING, raw)
        parts.append(encode(SET, encode(SEQUENCE, _oid(kind), string)))
    return encode(SEQUENCE, *parts)


def common_name(text: str) -> bytes:
    """DER of a Name that is one common name."""
    return name(("2.5.4.3", text))


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """DER of an Extension; `value` is what stands inside extnValue."""
    return encode(SEQUENCE, _oid(oid), _TRUE if critical else b"", encode(OCTET_STRING, value))


def basic_constraints(
    path_length: int | None = None, *, authority: bool = True, critical: bool = True
) -> bytes:
    """The BasicConstraints extension (RFC 5280 section 4.2.1.9)."""
    length = b"" if path_length is None else encode_integer(path_length)
    content = encode(SEQUENCE, _TRUE if authority else b"", length)
    return extension("2.5.29.19", content, critical=critical)


def key_usage(*bits: int) -> bytes:
    """The KeyUsage extension, critical: 0 digitalSignature, 5 keyCertSign, 6 cRLSign."""
    octet = sum(0x80 >> bit for bit in bits)
    unused = 7 - max(bits)
    return extension("2.5.29.15", encode(BIT_STRING, bytes((unused, octet))), critical=True)


def key_identifier(spki: bytes) -> bytes:
    """A key identifier of 20 bytes (RFC 7093 section 2, method 1 on the whole structure)."""
    return hashlib.sha256(spki).digest()[:20]


def subject_key_identifier(spki: bytes) -> bytes:
    """The SubjectKeyIdentifier extension."""
    return extension("2.5.29.14", encode(OCTET_STRING, key_identifier(spki)))


def authority_key_identifier(issuer_spki: bytes) -> bytes:
    """The AuthorityKeyIdentifier extension."""
    return extension("2.5.29.35", encode(SEQUENCE, encode(0x80, key_identifier(issuer_spki))))


@lru_cache(maxsize=512)
def validity(not_before: int, not_after: int) -> bytes:
    """DER of a Validity, times in seconds: UTCTime to 2049, then GeneralizedTime (RFC 5280 4.1.2.5)."""
    return encode(SEQUENCE, _time(not_before), _time(not_after))


def _time(seconds: int) -> bytes:
    digits = "".join(character for character in format_time(seconds) if character.isdigit())
    if "1950" <= digits[:4] < "2050":
        return encode(0x17, digits[2:].encode() + b"Z")
    return encode(0x18, digits.encode() + b"Z")


def tbs_certificate(
    *,
    serial: bytes,
    algorithm: bytes,
    issuer: bytes,
    valid: bytes,
    subject: bytes,
    spki: bytes,
    extensions: Iterable[bytes] = (),
    version_3: bool = False,
) -> bytes:
    """DER of a TBSCertificate: version 3, or version 1 where there are no extensions.

    Args:
        serial: content octets of the INTEGER.
        algorithm: DER of the AlgorithmIdentifier.
        issuer: DER of the Name.
        valid: DER of the Validity.
        subject: DER of the Name.
        spki: DER of the SubjectPublicKeyInfo.
        extensions: DER of each Extension, in order.
        version_3: of version 3 even without extensions.
    """
    listed = tuple(extensions)
    return encode(
        SEQUENCE,
        _VERSION_3 if listed or version_3 else b"",
        encode(0x02, serial),
        algorithm,
        issuer,
        valid,
        subject,
        spki,
        encode(0xA3, encode(SEQUENCE, *listed)) if listed else b"",
    )


def sign_tbs(tbs: bytes, key: SigningKey, algorithm: bytes | None = None) -> bytes:
    """DER of the Certificate: `tbs`, the key's algorithm (or how it is written instead), the signature."""
    return encode(SEQUENCE, tbs, algorithm or key.algorithm, encode(BIT_STRING, b"\0", key.sign(tbs)))


def certificate(
    *,
    subject: bytes,
    spki: bytes,
    issuer: bytes,
    key: SigningKey,
    not_before: int,
    not_after: int,
    extensions: Sequence[bytes] = (),
    serial: bytes | None = None,
    algorithm: bytes | None = None,
) -> bytes:
    """DER of a certificate, signed by `key`.

    Without `serial`, one that follows from the other fields; `algorithm` is another way to write the key's
    AlgorithmIdentifier.
    """
    valid = validity(not_before, not_after)
    if serial is None:
        digest = hashlib.sha256(b"".join((subject, spki, issuer, valid, *extensions))).digest()
        serial = bytes((digest[0] & 0x7F | 0x40,)) + digest[1:16]
    tbs = tbs_certificate(
        serial=serial,
        algorithm=algorithm or key.algorithm,
        issuer=issuer,
        valid=valid,
        subject=subject,
        spki=spki,
        extensions=extensions,
    )
    return sign_tbs(tbs, key, algorithm)


def to_pem(der: bytes, label: str = "CERTIFICATE") -> str:
    """The PEM text of `der`, lines of 64 characters, with a newline at the end (RFC 7468 section 2)."""
    text = encode_base64(der)
    lines = "\n".join(text[place : place + 64] for place in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
