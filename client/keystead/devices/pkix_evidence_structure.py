# SPDX-License-Identifier: Apache-2.0
"""The structure of PKIX Evidence: elements with claims, and signatures over them.

Source: draft-ietf-rats-pkix-key-attestation-07, sections 5 and 8, and its samples, which tag the attached
certificates implicitly where the module's text says explicitly; both are read. Object identifiers are the samples'
placeholders: none is assigned yet.

Invariants:

* what the draft defines is read strictly: types of values, claims and elements that occur once at most;
* elements and claims that it does not define are passed over, as it asks for;
* nothing but `ParseError` is raised on input.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keystead.encoding.der import (
    BOOLEAN,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    Element,
    decode_integer,
    decode_oid,
    parse,
)
from keystead.errors import ParseError

__all__ = ["ARC", "Claim", "Claims", "PkixEvidence", "SignatureBlock", "parse_pkix_evidence"]

ARC = "1.3.6.1.5.5.999"
"""id-evidence, until one is assigned."""

Claim = bytes | str | int | bool | tuple[str, ...]
"""A claim's value: OCTET STRING; UTF8String or GeneralizedTime; INTEGER; BOOLEAN; identifiers."""

Claims = Mapping[str, list[Claim]]
"""By name, the values of an element's claims that the draft defines."""

_TRANSACTION, _PLATFORM, _KEY = f"{ARC}.0.0", f"{ARC}.0.1", f"{ARC}.0.2"
_UTF8_STRING, _GENERALIZED_TIME = 0x0C, 0x18

_CLAIMS: dict[str, dict[str, tuple[str, int]]] = {
    _TRANSACTION: {
        f"{ARC}.1.0.0": ("nonce", OCTET_STRING),
        f"{ARC}.1.0.1": ("timestamp", _GENERALIZED_TIME),
        f"{ARC}.1.0.2": ("ak-spki", OCTET_STRING),
    },
    _PLATFORM: {
        f"{ARC}.1.1.0": ("vendor", _UTF8_STRING),
        f"{ARC}.1.1.1": ("oemid", OCTET_STRING),
        f"{ARC}.1.1.2": ("hwmodel", OCTET_STRING),
        f"{ARC}.1.1.3": ("hwversion", _UTF8_STRING),
        f"{ARC}.1.1.4": ("hwserial", _UTF8_STRING),
        f"{ARC}.1.1.5": ("swname", _UTF8_STRING),
        f"{ARC}.1.1.6": ("swversion", _UTF8_STRING),
        f"{ARC}.1.1.7": ("dbgstat", INTEGER),
        f"{ARC}.1.1.8": ("uptime", INTEGER),
        f"{ARC}.1.1.9": ("bootcount", INTEGER),
        f"{ARC}.1.1.10": ("fipsboot", BOOLEAN),
        f"{ARC}.1.1.11": ("fipsver", _UTF8_STRING),
        f"{ARC}.1.1.12": ("fipslevel", INTEGER),
        f"{ARC}.1.1.13": ("fipsmodule", _UTF8_STRING),
    },
    _KEY: {
        f"{ARC}.1.2.0": ("identifier", _UTF8_STRING),
        f"{ARC}.1.2.1": ("spki", OCTET_STRING),
        f"{ARC}.1.2.2": ("extractable", BOOLEAN),
        f"{ARC}.1.2.3": ("sensitive", BOOLEAN),
        f"{ARC}.1.2.4": ("never-extractable", BOOLEAN),
        f"{ARC}.1.2.5": ("local", BOOLEAN),
        f"{ARC}.1.2.6": ("expiry", _GENERALIZED_TIME),
        f"{ARC}.1.2.7": ("purpose", SEQUENCE),
    },
}
_REPEATED = frozenset({"ak-spki", "identifier"})
_MAX_ELEMENTS, _MAX_CLAIMS, _MAX_SIGNATURES = 256, 256, 8
_MAX_TEXT = 256


@dataclass(frozen=True, slots=True)
class SignatureBlock:
    """One signature.

    Attributes:
        public_key: the SubjectPublicKeyInfo that it says is the signer's, if it does.
        certificate: the certificate that it says is the signer's, if it does.
        algorithm: DER of the AlgorithmIdentifier.
        signature: as in a certificate's BIT STRING.
    """

    public_key: bytes | None
    certificate: bytes | None
    algorithm: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class PkixEvidence:
    """All of it.

    Attributes:
        tbs: what is signed.
        transaction: claims of the request, none where it has none.
        platform: claims of the module, likewise.
        keys: claims of each key.
        blocks: the signatures.
        certificates: attached, in no order, and proven by nothing.
    """

    tbs: bytes
    transaction: Claims
    platform: Claims
    keys: tuple[Claims, ...]
    blocks: tuple[SignatureBlock, ...]
    certificates: tuple[bytes, ...]


def parse_pkix_evidence(data: bytes) -> PkixEvidence:
    """Read an Evidence.

    Raises:
        ParseError: `data` is none, or of another version, or says something twice that may be said once.
    """
    what = "the evidence"
    parts = parse(data, what).expect(SEQUENCE, what).children()
    if len(parts) not in {2, 3}:
        raise ParseError("the evidence has two or three parts", offset=0)
    tbs = parts[0].expect(SEQUENCE, "the signed part")
    fields = tbs.children()
    if len(fields) != 2 or decode_integer(fields[0].expect(INTEGER, "the version")) != 1:
        raise ParseError("the evidence is not of version 1", offset=tbs.start)
    elements = fields[1].expect(SEQUENCE, "the elements").children()
    if not 0 < len(elements) <= _MAX_ELEMENTS:
        raise ParseError(f"the evidence reports {len(elements)} elements", offset=fields[1].start)
    reported: dict[str, list[Claims]] = {kind: [] for kind in _CLAIMS}
    for element in elements:
        kind, claims = _element(element)
        if kind in reported:
            reported[kind].append(claims)
    for kind, name in ((_TRANSACTION, "transaction"), (_PLATFORM, "platform")):
        if len(reported[kind]) > 1:
            raise ParseError(f"the evidence has more than one {name} element")
    blocks = parts[1].expect(SEQUENCE, "the signatures").children()
    if len(blocks) > _MAX_SIGNATURES:
        raise ParseError(f"the evidence has {len(blocks)} signatures", offset=parts[1].start)
    return PkixEvidence(
        tbs=tbs.encoded,
        transaction=(reported[_TRANSACTION] or [{}])[0],
        platform=(reported[_PLATFORM] or [{}])[0],
        keys=tuple(reported[_KEY]),
        blocks=tuple(_block(block) for block in blocks),
        certificates=_attached(parts[2]) if len(parts) == 3 else (),
    )


def _element(element: Element) -> tuple[str, Claims]:
    parts = element.expect(SEQUENCE, "an element").children()
    if len(parts) != 2:
        raise ParseError("an element has a type and claims", offset=element.start)
    kind = decode_oid(parts[0], "an element's type")
    listed = parts[1].expect(SEQUENCE, "an element's claims").children()
    if not 0 < len(listed) <= _MAX_CLAIMS:
        raise ParseError(f"an element has {len(listed)} claims", offset=parts[1].start)
    known = _CLAIMS.get(kind, {})
    claims: dict[str, list[Claim]] = {}
    for claim in listed:
        fields = claim.expect(SEQUENCE, "a claim").children()
        if len(fields) not in {1, 2}:
            raise ParseError("a claim has a type and a value", offset=claim.start)
        oid = decode_oid(fields[0], "a claim's type")
        if oid not in known:
            continue
        name, tag = known[oid]
        if len(fields) != 2:
            raise ParseError(f"the claim {name} has no value", offset=claim.start)
        values = claims.setdefault(name, [])
        if values and name not in _REPEATED:
            raise ParseError(f"the claim {name} is there twice", offset=claim.start)
        values.append(_value(fields[1].expect(tag, f"the claim {name}"), name))
    return kind, claims


def _value(element: Element, name: str) -> Claim:
    tag, content = element.tag, element.content
    if tag == OCTET_STRING:
        return content
    if tag == INTEGER:
        return decode_integer(element, f"the claim {name}")
    if tag == BOOLEAN:
        if content not in {b"\x00", b"\xff"}:
            raise ParseError(f"the claim {name} is no truth value", offset=element.start)
        return content == b"\xff"
    if tag == SEQUENCE:
        return tuple(
            decode_oid(one.expect(OBJECT_IDENTIFIER, f"the claim {name}"), f"the claim {name}")
            for one in element.children()
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"the claim {name} is no UTF-8 text", offset=element.start) from error
    if not text.isprintable() or not 0 < len(text) <= _MAX_TEXT:
        raise ParseError(f"the claim {name} is empty, too long or cannot be printed", offset=element.start)
    return text


def _block(element: Element) -> SignatureBlock:
    parts = element.expect(SEQUENCE, "a signature").children()
    if len(parts) != 3:
        raise ParseError("a signature has three parts", offset=element.start)
    signer: dict[int, Element] = {}
    for one in parts[0].expect(SEQUENCE, "a signer's identifier").children():
        inside = one.children()
        if one.tag not in {0xA0, 0xA1, 0xA2} or one.tag <= max(signer, default=0) or len(inside) != 1:
            raise ParseError("a signer is identified in another way than the draft's", offset=one.start)
        signer[one.tag] = inside[0].expect(
            OCTET_STRING if one.tag == 0xA0 else SEQUENCE, "a signer's identifier"
        )
    if not signer:
        raise ParseError("a signature does not say whose it is", offset=element.start)
    return SignatureBlock(
        public_key=signer[0xA1].encoded if 0xA1 in signer else None,
        certificate=signer[0xA2].encoded if 0xA2 in signer else None,
        algorithm=parts[1].expect(SEQUENCE, "a signature's algorithm").encoded,
        signature=parts[2].expect(OCTET_STRING, "a signature's value").content,
    )


def _attached(element: Element) -> tuple[bytes, ...]:
    listed = element.expect(0xA0, "the attached certificates").children()
    if len(listed) == 1:
        # Tagged explicitly, the third level down is the signed part of a certificate, which is a SEQUENCE; tagged
        # implicitly, it is that part's first field, which is none.
        inner = next(listed[0].expect(SEQUENCE, "the attached certificates").iterate(), None)
        third = None if inner is None or not inner.tag & 0x20 else next(inner.iterate(), None)
        if third is None or third.tag == SEQUENCE:
            listed = listed[0].children()
    return tuple(one.expect(SEQUENCE, "an attached certificate").encoded for one in listed)
