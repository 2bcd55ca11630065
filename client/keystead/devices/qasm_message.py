# SPDX-License-Identifier: Apache-2.0
"""The attestation message of Crypto4A's QASM: claims, signed, with the certificates of who signed.

::

    AttestationMessage ::= SEQUENCE { version INTEGER (1), claims SetOfClaims,
                                      signatures SEQUENCE OF SignatureBlock,
                                      certificates [0] IMPLICIT SEQUENCE OF Certificate OPTIONAL }
    SetOfClaims    ::= SEQUENCE { version INTEGER (1), claims SEQUENCE OF Claim }
    Claim          ::= SEQUENCE { predicate OBJECT IDENTIFIER, subject [0] { [0] uuid } OPTIONAL,
                                  complement [1] Complement OPTIONAL }
    Complement     ::= CHOICE { [0] OCTET STRING, [1] UTF8String, [2] GeneralizedTime, [3] INTEGER }
    SignatureBlock ::= SEQUENCE { signer SEQUENCE { [0] OCTET STRING, [2] Certificate },
                                  algorithm AlgorithmIdentifier, signature BIT STRING }

As in a published message; tags of choices are implicit, others explicit. Signed is the DER of SetOfClaims.

Invariants:

* a claim is there once for a subject and, where a predicate may be claimed several times, a complement;
* nothing but `ParseError` is raised on input.
"""

from dataclasses import dataclass

from keystead.encoding.der import (
    BIT_STRING,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Element,
    decode_integer,
    decode_oid,
    parse,
)
from keystead.errors import ParseError

__all__ = ["CLAIM_ARC", "Claims", "Complement", "QasmMessage", "SignatureBlock", "parse_message"]

CLAIM_ARC = "1.3.6.1.4.1.39901.6"

Complement = bytes | str | int | None
"""What a claim adds to its predicate: octets (an SPKI, a UUID), a text (a time is one), a number, nothing."""

_MAX_CLAIMS = 256
_MAX_BLOCKS = 2  # one with a classical and one with a hash-based signature
_UUID_SIZE = 16


@dataclass(frozen=True, slots=True)
class SignatureBlock:
    """A signature over the claims.

    Attributes:
        certificate: DER, of the key that made it.
        algorithm: DER of the AlgorithmIdentifier.
        signature: the octets of the BIT STRING.
    """

    certificate: bytes
    algorithm: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Claims:
    """What is claimed of one subject: an object by its UUID, or the module itself.

    Attributes:
        values: the complements of each predicate, by its last two arcs (`2.1`), or dotted in full.
    """

    values: dict[str, list[Complement]]

    def __contains__(self, predicate: str) -> bool:
        return predicate in self.values

    def octets(self, predicate: str) -> bytes | None:
        """The octets of a claim that is made once; None where it is not made.

        Raises:
            ParseError: made twice, or with a complement of another kind.
        """
        claimed = self._one(predicate)
        if not isinstance(claimed, bytes | None):
            raise ParseError(f"the claim {predicate} has no octets")
        return claimed

    def text(self, predicate: str) -> str | None:
        """As `octets`, a text."""
        claimed = self._one(predicate)
        if not isinstance(claimed, str | None):
            raise ParseError(f"the claim {predicate} has no text")
        return claimed

    def numbers(self, predicate: str) -> list[int]:
        """The numbers of a claim that may be made several times.

        Raises:
            ParseError: one has a complement of another kind.
        """
        claimed = [one for one in self.values.get(predicate, []) if isinstance(one, int)]
        if len(claimed) != len(self.values.get(predicate, [])):
            raise ParseError(f"the claim {predicate} has no number")
        return claimed

    def _one(self, predicate: str) -> Complement:
        claimed = self.values.get(predicate, [None])
        if len(claimed) > 1:
            raise ParseError(f"the message has the claim {predicate} twice")
        if predicate in self.values and claimed[0] is None:
            raise ParseError(f"the claim {predicate} says nothing")
        return claimed[0]


@dataclass(frozen=True, slots=True)
class QasmMessage:
    """A message.

    Attributes:
        signed: DER of SetOfClaims.
        module: claims about the module.
        objects: claims about objects, by UUID.
        blocks: the signatures.
        certificates: DER, as attached.
    """

    signed: bytes
    module: Claims
    objects: dict[bytes, Claims]
    blocks: tuple[SignatureBlock, ...]
    certificates: tuple[bytes, ...]


def parse_message(der: bytes) -> QasmMessage:
    """Read a message.

    Raises:
        ParseError: it is not of the form that this module describes.
    """
    fields = parse(der, "the message").expect(SEQUENCE, "the message").children()
    if len(fields) not in {3, 4}:
        raise ParseError("the message has neither three nor four parts", offset=0)
    _require_version(fields[0], "the message")
    claims = fields[1].expect(SEQUENCE, "the set of claims").children()
    if len(claims) != 2:
        raise ParseError("the set of claims has other than two parts", offset=fields[1].start)
    _require_version(claims[0], "the set of claims")
    module, objects = _claims(claims[1])
    blocks = fields[2].expect(SEQUENCE, "the signatures").children()
    if not 1 <= len(blocks) <= _MAX_BLOCKS:
        raise ParseError(f"the message has {len(blocks)} signatures, not one or two", offset=fields[2].start)
    certificates: list[bytes] = []
    if len(fields) == 4:
        attached = fields[3].expect(0xA0, "the attached certificates").children()
        certificates += [one.expect(SEQUENCE, "an attached certificate").encoded for one in attached]
    return QasmMessage(
        fields[1].encoded, module, objects, tuple(_block(block) for block in blocks), tuple(certificates)
    )


def _require_version(element: Element, what: str) -> None:
    if decode_integer(element.expect(INTEGER, f"the version of {what}")) != 1:
        raise ParseError(f"the version of {what} is not 1", offset=element.start)


def _claims(listed: Element) -> tuple[Claims, dict[bytes, Claims]]:
    module, objects = Claims({}), dict[bytes, Claims]()
    for number, element in enumerate(listed.expect(SEQUENCE, "the claims").iterate()):
        if number >= _MAX_CLAIMS:
            raise ParseError(f"the message has more than {_MAX_CLAIMS} claims", offset=element.start)
        first, *rest = element.expect(SEQUENCE, "a claim").children() or [element]
        predicate = decode_oid(first, "a claim's predicate").removeprefix(CLAIM_ARC + ".")
        subject = _subject(rest.pop(0)) if rest and rest[0].tag == 0xA0 else None
        complement = _complement(rest.pop(0)) if rest and rest[0].tag == 0xA1 else None
        if rest:
            raise ParseError("a claim has more than a subject and a complement", offset=rest[0].start)
        about = module if subject is None else objects.setdefault(subject, Claims({}))
        claimed = about.values.setdefault(predicate, [])
        if complement in claimed:
            raise ParseError(f"the message has the claim {predicate} twice", offset=element.start)
        claimed.append(complement)
    return module, objects


def _only(element: Element) -> Element:
    """The one element in an explicit tag."""
    parts = element.children()
    if len(parts) != 1:
        raise ParseError("a tag in the message has other than one element", offset=element.start)
    return parts[0]


def _subject(element: Element) -> bytes:
    uuid = _only(element).expect(0x80, "a claim's subject").content
    if len(uuid) != _UUID_SIZE:
        raise ParseError("a claim's subject is no UUID", offset=element.start)
    return uuid


def _complement(element: Element) -> Complement:
    value = _only(element)
    match value.tag:
        case 0x80:
            return value.content
        case 0x81 | 0x82:
            return _text(value)
        case 0x83:
            return decode_integer(value, "a claim's number")
    raise ParseError(f"a claim's complement has the tag {value.tag:#04x}", offset=value.start)


def _text(element: Element) -> str:
    content = element.content
    if not all(0x20 <= octet < 0x7F for octet in content):
        raise ParseError("a claim's text is not printable ASCII", offset=element.start)
    return content.decode("ascii")


def _block(element: Element) -> SignatureBlock:
    parts = element.expect(SEQUENCE, "a signature block").children()
    if len(parts) != 3:
        raise ParseError("a signature block has other than three parts", offset=element.start)
    signer = parts[0].expect(SEQUENCE, "a signer").children()
    if [part.tag for part in signer] != [0xA0, 0xA2]:
        raise ParseError("a signer is not named by key and certificate", offset=parts[0].start)
    _only(signer[0]).expect(OCTET_STRING, "a signer's key")
    certificate = _only(signer[1])
    bits = parts[2].expect(BIT_STRING, "a signature").content
    if not bits or bits[0]:
        raise ParseError("a signature is not a whole number of octets", offset=parts[2].start)
    return SignatureBlock(
        certificate.expect(SEQUENCE, "a signer's certificate").encoded,
        parts[1].expect(SEQUENCE, "a signature's algorithm").encoded,
        bits[1:],
    )
