# SPDX-License-Identifier: Apache-2.0
"""Thales Luna Public Key Confirmation (Luna 7; older Luna and SafeNet firmware with the same hierarchies).

The module makes an X.509 certificate for one of its private keys, but only for a key that it generated itself
and that can never exist outside: that the confirmation exists is the proof. It has no list of attributes and
says nothing of FIPS mode. Sources: Thales's pages "Confirming the HSM's authenticity" and `cmu getpkc`,
Thales's luna-pkc-validator; checked against its published RSA confirmation (firmware 7.84) and the two roots.

=========  ==================================================================================================
data       DER of the confirmation's first certificate
chain      the others, up to the pinned key
identity   `luna-serial`, extension `.2.1`: class appliance, because partitions share it and are not named
=========  ==================================================================================================

Every certificate says by one extended key usage below `1.3.6.1.4.1.12383.1` what it is, and three paths exist:

==============  ==============================================================================================
Chrysalis-ITS   `.13` confirmation, `.12` device authentication, `.8` hardware origin, `.7` manufacturing
                integrity, below *Chrysalis-ITS Root*
TC-TrustCenter  `.13`, `.8`, `.7`, below the same root (documented, without a public sample)
ECC             `.13`, `.15` hardware origin, below *SafeNet ECC Manufacturer Integrity Module*
==============  ==============================================================================================

Three liberties of its encoders are read: `critical FALSE` written out (`parse_vendor_certificate`), a NULL in
the AlgorithmIdentifier of ECDSA signatures, and numbers in these that lack the octet that keeps them positive
(`verify_luna_signature`).
"""

import re
from collections.abc import Iterator
from types import MappingProxyType

from keystead.certificate.name import decode_name
from keystead.certificate.public_key import key_hash, load_public_key, verify_signature
from keystead.certificate.x509 import Certificate, basic_constraints, extended_key_usages
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    parse_evidence_certificate,
    shown,
)
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_chain import SHA2_ALGORITHMS, ChainRules, walk
from keystead.encoding.der import INTEGER, SEQUENCE, encode, encode_integer, encode_oid, parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "is_confirmation", "verify", "verify_luna_signature"]

FORMAT = "luna-pkc"
SCHEME = "luna-serial"

_ARC = "1.3.6.1.4.1.12383"
_CONFIRMATION = f"{_ARC}.1.13"
_DEVICE_AUTHENTICATION = f"{_ARC}.1.12"
_ECC_HARDWARE_ORIGIN = f"{_ARC}.1.15"
_HARDWARE_ORIGIN = f"{_ARC}.1.8"
_MANUFACTURING = f"{_ARC}.1.7"
_SERIAL = f"{_ARC}.2.1"
_FIRMWARE = f"{_ARC}.2.3"
_EXTENDED_KEY_USAGE = "2.5.29.37"
_NULL = b"\x05\x00"
_COMMON_NAME = "2.5.4.3"

_PATHS = {
    "Chrysalis-ITS": (_DEVICE_AUTHENTICATION, _HARDWARE_ORIGIN, _MANUFACTURING),
    "TC-TrustCenter": (_HARDWARE_ORIGIN, _MANUFACTURING),
    "ECC": (_ECC_HARDWARE_ORIGIN,),
}
"""By name of the path: what stands above the confirmation. A path may end earlier, at a key that an operator
pinned, but not at the confirmation itself."""

_MODULE_NAME = re.compile(r"([ -~]*[^-])-([1-9][0-9]{0,9})", re.ASCII)
_ECDSA_OIDS = [encode_oid(f"1.2.840.10045.4.3.{n}") for n in (2, 3, 4)]
_ECDSA = {
    encode(SEQUENCE, oid, parameters): encode(SEQUENCE, oid)
    for oid in _ECDSA_OIDS
    for parameters in (b"", _NULL)
}
"""By AlgorithmIdentifier as it may be written: as RFC 5758 section 3.2 has it."""

_UNPROVEN = (
    "when the confirmation was made: it holds no challenge, and its dates are those of the module's certificates",
    "that who presents it holds the key: a confirmation is public, only a signature by the key shows that",
    "that the module runs in FIPS mode, or is certified: the confirmation says nothing of it",
    "which partition holds the key, and whose it is: the module is named, its partitions are not",
    "that the module is its user's own: modules behind a cloud service make the same confirmations",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a Luna module's public key confirmation.

    Args:
        evidence: of the format `luna-pkc`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`,
            `unknown-critical-extension`, `malformed-extension`, `device-mismatch`, `malformed-key`,
            `not-a-device-certificate`, `not-an-issuing-certificate`, or one of `vendor_chain.walk`'s.
    """
    # (1) The confirmation is a certificate that says that it is one, and may not issue others.
    leaf = parse_evidence_certificate(evidence.data, "the confirmation", "malformed-attestation")
    _require_confirmation(leaf)
    # (2) It leads to a pinned key of Thales's by one of the three paths.
    path = walk(leaf, evidence.chain, anchors, _RULES)
    form = _form(path.certificates)
    # (3) Every certificate of the path that names a module names the same.
    serial = _serial(leaf)
    if serial is None:
        raise EvidenceError(
            "the confirmation does not state the module's serial number", check="malformed-extension"
        )
    model = None
    for certificate in path.certificates:
        named = None
        if _purpose(certificate) == _DEVICE_AUTHENTICATION:
            model, named = _module_name(certificate)
        if any(one is not None and one != serial for one in (named, _serial(certificate))):
            raise EvidenceError(
                f"the confirmation names the module {serial}, {shown(certificate.subject)} another",
                check="device-mismatch",
            )
    # (4) The attested key is a key.
    try:
        load_public_key(leaf.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    firmware = _number(leaf, _FIRMWARE)
    properties: dict[str, Property] = {
        "confirmation": form,
        "generated_on_device": True,
        "exportable": False,
    }
    object_id = _common_name(leaf)
    if object_id is not None:
        properties["object_id"] = object_id
    return Attestation(
        format=FORMAT,
        identities=(DeviceIdentity.of(SCHEME, str(serial)),),
        vendor="Thales",
        model=model,
        serial=str(serial),
        firmware=None if firmware is None else f"{firmware >> 16}.{firmware & 0xFFFF}",
        form_factor=None,
        certification=None,
        key=leaf.spki,
        key_hash=key_hash(leaf.spki),
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(properties),
        unproven=_UNPROVEN,
        chain=path.elements(_RULES),
    )


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The confirmations among the certificates of files, each with its path by signatures.

    `cmu getpkc` writes PKCS#7, DER; the root at the end of its certificates is left out.
    """
    for found in material.certificates:
        if is_confirmation(found.certificate):
            piece = material.piece(found, anchors, FORMAT, verify_luna_signature)
            if piece is not None:
                yield piece


def is_confirmation(certificate: Certificate) -> bool:
    """Whether the certificate's one purpose is to confirm a key; nothing is verified."""
    return _purpose(certificate) == _CONFIRMATION


def verify_luna_signature(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> None:
    """As `verify_signature`, with the liberties that modules take with ECDSA.

    They write a NULL into the AlgorithmIdentifier, and the two numbers of the signature without the zero octet
    that X.690 section 8.3 asks for where the highest bit is set, so that by the letter they are negative.

    Raises:
        SignatureError: the signature does not verify even so.
    """
    ecdsa = _ECDSA.get(algorithm)
    if ecdsa is None:
        verify_signature(spki, algorithm, signature, message)
    else:
        verify_signature(spki, ecdsa, _positive(signature), message)


def _positive(signature: bytes) -> bytes:
    """The DER of an ECDSA signature whose negative numbers are taken as unsigned; as it is where it is none."""
    try:
        numbers = parse(signature).expect(SEQUENCE, "a signature").children()
        if len(numbers) != 2 or not all(one.tag == INTEGER and one.content for one in numbers):
            return signature
    except ParseError:
        return signature
    return encode(
        SEQUENCE,
        *(
            encode_integer(int.from_bytes(one.content)) if one.content[0] & 0x80 else one.encoded
            for one in numbers
        ),
    )


def _purpose(certificate: Certificate) -> str | None:
    """The extended key usage of a certificate that has one and no other."""
    try:
        purposes = extended_key_usages(certificate)
    except ParseError:
        return None
    return purposes[0] if len(purposes) == 1 else None


def _require_confirmation(leaf: Certificate) -> None:
    if not is_confirmation(leaf):
        raise EvidenceError(
            f"{shown(leaf.subject)} has not the one purpose {_CONFIRMATION} of a confirmation",
            check="not-an-attestation",
        )
    try:
        constraints = basic_constraints(leaf)
    except ParseError as error:
        raise EvidenceError(f"the confirmation is malformed: {error}", check="malformed-extension") from error
    if constraints is not None and constraints.ca:
        raise EvidenceError(
            "the confirmation is an authority by its basicConstraints, which no module writes",
            check="not-an-attestation",
        )
    refuse_critical(leaf, _KNOWN)


def _form(certificates: tuple[Certificate, ...]) -> str:
    """Which of the paths it is."""
    purposes = tuple(_purpose(certificate) for certificate in certificates)
    if not purposes:
        raise EvidenceError(
            "the confirmation is signed by the pinned key itself, without the module's certificate between them",
            check="not-a-device-certificate",
        )
    for form, path in _PATHS.items():
        if purposes == path[: len(purposes)]:
            return form
    place = next(n for n in range(1, len(purposes) + 1) if not any(_begins(purposes[:n])))
    raise EvidenceError(
        f"{shown(certificates[place - 1].subject)} is not what stands at place {place} above a confirmation",
        check="not-a-device-certificate" if place == 1 else "not-an-issuing-certificate",
    )


def _begins(purposes: tuple[str | None, ...]) -> Iterator[bool]:
    return (path[: len(purposes)] == purposes for path in _PATHS.values())


def _judge(certificate: Certificate, place: int) -> None:
    """What every certificate above the confirmation may do; their order is judged when all are known."""
    check = "not-a-device-certificate" if place == 0 else "not-an-issuing-certificate"
    # The ECC hierarchy's certificates have no basicConstraints: their purpose alone says what they are.
    ecc = _purpose(certificate) == _ECC_HARDWARE_ORIGIN
    require_authority(certificate, 0, check, optional=ecc, known=_KNOWN, signing=not ecc)


def _module_name(certificate: Certificate) -> tuple[str | None, int | None]:
    """Model and serial number out of a common name such as `Luna K7-521174`."""
    match = _MODULE_NAME.fullmatch(_common_name(certificate) or "")
    return (None, None) if match is None else (match[1], int(match[2]))


def _serial(certificate: Certificate) -> int | None:
    serial = _number(certificate, _SERIAL)
    if serial == 0:
        raise EvidenceError(
            f"{shown(certificate.subject)} states the serial number 0", check="malformed-extension"
        )
    return serial


def _number(certificate: Certificate, oid: str) -> int | None:
    """An extension that holds four raw octets, the lowest first; None where it is absent."""
    extension = certificate.extension(oid)
    if extension is None:
        return None
    if len(extension.value) != 4:
        raise EvidenceError(
            f"extension {oid} of {shown(certificate.subject)} has {len(extension.value)} bytes, not 4",
            check="malformed-extension",
        )
    return int.from_bytes(extension.value, "little")


def _common_name(certificate: Certificate) -> str | None:
    try:
        names = [one.text for one in decode_name(certificate.subject) if one.oid == _COMMON_NAME]
    except ParseError:
        return None
    return names[0] if len(names) == 1 else None


def _hint(certificate: Certificate) -> str:
    if is_confirmation(certificate):
        return "give all certificates of the confirmation, as cmu getpkc wrote them"
    return ""


_KNOWN = frozenset({BASIC_CONSTRAINTS, KEY_USAGE, _EXTENDED_KEY_USAGE})

_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "intermediate"),
    judge=_judge,
    algorithms=SHA2_ALGORITHMS.union(_ECDSA),
    verify=verify_luna_signature,
    hint=_hint,
)
