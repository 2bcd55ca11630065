# SPDX-License-Identifier: Apache-2.0
"""Crypto4A QASM (QxHSM): the attestation message.

The module signs a set of claims about itself and about keys in it (`qasm_message`); it checks each claim before
it signs, so a claim that is there is true, and one that is not there says nothing. Sources: the page of the PKI
Consortium's remote key attestation project, which Crypto4A wrote, and the vendor's "Attestation using the QASM";
checked against the message on that page, whose object identifiers are one arc shorter than those in its text.

=========  ==================================================================================================
data       DER of the message
chain      what of the path is not attached to the message: mostly empty
identity   `crypto4a-serial`, the claim `1.1`; without it class none
=========  ==================================================================================================

A message has one or two signatures over the same claims: ECDSA on P-384 and HSS/LMS (`hss`), each by a key of
its own with a certificate and a path of its own. All that are there are verified.
"""

import re
from collections.abc import Iterator
from types import MappingProxyType
from uuid import UUID

from keystead.certificate.public_key import key_hash, load_public_key, verify_signature
from keystead.certificate.x509 import Certificate, basic_constraints, extended_key_usages, key_usage
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority, sole_common_name
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import KEY_USAGE, parse_evidence_certificate, shown
from keystead.devices.hss import HSS_ALGORITHM, verify_hss
from keystead.devices.material import FoundCertificate, Material
from keystead.devices.piece import Piece
from keystead.devices.qasm_message import CLAIM_ARC, Claims, QasmMessage, SignatureBlock, parse_message
from keystead.devices.remembered_signatures import verifies_again
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_chain import ChainRules, SignedStatement, VendorPath, walk
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.encoding.rfc3339 import parse_time
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "verify"]

FORMAT = "qasm"
SCHEME = "crypto4a-serial"

_UUID, _SERIAL, _TIME, _FIRMWARE, _PRODUCTION, _FIPS = (f"1.{number}" for number in range(6))
_UNIQUE_KEYS, _SPKI = "2.0", "2.1"
_CLASS, _CONFINED, _GENERATED, _NEVER_EXTRACTED, _ARCHIVED = "2.4", "2.7", "2.8", "2.9", "2.16"
_CAPABILITY = "2.13"
_PRIVATE_KEY = 4
_CAPABILITIES = {0x105: "sign", 0x107: "derive"}  # as in the published example

_ECDSA_SHA384 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.3"))
_ATTESTATION = "1.3.6.1.4.1.39901.4.1.1"
_DIGITAL_SIGNATURE = 0
_SIGNER = re.compile(r"[!-~]+ Assertion Authority (?:EC|HSS)", re.ASCII)
_ISSUER = re.compile(r"C4A_SCA(?:_[A-Z0-9]+)?", re.ASCII)
_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z", re.ASCII)

_UNPROVEN = (
    "when the message was made: its time is the module's own, and no challenge is signed with it",
    "that who presents the message holds the key: only a signature by the key shows that",
    "who of the module's users the key belongs to",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a QASM's message about one key.

    Args:
        evidence: of the format `qasm`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`, `stray-certificate`,
            `not-a-key-pair`, `not-generated`, `extractable-key`, `malformed-key`,
            `not-a-device-certificate`, `not-an-issuing-certificate`, `unknown-critical-extension`, or one of
            `vendor_chain.walk`'s.
    """
    try:
        message = parse_message(evidence.data)
        # (1) Each signature, and its way to a pinned key; nothing else is attached.
        paths = _paths(message, evidence.chain, anchors)
        # (2) What the module claims of the key, and of itself.
        spki, key_claims, identifier = _attested(message)
        _require_kept(key_claims)
        properties = _properties(message.module, key_claims, identifier)
        serial, firmware = message.module.text(_SERIAL), message.module.text(_FIRMWARE)
        identities = () if serial is None else (DeviceIdentity.of(SCHEME, serial),)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (3) The attested key is a key.
    try:
        load_public_key(spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    first, *others = (path.elements(_RULES, key_hash(spki)) for path in paths)
    return Attestation(
        format=FORMAT,
        identities=identities,
        vendor="Crypto4A",
        model="QASM",
        serial=serial,
        firmware=firmware,
        form_factor=None,
        certification="FIPS mode" if _FIPS in message.module else None,
        key=spki,
        key_hash=key_hash(spki),
        anchors=tuple(path.anchor.key_hash for path in paths),
        cloud=any(path.anchor.cloud for path in paths),
        properties=MappingProxyType(properties),
        unproven=(*_UNPROVEN, *_unclaimed(message.module)),
        chain=first + tuple(element for elements in others for element in elements[1:]),
    )


def _paths(message: QasmMessage, chain: tuple[bytes, ...], anchors: AnchorSet) -> list[VendorPath]:
    if len({block.algorithm for block in message.blocks}) != len(message.blocks):
        raise ParseError("the message has two signatures of one algorithm")
    attached = [
        parse_evidence_certificate(der, "an attached certificate", "malformed-chain")
        for der in dict.fromkeys(message.certificates)
    ]
    pinned = {anchor.key_hash for anchor in anchors.attesting(FORMAT)}
    paths = []
    for block in message.blocks:
        below = _attached_path(block, attached, pinned)
        statement = SignedStatement("the set of claims", message.signed, block.algorithm, block.signature)
        paths.append(walk(statement, (*below, *chain), anchors, _RULES))
    used = {certificate.der for path in paths for certificate in path.certificates}
    for certificate in attached:
        if certificate.der not in used and not _is_root(certificate, pinned):
            raise EvidenceError(
                f"{shown(certificate.subject)} is attached to the message and part of no path to a pinned key",
                check="stray-certificate",
            )
    return paths


def _is_root(certificate: Certificate, pinned: set[bytes]) -> bool:
    """Whether it is a pinned key's own certificate, which the vendor's tools attach as well."""
    return certificate.spki_hash in pinned and verifies_again(
        verify_signature,
        certificate.spki,
        certificate.signature_algorithm,
        certificate.signature,
        certificate.tbs,
    )


def _attached_path(block: SignatureBlock, attached: list[Certificate], pinned: set[bytes]) -> list[bytes]:
    """The signer's certificate, and above it what is attached to the message, by names."""
    last = parse_evidence_certificate(block.certificate, "a signer's certificate", "malformed-chain")
    path = [last.der]
    while True:
        above = [
            one
            for one in attached
            if one.subject == last.issuer and one.der not in path and one.spki_hash not in pinned
        ]
        if len(above) != 1:
            return path
        last = above[0]
        path.append(last.der)


def _attested(message: QasmMessage) -> tuple[bytes, Claims, bytes]:
    """The one key that the message is about: SubjectPublicKeyInfo, claims, UUID."""
    keys = [
        (spki, claims, identifier)
        for identifier, claims in message.objects.items()
        if (spki := claims.octets(_SPKI)) is not None
    ]
    if len(keys) != 1:
        raise EvidenceError(
            f"the message is about {len(keys)} keys; evidence is about one", check="not-an-attestation"
        )
    return keys[0]


def _require_kept(claims: Claims) -> None:
    """Claims that are not there are not true: what makes a key fit for signing must be claimed."""
    if claims.numbers(_CLASS) != [_PRIVATE_KEY]:
        raise EvidenceError("the message does not claim that the key is private", check="not-a-key-pair")
    if _GENERATED not in claims:
        raise EvidenceError(
            "the message does not claim that the key was generated in hardware", check="not-generated"
        )
    for claim, words in ((_CONFINED, "confined to the module"), (_NEVER_EXTRACTED, "never extracted")):
        if claim not in claims:
            raise EvidenceError(
                f"the message does not claim that the key is {words}", check="extractable-key"
            )
    if _ARCHIVED in claims:
        raise EvidenceError("the message claims that the key is archived", check="extractable-key")


def _properties(module: Claims, key: Claims, identifier: bytes) -> dict[str, Property]:
    properties: dict[str, Property] = {
        "object": str(UUID(bytes=identifier)),
        "generated_on_device": True,
        "exportable": False,
        "certified_production": _PRODUCTION in module,
        "attestation_keys_unique": _UNIQUE_KEYS in module,
    }
    uuid, moment = module.octets(_UUID), module.text(_TIME)
    if uuid is not None:
        if len(uuid) != 16:
            raise ParseError("the module's identifier is no UUID")
        properties["module"] = str(UUID(bytes=uuid))
    if moment is not None:
        properties["attested"] = _rfc3339(moment)
    properties["permissions"] = [_CAPABILITIES.get(one, str(one)) for one in key.numbers(_CAPABILITY)]
    return properties


def _rfc3339(moment: str) -> str:
    match = _MOMENT.fullmatch(moment)
    if match is None:
        raise ParseError("the message's time is not written as YYYYMMDDHHMMSSZ")
    year, month, day, hour, minute, second = match.groups()
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
    parse_time(text, "the message's time")
    return text


def _unclaimed(module: Claims) -> Iterator[str]:
    if _PRODUCTION not in module:
        yield "that the module is of the vendor's certified production: it does not claim so"
    if _UNIQUE_KEYS not in module:
        yield "that no other module has the same attestation keys: it does not claim so"


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the claims: the module's assertion authority, its issuer."""
    if place == 0:
        _judge_signer(certificate)
    elif place == 1 and _ISSUER.fullmatch(sole_common_name(certificate.subject) or ""):
        require_authority(certificate, 0, "not-an-issuing-certificate")
    else:
        raise EvidenceError(
            f"{shown(certificate.subject)} does not certify attestation keys of modules",
            check="not-an-issuing-certificate",
        )


def _judge_signer(certificate: Certificate) -> None:
    try:
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
        purposes = extended_key_usages(certificate)
    except ParseError as error:
        raise EvidenceError(
            f"{shown(certificate.subject)} is malformed: {error}", check="not-a-device-certificate"
        ) from error
    named = _SIGNER.fullmatch(sole_common_name(certificate.subject) or "") is not None
    signs = usage is not None and _DIGITAL_SIGNATURE in usage and not (constraints and constraints.ca)
    if not named or not signs or _ATTESTATION not in purposes:
        raise EvidenceError(
            f"{shown(certificate.subject)} signed the claims and is no module's assertion authority",
            check="not-a-device-certificate",
        )
    refuse_critical(certificate, {KEY_USAGE})


def _verify_signature(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> None:
    if algorithm == HSS_ALGORITHM:
        verify_hss(spki, signature, message)
    else:
        verify_signature(spki, algorithm, signature, message)


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "intermediate"),
    judge=_judge,
    algorithms=frozenset({_ECDSA_SHA384, HSS_ALGORITHM}),
    verify=_verify_signature,
)


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The messages among the files, each with what of its path is not attached to it."""
    for name, data in material.rest:
        if not _looks_like_message(data):
            continue
        try:
            message = parse_message(data)
            evidence, files = _with_chain(message, data, material, anchors)
        except (ParseError, EvidenceError) as error:
            material.problems[name] = str(error)
            continue
        yield Piece(evidence, (name, *files))


def _looks_like_message(data: bytes) -> bool:
    return data[:1] == b"\x30" and encode_oid(f"{CLAIM_ARC}.{_SPKI}") in data[:65_536]


def _with_chain(
    message: QasmMessage, data: bytes, material: Material, anchors: AnchorSet
) -> tuple[Evidence, list[str]]:
    pinned = {anchor.key_hash for anchor in anchors.attesting(FORMAT)}
    attached = [
        parse_evidence_certificate(der, "an attached certificate", "malformed-chain")
        for der in dict.fromkeys(message.certificates)
    ]
    last = _attached_path(message.blocks[0], attached, pinned)[-1]
    top = FoundCertificate(parse_evidence_certificate(last, "a signer's certificate", "malformed-chain"), "")
    above = material.path(top, anchors, FORMAT)[1:]
    evidence = Evidence(FORMAT, data, tuple(one.certificate.der for one in above))
    return evidence, [one.file for one in above]
