# SPDX-License-Identifier: Apache-2.0
"""X.509 certificates, walked but not interpreted (RFC 5280 section 4.1).

Every entry of a log passes through here, so the walk reads tags and lengths in place, and copies only what a
log asks for. Names, keys and extension values stay DER; other modules read them when needed.

Invariants:

* strict DER with nothing after it; the two signature algorithms agree; versions 1 and 3 only, extensions only
  in version 3, at least one where the list is there, none twice; no encoded DEFAULT; serial numbers not
  negative;
* `parse_vendor_certificate` tolerates, for chains of device vendors and for explanations, an encoded
  `critical FALSE`, an extension twice, an empty list of extensions, a negative serial number and two
  signature algorithms that differ;
* offsets count from the first byte of what was parsed;
* nothing but `ParseError` is raised on input.
"""

from functools import cached_property, lru_cache
from hashlib import sha256
from typing import NamedTuple

from keystead.certificate.pem import certificates_from_pem
from keystead.certificate.public_key import key_hash
from keystead.certificate.walk import Fields, Span, walk_certificate, walk_tbs_certificate
from keystead.encoding.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    SEQUENCE,
    Element,
    decode_integer,
    decode_oid,
    parse,
)
from keystead.errors import ParseError

__all__ = [
    "ANY_EXTENDED_KEY_USAGE",
    "CODE_SIGNING",
    "KEY_CERT_SIGN",
    "BasicConstraints",
    "Certificate",
    "Extension",
    "TbsCertificate",
    "basic_constraints",
    "certificates_from_pem",
    "extended_key_usages",
    "extension_element",
    "key_usage",
    "parse_certificate",
    "parse_tbs_certificate",
    "parse_vendor_certificate",
]

CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
KEY_CERT_SIGN = 5
"""The number of the bit in KeyUsage (RFC 5280 section 4.2.1.3)."""

_KEY_USAGE = "2.5.29.15"
_BASIC_CONSTRAINTS = "2.5.29.19"
_EXTENDED_KEY_USAGE = "2.5.29.37"


class Extension(NamedTuple):
    """One extension.

    Attributes:
        oid: dotted.
        critical: whether a verifier that does not know it must refuse.
        value: the DER inside extnValue.
        offset: of `value` in what was parsed.
    """

    oid: str
    critical: bool
    value: bytes
    offset: int


class TbsCertificate(Fields):
    """What a CA signs, and what `Fields` lists of it. Equal where the bytes are."""

    def extension(self, oid: str) -> Extension | None:
        """The first extension with this identifier."""
        for span in self.spans:
            if span[0] == oid:
                return self._extension(span)
        return None

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """All extensions, in order."""
        return tuple(self._extension(span) for span in self.spans)

    @cached_property
    def spki_hash(self) -> bytes:
        """SHA-256 of the SubjectPublicKeyInfo as it stands: as issuer, RFC 6962's issuer_key_hash."""
        return sha256(self.spki).digest()

    @cached_property
    def key_hash(self) -> bytes:
        """SHA-256 of the normalized SubjectPublicKeyInfo, which "the same key" compares."""
        return key_hash(self.spki)

    def _extension(self, span: Span) -> Extension:
        oid, critical, value_start, _, end = span
        return Extension(oid, critical, self.source[value_start:end], value_start)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TbsCertificate) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)


class Certificate(TbsCertificate):
    """A signed certificate."""

    @property
    def der(self) -> bytes:
        """All of it."""
        return self.source

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return sha256(self.source).digest()


def parse_certificate(der: bytes) -> Certificate:
    """Read a certificate that a CA may log.

    Raises:
        ParseError: it breaks an invariant of this module.
    """
    certificate = Certificate()
    walk_certificate(certificate, der, strict=True)
    return certificate


def parse_vendor_certificate(der: bytes) -> Certificate:
    """Read a certificate as device vendors make them; the module says what is tolerated.

    Raises:
        ParseError: it is no certificate even so.
    """
    certificate = Certificate()
    walk_certificate(certificate, der, strict=False)
    return certificate


def parse_tbs_certificate(tbs: bytes) -> TbsCertificate:
    """Read a TBSCertificate alone, as a `precert_entry` holds it.

    Raises:
        ParseError: it breaks an invariant of this module.
    """
    certificate = TbsCertificate()
    walk_tbs_certificate(certificate, tbs)
    return certificate


def extension_element(certificate: TbsCertificate, oid: str, what: str) -> Element | None:
    """The one element that the value of an extension is, with offsets in the certificate.

    Raises:
        ParseError: the value is no element, or has bytes after it.
    """
    extension = certificate.extension(oid)
    if extension is None:
        return None
    end = extension.offset + len(extension.value)
    element = Element(certificate.source, extension.offset, end)
    if element.end != end:
        raise ParseError(f"{what} has trailing bytes", offset=element.end)
    return element


def extended_key_usages(certificate: TbsCertificate) -> tuple[str, ...]:
    """The dotted key purposes (RFC 5280 section 4.2.1.12), in order; empty without the extension.

    Raises:
        ParseError: the extension is malformed.
    """
    extension = certificate.extension(_EXTENDED_KEY_USAGE)
    if extension is None:
        return ()
    try:
        return _purposes(extension.value)
    except ParseError as error:
        raise ParseError("extendedKeyUsage is no list of key purposes", offset=extension.offset) from error


@lru_cache(maxsize=256)
def _purposes(value: bytes) -> tuple[str, ...]:
    # Remembered, because all the certificates of a CA have the same ones.
    purposes = parse(value).expect(SEQUENCE, "extendedKeyUsage").children()
    if not purposes:
        raise ParseError("extendedKeyUsage is empty")
    return tuple(decode_oid(purpose) for purpose in purposes)


class BasicConstraints(NamedTuple):
    """What RFC 5280 section 4.2.1.9 says of a CA; `path_length` is None where it is not limited."""

    ca: bool
    path_length: int | None


def basic_constraints(certificate: TbsCertificate) -> BasicConstraints | None:
    """The basic constraints, or None without the extension.

    An encoded `cA FALSE`, which DER forbids, is read: real certificates have it, and it means nothing else.

    Raises:
        ParseError: the extension is malformed.
    """
    element = extension_element(certificate, _BASIC_CONSTRAINTS, "basicConstraints")
    if element is None:
        return None
    fields = element.expect(SEQUENCE, "basicConstraints").children()
    ca = False
    if fields and fields[0].tag == BOOLEAN:
        flag = fields.pop(0)
        if flag.content not in {b"\x00", b"\xff"}:
            raise ParseError("cA is no BOOLEAN", offset=flag.start)
        ca = flag.content == b"\xff"
    path_length = None
    if fields:
        path_length = decode_integer(fields.pop(0).expect(INTEGER, "pathLenConstraint"), "pathLenConstraint")
    if fields or (path_length is not None and path_length < 0):
        raise ParseError("basicConstraints is malformed", offset=element.start)
    return BasicConstraints(ca, path_length)


def key_usage(certificate: TbsCertificate) -> frozenset[int] | None:
    """The numbers of the bits that are set (RFC 5280 section 4.2.1.3), or None without the extension.

    Raises:
        ParseError: the extension is malformed.
    """
    element = extension_element(certificate, _KEY_USAGE, "keyUsage")
    if element is None:
        return None
    content = element.expect(BIT_STRING, "keyUsage").content
    if not content or content[0] > 7 or len(content) > 3:
        raise ParseError("keyUsage is no BIT STRING of nine bits", offset=element.start)
    return frozenset(
        8 * index + bit for index, octet in enumerate(content[1:]) for bit in range(8) if octet & 0x80 >> bit
    )
