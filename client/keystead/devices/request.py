# SPDX-License-Identifier: Apache-2.0
"""PKCS#10 certification requests (RFC 2986), as far as they carry attestation evidence.

Several tools put a device's attestation beside the request for a certificate, as attributes or as requested
extensions. `values` is all of those, for formats to recognize by content. The request's own signature shows that
whoever made it holds the key, which no attestation shows.
"""

from dataclasses import dataclass

from keystead.certificate.public_key import verify_signature
from keystead.encoding.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Element,
    decode_integer,
    decode_oid,
    parse,
)
from keystead.errors import EvidenceError, ParseError, SignatureError

__all__ = ["CertificationRequest", "parse_request", "verify_request"]

_ATTRIBUTES = 0xA0
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"  # RFC 2985 section 5.4.2
_MAX_ATTRIBUTES = 64


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A request.

    Attributes:
        der: all of it.
        info: DER of the CertificationRequestInfo, which is signed.
        subject: DER of the Name.
        spki: DER of the SubjectPublicKeyInfo.
        values: (dotted identifier, bytes) of every attribute's value, as DER, and of every requested
            extension, as what stands inside extnValue.
        signature_algorithm: DER of the AlgorithmIdentifier.
        signature: the octets of the BIT STRING.
    """

    der: bytes
    info: bytes
    subject: bytes
    spki: bytes
    values: tuple[tuple[str, bytes], ...]
    signature_algorithm: bytes
    signature: bytes


def parse_request(der: bytes) -> CertificationRequest:
    """Read a request.

    Raises:
        ParseError: `der` is no certification request.
    """
    fields = parse(der, "the request").expect(SEQUENCE, "the request").children()
    if len(fields) != 3:
        raise ParseError("a request has three parts", offset=0)
    info, algorithm, signature = fields
    parts = info.expect(SEQUENCE, "the request's information").children()
    # RFC 2986 section 4.1: attributes are there even where there are none; some tools leave them out.
    if len(parts) not in {3, 4}:
        raise ParseError("the request's information has three or four parts", offset=info.start)
    if decode_integer(parts[0].expect(INTEGER, "the request's version")) != 0:
        raise ParseError("the request's version is not 1", offset=parts[0].start)
    bits = signature.expect(BIT_STRING, "the request's signature").content
    if not bits or bits[0]:
        raise ParseError("the request's signature is not a whole number of octets", offset=signature.start)
    return CertificationRequest(
        der=der,
        info=info.encoded,
        subject=parts[1].expect(SEQUENCE, "the request's subject").encoded,
        spki=parts[2].expect(SEQUENCE, "the request's key").encoded,
        values=_values(parts[3]) if len(parts) == 4 else (),
        signature_algorithm=algorithm.expect(SEQUENCE, "the request's signature algorithm").encoded,
        signature=bits[1:],
    )


def _values(attributes: Element) -> tuple[tuple[str, bytes], ...]:
    found: list[tuple[str, bytes]] = []
    for attribute in attributes.expect(_ATTRIBUTES, "the request's attributes").iterate():
        if len(found) >= _MAX_ATTRIBUTES:
            raise ParseError(f"a request has more than {_MAX_ATTRIBUTES} attributes", offset=attribute.start)
        kind, values = _pair(attribute, "an attribute")
        oid = decode_oid(kind, "an attribute's type")
        for value in values.expect(SET, "an attribute's values").children():
            if oid == _EXTENSION_REQUEST:
                found += _extensions(value)
            else:
                found.append((oid, value.encoded))
    return tuple(found)


def _extensions(listed: Element) -> list[tuple[str, bytes]]:
    found = []
    for extension in listed.expect(SEQUENCE, "the requested extensions").children():
        parts = extension.expect(SEQUENCE, "an extension").children()
        if len(parts) == 3 and parts[1].tag == BOOLEAN:
            del parts[1]
        if len(parts) != 2:
            raise ParseError("an extension has two or three parts", offset=extension.start)
        value = parts[1].expect(OCTET_STRING, "an extension's value").content
        found.append((decode_oid(parts[0], "an extension's identifier"), value))
    return found


def _pair(element: Element, what: str) -> tuple[Element, Element]:
    parts = element.expect(SEQUENCE, what).children()
    if len(parts) != 2:
        raise ParseError(f"{what} has two parts", offset=element.start)
    return parts[0], parts[1]


def verify_request(request: CertificationRequest) -> None:
    """Require that the request is signed with the key that it is about.

    Raises:
        EvidenceError: `check` is `request-signature`.
    """
    try:
        verify_signature(request.spki, request.signature_algorithm, request.signature, request.info)
    except SignatureError as error:
        raise EvidenceError(
            "the request is not signed with its own key: nothing shows that its maker holds it",
            check="request-signature",
            evidence={"request": request.der},
        ) from error
