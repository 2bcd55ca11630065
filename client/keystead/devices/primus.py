# SPDX-License-Identifier: Apache-2.0
"""Securosys Primus HSM and CloudHSM: the key attestation file with its signature.

The HSM writes a key's origin, flags and public half as XML (`primus_statement`) and signs the file with the
attestation key that it made for the partition. Sources: Securosys's pages "Attestation and Audit" and "Key
Attestation"; checked against a published statement.

=========  ==================================================================================================
data       uint32 length of the XML, big-endian, the XML's exact bytes, the signature (RSA PKCS#1 v1.5, SHA-256)
chain      the certificate of the attestation key, that of the device key, whose CN has the serial number
identity   `primus-serial`, class appliance: partitions share it and are not named
=========  ==================================================================================================

The attestation key's name is the one that the vendor's tools give it; keys of another name, and signatures with
PSS padding, which the vendor documents, are refused until a published sample shows them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from keystead.certificate.name import decode_name
from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import Certificate, basic_constraints, key_usage
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import BASIC_CONSTRAINTS, KEY_USAGE, shown
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.primus_statement import XmlElement, parse_statement_xml
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_chain import ChainRules, SignedStatement, walk
from keystead.encoding.decimal import parse_decimal
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.encoding.rfc3339 import parse_time
from keystead.encoding.rfc4648 import decode_base64
from keystead.encoding.tls import Reader, uint32
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "join_statement", "split_statement", "verify"]

FORMAT = "primus"
SCHEME = "primus-serial"

_RSA_SHA256 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.11"), b"\x05\x00")
_ATTESTATION_KEY = "attestation-key"
_DEVICE = re.compile(r"PRIMUS HSM KEY \(SN: ([1-9][0-9]{0,19})\)", re.ASCII)
_DIGITAL_SIGNATURE = 0  # RFC 5280 section 4.2.1.3
_COMMON_NAME, _ORGANIZATION = "2.5.4.3", "2.5.4.10"
_REQUIRED = {"extractable": False, "never_extractable": True, "sensitive": True, "always_sensitive": True}

_UNPROVEN = (
    "that the times are right: they are the HSM's own, and no challenge is signed with them",
    "that who presents the statement holds the key: only a signature by the key shows that",
    "that the HSM runs in an approved mode: only its separate state attestation says so",
    "which partition, and so which of the HSM's users, the key belongs to",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a Primus HSM's statement about a key.

    Args:
        evidence: of the format `primus`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`, `not-a-key-pair`,
            `not-generated`, `extractable-key`, `malformed-key`, `not-a-device-certificate`,
            `unknown-critical-extension`, or one of `vendor_chain.walk`'s.
    """
    # (1) What was signed, and by whom: attestation key, device, pinned key.
    try:
        xml, signature = split_statement(evidence.data)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    path = walk(
        SignedStatement("the statement", xml, _RSA_SHA256, signature), evidence.chain, anchors, _RULES
    )
    serial = _serial(path.certificates[1]) if len(path.certificates) == 2 else None
    if serial is None:
        raise EvidenceError(
            "the chain ends before the certificate of the device key, which has the serial number",
            check="not-a-device-certificate",
        )
    # (2) What the device states: made inside, never outside, of which key.
    try:
        statement = _read(parse_statement_xml(xml))
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (3) The attested key is a key.
    try:
        load_public_key(statement.key)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    attested = key_hash(statement.key)
    return Attestation(
        format=FORMAT,
        identities=(DeviceIdentity.of(SCHEME, serial),),
        vendor="Securosys",
        model="Primus HSM",
        serial=serial,
        firmware=None,
        form_factor=None,
        certification=None,
        key=statement.key,
        key_hash=attested,
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(statement.properties),
        unproven=_UNPROVEN,
        chain=path.elements(_RULES, attested),
    )


def join_statement(xml: bytes, signature: bytes) -> bytes:
    """The `data` of evidence."""
    return uint32(len(xml)) + xml + signature


def split_statement(data: bytes) -> tuple[bytes, bytes]:
    """The XML and the signature in the `data` of evidence.

    Raises:
        ParseError: one of them is missing.
    """
    reader = Reader(data, "the statement")
    xml = reader.fixed(reader.uint32())
    signature = reader.fixed(reader.remaining)
    if not xml or not signature:
        raise ParseError("the statement or its signature is empty")
    return xml, signature


@dataclass(frozen=True, slots=True)
class _Statement:
    key: bytes
    properties: dict[str, Property]


def _read(root: XmlElement) -> _Statement:
    """What a statement says, if it says that the key was made inside and cannot leave."""
    if root.name == "secret_key":
        raise EvidenceError("the statement is about a symmetric key", check="not-a-key-pair")
    if root.name != "private_key":
        raise EvidenceError(
            f"the statement is about <{root.name}>, not a private key", check="not-an-attestation"
        )
    if root.attributes.keys() != {"creation"}:
        raise ParseError("the statement does not say how the key was created, or says more")
    if root.attributes["creation"] != "generated":
        raise EvidenceError(
            f"the key was not generated in the HSM: its creation is {root.attributes['creation']!r}",
            check="not-generated",
        )
    flags = {name: _flag(child) for name, child in _child(root, "attributes").children.items()}
    for name, required in _REQUIRED.items():
        if flags.get(name) is not required:
            raise EvidenceError(
                f"the key may leave the HSM: {name} is not {str(required).lower()}", check="extractable-key"
            )
    key = decode_base64(_text(root, "public_key"), "public_key")
    return _Statement(key, _properties(root, flags))


def _properties(root: XmlElement, flags: Mapping[str, bool]) -> dict[str, Property]:
    properties: dict[str, Property] = {
        "generated_on_device": True,
        "exportable": False,
        "permissions": sorted(name for name, given in flags.items() if given and name not in _REQUIRED),
    }
    if "label" in root.children:
        properties["label"] = _text(root, "label")
    for element, name in (("create_time", "created"), ("attest_time", "attested")):
        if element in root.children:
            properties[name] = _text(root, element)
            parse_time(_text(root, element), element)
    if "key_use_count" in root.children:
        properties["use_count"] = parse_decimal(_text(root, "key_use_count"), "key_use_count")
    return properties


def _child(root: XmlElement, name: str) -> XmlElement:
    if name not in root.children:
        raise ParseError(f"the statement has no <{name}>")
    return root.children[name]


def _text(root: XmlElement, name: str) -> str:
    element = _child(root, name)
    if element.children or element.attributes:
        raise ParseError(f"<{name}> in the statement is not a text")
    return element.text


def _flag(element: XmlElement) -> bool:
    if element.children or element.attributes or element.text not in {"true", "false"}:
        raise ParseError(f"<{element.name}> in the statement is neither true nor false")
    return element.text == "true"


def _names(certificate: Certificate) -> dict[str, str | None]:
    """The attributes of a subject that has each of them once; {} for any other."""
    try:
        attributes = decode_name(certificate.subject)
    except ParseError:
        return {}
    named = {attribute.oid: attribute.text for attribute in attributes}
    return named if len(named) == len(attributes) else {}


def _is_attestation_key(certificate: Certificate) -> bool:
    names = _names(certificate)
    return names.get(_COMMON_NAME) == _ATTESTATION_KEY and names.get(_ORGANIZATION) == "Securosys"


def _serial(certificate: Certificate) -> str | None:
    names = _names(certificate)
    match = _DEVICE.fullmatch(names.get(_COMMON_NAME) or "")
    return match[1] if match is not None and names.get(_ORGANIZATION) == "Securosys" else None


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the statement: attestation key, device key."""
    if place == 0:
        _judge_attestation_key(certificate)
    elif place == 1 and _serial(certificate) is not None:
        require_authority(certificate, 0, "not-a-device-certificate")
    else:
        raise EvidenceError(
            f"{shown(certificate.subject)} is not the certificate of an HSM's device key",
            check="not-a-device-certificate",
        )


def _judge_attestation_key(certificate: Certificate) -> None:
    # The device key certifies keys for timestamps and audits too.
    try:
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
    except ParseError as error:
        raise EvidenceError(
            f"{shown(certificate.subject)} is malformed: {error}", check="not-a-device-certificate"
        ) from error
    signs = usage is not None and _DIGITAL_SIGNATURE in usage
    if not _is_attestation_key(certificate) or constraints is None or constraints.ca or not signs:
        raise EvidenceError(
            f"{shown(certificate.subject)} signed the statement and is no attestation key's certificate",
            check="not-a-device-certificate",
        )
    refuse_critical(certificate, {BASIC_CONSTRAINTS, KEY_USAGE})


def _hint(certificate: Certificate) -> str:
    if _is_attestation_key(certificate):
        return "add the certificate of the device key, whose name has the serial number"
    return ""


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "attestation key", "device"),
    judge=_judge,
    algorithms=frozenset({_RSA_SHA256}),
    hint=_hint,
)


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """Statements among the files, each with the signature that a certified key made of it."""
    statements = [one for one in material.rest if _looks_like_statement(one[1])]
    signatures = [(name, _signature(data)) for name, data in material.rest if len(data) <= 2048]
    signatures = [(name, data) for name, data in signatures if 256 <= len(data) <= 1024]
    keys = [one for one in material.certificates if _is_attestation_key(one.certificate)]
    for name, xml in statements:
        material.problems[name] = "no signature here is of this statement and by a certified attestation key"
        for key in keys:
            for other, signature in signatures:
                if not material.signed_by(key.certificate.spki, _RSA_SHA256, signature, xml):
                    continue
                data = join_statement(xml, signature)
                piece = material.statement_piece((name, data), key, anchors, FORMAT)
                if piece is not None:
                    yield replace(piece, files=(*piece.files, other))


def _looks_like_statement(data: bytes) -> bool:
    return data[:5] in {b"<?xml", b"<priv", b"<secr"} and b'_key creation="' in data[:200]


def _signature(data: bytes) -> bytes:
    """The octets of a signature file, which the vendor's REST interface gives as base64."""
    try:
        return decode_base64(data.translate(None, b" \t\r\n"), "a signature")
    except ParseError:
        return data
