# SPDX-License-Identifier: Apache-2.0
"""Certificates out of PKCS#7 (RFC 2315), which some tools wrap a chain in."""

from keystead.encoding.der import SEQUENCE, decode_oid, parse
from keystead.errors import ParseError

__all__ = ["pkcs7_certificates"]

_SIGNED_DATA = "1.2.840.113549.1.7.2"


def pkcs7_certificates(der: bytes) -> list[bytes]:
    """The certificates of a SignedData (RFC 2315 section 9.1), in their order; nothing else of it is read."""
    content_type, *content = parse(der).children()
    if decode_oid(content_type) != _SIGNED_DATA or len(content) != 1:
        raise ParseError("a PKCS#7 structure holds no signed data")
    wrapped = content[0].children()
    if len(wrapped) != 1:
        raise ParseError("a PKCS#7 structure holds other than one content")
    return [
        certificate.encoded
        for part in wrapped[0].expect(SEQUENCE, "the signed data").children()
        if part.tag == 0xA0
        for certificate in part.children()
        if certificate.tag == SEQUENCE
    ]
