# SPDX-License-Identifier: Apache-2.0
"""The attribute of certification requests that carries attestations of any vendor, with certificates for them.

Source: draft-ietf-lamps-csr-attestation, `AttestationBundle` under `id-aa-attestation`. Earlier drafts called it
an evidence bundle, allowed several in one value, and let a statement say whether it binds the key and who can read
it; requests that were made after any of them are read. What a statement means is its type's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from keystead.encoding.der import OBJECT_IDENTIFIER, SEQUENCE, Element, decode_oid, parse
from keystead.errors import ParseError

__all__ = ["CSR_ATTESTATION", "Bundle", "parse_bundles"]

CSR_ATTESTATION = "1.2.840.113549.1.9.16.2.59"
"""id-aa-attestation."""

_BINDS_KEY = {0x01, 0x80, 0xA0}  # a BOOLEAN before the statement: plain, or tagged [0]
_HINT = 0x0C  # UTF8String
_MAX_BUNDLES = 16
_MAX_STATEMENTS = 64


@dataclass(frozen=True, slots=True)
class Bundle:
    """Statements, and the certificates that came with them.

    Attributes:
        statements: (type as dotted identifier, DER of the statement).
        certificates: DER, in their order; other kinds than X.509 left out.
    """

    statements: tuple[tuple[str, bytes], ...]
    certificates: tuple[bytes, ...]


def parse_bundles(value: bytes) -> tuple[Bundle, ...]:
    """Read the attribute's value: a bundle, or a sequence of them.

    Raises:
        ParseError: it is neither.
    """
    outer = parse(value, "the attestation attribute").expect(SEQUENCE, "the attestation attribute")
    several = _first(_first(_first(outer))).tag != OBJECT_IDENTIFIER
    return tuple(_bundle(one) for one in (_listed(outer, _MAX_BUNDLES) if several else [outer]))


def _first(element: Element) -> Element:
    found = next(element.expect(SEQUENCE, "the attestation attribute").iterate(), None)
    if found is None:
        raise ParseError("the attestation attribute is empty", offset=element.start)
    return found


def _listed(element: Element, most: int) -> list[Element]:
    members = element.children()
    if not 0 < len(members) <= most:
        raise ParseError(f"the attestation attribute lists {len(members)} things", offset=element.start)
    return members


def _bundle(element: Element) -> Bundle:
    parts = element.expect(SEQUENCE, "an attestation bundle").children()
    if len(parts) not in {1, 2}:
        raise ParseError("an attestation bundle has one or two parts", offset=element.start)
    listed = _listed(parts[0].expect(SEQUENCE, "the statements"), _MAX_STATEMENTS)
    certificates: Iterator[Element] = iter(())
    if len(parts) == 2:
        certificates = parts[1].expect(SEQUENCE, "the bundle's certificates").iterate()
    return Bundle(
        tuple(_statement(one) for one in listed),
        tuple(one.encoded for one in certificates if one.tag == SEQUENCE),
    )


def _statement(element: Element) -> tuple[str, bytes]:
    kind, *rest = element.expect(SEQUENCE, "an attestation statement").children()
    oid = decode_oid(kind, "a statement's type")
    if len(rest) > 1 and rest[0].tag in _BINDS_KEY:
        del rest[0]
    if len(rest) > 1 and rest[-1].tag == _HINT:
        del rest[-1]
    if len(rest) != 1:
        raise ParseError("an attestation statement has a type and one statement", offset=element.start)
    return oid, rest[0].encoded
