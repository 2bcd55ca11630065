# SPDX-License-Identifier: Apache-2.0
"""Whose certificate it is: the strict rule that every index and monitor applies alike
(`specs/identifiers.md`).

Frozen: the rule depends on no Unicode table, and the first of six that applies decides. It only has to be the
same for everybody; `strong_identifiers` and the monitor's grouping are wiser.

Invariants:

* read are the first values of eight attributes and the LEI extension; if one of them is not text, rule 6
  applies and the subscriber is not decodable, whether or not a rule would have reached it;
* the same bytes give the same id, whatever else is in the certificate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType

from keystead.certificate.name import Attribute, decode_name, decode_text, display
from keystead.certificate.strong_identifiers import StrongIdentifiers, strong_identifiers
from keystead.certificate.x509 import TbsCertificate, extended_key_usages, extension_element
from keystead.errors import ParseError

__all__ = ["LEI_OID", "StrongIdentifiers", "Subscriber", "subscriber_of", "subscriber_of_subject"]

LEI_OID = "1.3.6.1.4.1.52266.1"

_STRICT = {
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "2.5.4.5": "serialNumber",
    "2.5.4.97": "organizationIdentifier",
    "2.5.4.6": "C",
    "2.5.4.10": "O",
    "2.5.4.3": "CN",
}
"""What the rules read."""

_PLACE = {"2.5.4.8": "ST", "2.5.4.7": "L"}
"""What is kept beside it for comparing names."""

_READ = _STRICT | _PLACE

_DURABLE_EKU = "1.3.6.1.4.1.311.97."
_DURABLE_MARKER = "1.3.6.1.4.1.311.97.1"

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_NOT_ALPHANUMERIC = {code: None for code in range(0x80) if not chr(code).isalnum()}
_SPACES = re.compile("[\x00-\x20\x7f]+")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscriber by the strict rule.

    Attributes:
        id: 32 bytes.
        canonical: the text that the id is made of.
        rule: `registration`, `organization`, `lei`, `eku`, `name` or `subject`.
        decodable: whether everything that the rule reads is text.
        attributes: first values by label (`C`, `O`, `CN`, `ST`, `L`, …, and `LEI`), as far as they are text.
        durable_eku: the key purpose that rule 4 looks for, if there is one.
        subject: DER of the name.
    """

    id: bytes
    canonical: str
    rule: str
    decodable: bool
    attributes: Mapping[str, str] = field(hash=False)
    durable_eku: str | None
    subject: bytes

    @property
    def strong(self) -> StrongIdentifiers:
        """What compares across certificates; worked out when asked for."""
        return strong_identifiers(self.attributes, self.durable_eku)

    @property
    def name(self) -> str:
        """The organization, else the common name, else the whole subject; not yet safe to print."""
        return self.attributes.get("O") or self.attributes.get("CN") or display(self.subject)

    @property
    def strict_name(self) -> tuple[str, str] | None:
        """Country and name in the form of rule 5, whichever rule applied; None where there is no name."""
        attributes = self.attributes
        name = _txt(attributes.get("O", attributes.get("CN", "")))
        return (_txt(attributes.get("C", "")), name) if name else None

    @property
    def strict_place(self) -> tuple[str, str]:
        """State and locality in the same form; empty where not stated."""
        return _txt(self.attributes.get("ST", "")), _txt(self.attributes.get("L", ""))


def subscriber_of(certificate: TbsCertificate) -> Subscriber:
    """The subscriber of a certificate. Never fails: what cannot be read falls to rule 6."""
    lei, lei_decodable = _lei(certificate)
    try:
        purposes = extended_key_usages(certificate)
    except ParseError:
        purposes = ()  # no purpose can be read, so rule 4 has none
    return _subscriber(certificate.subject, lei, purposes, lei_decodable)


def subscriber_of_subject(subject: bytes) -> Subscriber:
    """The subscriber that a subject alone names, as in a certification request.

    Args:
        subject: DER of the Name.
    """
    return _subscriber(subject, None, (), True)


def _lei(certificate: TbsCertificate) -> tuple[str | None, bool]:
    """The text of the LEI extension, and whether it could be read."""
    try:
        element = extension_element(certificate, LEI_OID, "the LEI")
    except ParseError:
        return None, False
    if element is None:
        return None, True
    text = decode_text(element.tag, element.content)
    return text, text is not None


@lru_cache(maxsize=4096)
def _subscriber(subject: bytes, lei: str | None, purposes: tuple[str, ...], decodable: bool) -> Subscriber:
    try:
        first = _first_values(decode_name(subject))
    except ParseError:
        first = {}
        decodable = False
    attributes: dict[str, str] = {}
    for oid, attribute in first.items():
        if attribute.text is not None:
            attributes[_READ[oid]] = attribute.text
        elif oid in _STRICT:
            decodable = False
    if lei is not None:
        attributes["LEI"] = lei
    durable = _durable_eku(purposes)
    rule, lines = _rule(attributes, durable) if decodable else ("", ())
    if not rule:
        rule, lines = "subject", (sha256(subject).hexdigest(),)
    canonical = "\n".join((rule, *lines))
    return Subscriber(
        id=sha256(b"keystead/subscriber/v1\n" + canonical.encode()).digest(),
        canonical=canonical,
        rule=rule,
        decodable=decodable,
        attributes=MappingProxyType(attributes),
        durable_eku=durable,
        subject=subject,
    )


def _first_values(attributes: tuple[Attribute, ...]) -> dict[str, Attribute]:
    first: dict[str, Attribute] = {}
    for attribute in attributes:
        if attribute.oid in _READ:
            first.setdefault(attribute.oid, attribute)
    return first


def _durable_eku(purposes: tuple[str, ...]) -> str | None:
    """The first key purpose that names an identity validation of Microsoft's, but not the marker beside it."""
    for purpose in purposes:
        if purpose.startswith(_DURABLE_EKU) and not f"{purpose}.".startswith(f"{_DURABLE_MARKER}."):
            return purpose
    return None


def _rule(attributes: Mapping[str, str], durable: str | None) -> tuple[str, tuple[str, ...]]:
    """The first of rules 1 to 5 that applies, with its lines; an empty name where none does."""
    # (1) a registration number with its jurisdiction
    number = attributes.get("serialNumber", "")
    jurisdiction = _txt(attributes.get("jurisdictionC", "")) if number else ""
    if jurisdiction and _DIGIT.search(number) and not _DATE.fullmatch(number.strip(" ")):
        state, place = (_txt(attributes.get(label, "")) for label in ("jurisdictionST", "jurisdictionL"))
        return "registration", (jurisdiction, state, place, _num(number))
    # (2) an organization identifier, (3) a legal entity identifier, (4) a durable identity of one CA
    for label, name in (("organizationIdentifier", "organization"), ("LEI", "lei")):
        if label in attributes and (number := _num(attributes[label])):
            return name, (number,)
    if durable is not None:
        return "eku", (durable,)
    # (5) a name in a country
    if name := _txt(attributes.get("O", attributes.get("CN", ""))):
        return "name", (_txt(attributes.get("C", "")), name)
    return "", ()


def _txt(text: str) -> str:
    """ASCII letters lowercased, runs of ASCII controls and spaces one space, trimmed; the rest as it is."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ").lower()  # as most texts are
    text = _SPACES.sub(" ", text).strip(" ")
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _num(text: str) -> str:
    """ASCII letters lowercased, every other ASCII character that is no digit removed."""
    return text.translate(_LOWER).translate(_NOT_ALPHANUMERIC)
