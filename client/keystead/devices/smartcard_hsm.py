# SPDX-License-Identifier: Apache-2.0
"""SmartCard-HSM and what is made of it, such as Nitrokey HSM: the authenticated request that a key is born with.

Structure: `card_certificate`. Source: CardContact, "Remote Key Attestation explained" and its open scripts; BSI
TR-03110 part 3; checked against the published files of two devices. The device signs the request for a key when it
makes the key, and never for one that it imports. Tools find it in the file of the key, EF CExx, and the device's
certificate with its issuer's in EF 2F02.

========  =======================================================================================================
data      the authenticated request
chain     the device's certificate, its issuer's: card-verifiable
identity  `smartcard-hsm-id`, class unit: the device's holder reference without its sequence number
========  =======================================================================================================

That a key cannot leave is not proven, and not claimed: a device that was set up with a key encryption key (DKEK)
exports keys under it, the request along with them, and whoever holds all shares can decrypt them. The evidence names
the device that made the key.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import NoReturn

from keystead.certificate.public_key import key_hash, load_public_key, verify_signature
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.card_certificate import (
    ECDSA_SHA256,
    CardCertificate,
    CardRequest,
    parse_card_certificate,
    parse_card_request,
)
from keystead.devices.card_tlv import read_card_elements
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import shown
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.result import Attestation, DeviceIdentity
from keystead.devices.vendor_chain import MAX_CHAIN, ChainRules, SignedStatement, walk
from keystead.errors import EvidenceError, ParseError, SignatureError

__all__ = ["FORMAT", "collect", "verify"]

FORMAT = "smartcard-hsm"

_DEVICE, _ISSUER = 0x00, 0x80
_SEQUENCE = 5  # digits or letters at the end of a holder reference
_MAX_FILE = 65_536

_UNPROVEN = (
    "that the key cannot leave: a device set up with a DKEK exports keys, to be decrypted by who has all shares",
    "that the key is in this device alone, for the same reason: it made the key",
    "when: the request has neither time nor challenge",
    "that who presents the request holds the key: only a signature by the key shows that",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify an authenticated request.

    Args:
        evidence: of the format `smartcard-hsm`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `device-mismatch`, `malformed-key`,
            `not-a-device-certificate`, `not-an-issuing-certificate`, or one of `vendor_chain.walk`'s.
    """
    try:
        request = parse_card_request(evidence.data)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (1) A device of the scheme signed it, and is the one that it says.
    path = walk(
        SignedStatement("the request", request.signed, ECDSA_SHA256, request.device_signature),
        evidence.chain,
        anchors,
        _RULES,
    )
    device = path.certificates[0] if path.certificates else None
    if not isinstance(device, CardCertificate):
        raise EvidenceError(
            "the request is signed by the pinned key itself, without a device's certificate",
            check="not-a-device-certificate",
        )
    if request.requester != device.holder:
        raise EvidenceError(
            f"the request says that '{request.requester}' made it, and '{device.holder}' signed it",
            check="device-mismatch",
        )
    # (2) The key signed it too, with which it began.
    try:
        load_public_key(request.spki)
        verify_signature(request.spki, request.algorithm, request.signature, request.body)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    except SignatureError as error:
        raise EvidenceError("the attested key did not sign its request", check="wrong-signature") from error
    serial = device.holder[:-_SEQUENCE]
    attested = key_hash(request.spki)
    return Attestation(
        format=FORMAT,
        identities=(DeviceIdentity.of("smartcard-hsm-id", serial),),
        vendor="CardContact",
        model="SmartCard-HSM",
        serial=serial,
        firmware=None,
        form_factor=None,
        certification=None,
        key=request.spki,
        key_hash=attested,
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(
            {
                "generated_on_device": True,
                "exportable": None,
                "key_holder": request.holder,
                "requested_from": request.authority,
                "device_issuer": device.authority,
            }
        ),
        unproven=_UNPROVEN,
        chain=path.elements(_RULES, attested),
    )


def _chain_certificate(der: bytes, place: int) -> Certificate:
    try:
        return parse_card_certificate(der)
    except ParseError as error:
        raise EvidenceError(f"element {place} of the chain: {error}", check="malformed-chain") from error


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the request: the device, then who issues devices' certificates."""
    role = certificate.role if isinstance(certificate, CardCertificate) else None
    if place == 0 and role != _DEVICE:
        _refuse(certificate, "signed the request and is no device", "not-a-device-certificate")
    if place == 1 and role != _ISSUER:
        _refuse(certificate, "signed a device's certificate and is no issuer", "not-an-issuing-certificate")
    if place > 1:
        _refuse(certificate, "stands above an issuer of devices", "not-an-issuing-certificate")


def _refuse(certificate: Certificate, problem: str, check: str) -> NoReturn:
    raise EvidenceError(f"{shown(certificate.subject)} {problem}", check=check)


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "issuer"),
    judge=_judge,
    algorithms=frozenset({ECDSA_SHA256}),
    parse=_chain_certificate,
)


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """Requests among the files, each with the certificates above it; a file has several, or hexadecimal digits."""
    requests: list[tuple[str, bytes, CardRequest]] = []
    certificates: list[tuple[str, CardCertificate]] = []
    for name, data in material.rest:
        for tag, encoded in _elements(_octets(data)):
            try:
                if tag == 0x67:
                    requests.append((name, encoded, parse_card_request(encoded)))
                elif tag == 0x7F21:
                    certificates.append((name, parse_card_certificate(encoded)))
            except ParseError as error:
                material.problems[name] = str(error)
    pinned = {anchor.key_hash for anchor in anchors.attesting(FORMAT)}
    for name, data, request in requests:
        chain = _path(material, request, certificates, pinned)
        evidence = Evidence(FORMAT, data, tuple(certificate.der for _, certificate in chain))
        yield Piece(evidence, tuple(dict.fromkeys((name, *(file for file, _ in chain)))))


def _octets(data: bytes) -> bytes:
    """A file of the card, or its hexadecimal digits."""
    if data[:1] in {b"6", b"7"}:
        try:
            return bytes.fromhex(data.decode("ascii"))
        except ValueError:
            return data
    return data


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    if data[:1] not in {b"\x67", b"\x7f"} or len(data) > _MAX_FILE:
        return []
    try:
        return [(element.tag, element.encoded) for element in read_card_elements(data, "the card's file")]
    except ParseError:
        return []


def _path(
    material: Material,
    request: CardRequest,
    certificates: list[tuple[str, CardCertificate]],
    pinned: set[bytes],
) -> list[tuple[str, CardCertificate]]:
    """The certificates above a request: by name, then by signature, up to a pinned key or a root."""
    path: list[tuple[str, CardCertificate]] = []
    wanted, link = request.requester, (ECDSA_SHA256, request.device_signature, request.signed)
    while len(path) <= MAX_CHAIN:
        for found in certificates:
            one = found[1]
            if one.holder != wanted or one.holder == one.authority or one.spki_hash in pinned:
                continue
            if material.signed_by(one.spki, *link):
                path.append(found)
                wanted, link = one.authority, (one.signature_algorithm, one.signature, one.tbs)
                break
        else:
            break
    return path
