# SPDX-License-Identifier: Apache-2.0
"""YubiKey PIV attestation (YubiKey 4.3 and later, YubiKey 5, FIPS series, Bio multi-protocol).

The firmware makes an X.509 certificate for the key in a slot and signs it with the key of slot f9, which
Yubico certified at the factory. It does so only for keys that were generated in the device and that it never
lets out, so the certificate's existence is the proof. Source: Yubico's "PIV attestation" and "PIV
attestation OID arc" pages; checked against published attestations of firmware 4.3.7 to 5.4.3.

=========  ==================================================================================================
data       DER of the slot's attestation certificate, subject `CN=YubiKey PIV Attestation <slot>`
chain      the f9 certificate; from firmware 5.7.4 on also its issuer and the intermediate above that
identity   `yubico-piv-serial`, extension `.7`; without it class none
=========  ==================================================================================================

Three hierarchies exist: f9 below *Yubico PIV Root CA Serial 263751*; f9 below *Yubico U2F Root CA Serial
457200631* (some YubiKey 4; no BasicConstraints); f9 below *Yubico PIV Attestation …* below *Yubico
Attestation Intermediate …* below *Yubico Attestation Root 1*.

Why the certificates' names are checked as well as the signatures: an attested key is in its user's hands and
its certificate has no BasicConstraints, so its user can sign anything below it, such as an "attestation" of
another serial number. The firmware always writes the slot into the subject, so what it attests never bears
the name of an f9 certificate.

The f9 key is shared by a production batch: it identifies no device.
"""

import re
from collections.abc import Iterator
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority, sole_common_name
from keystead.devices.evidence import Evidence
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_chain import (
    BARE_SHA2_ALGORITHMS,
    BASIC_CONSTRAINTS,
    ChainRules,
    parse_evidence_certificate,
    shown,
    walk,
)
from keystead.encoding.der import INTEGER, decode_integer, parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "is_attestation", "verify"]

FORMAT = "yubikey-piv"
SCHEME = "yubico-piv-serial"

_ARC = "1.3.6.1.4.1.41482.3"
_FIRMWARE = f"{_ARC}.3"
_SERIAL = f"{_ARC}.7"
_POLICY = f"{_ARC}.8"
_FORM_FACTOR = f"{_ARC}.9"
_FIPS = f"{_ARC}.10"
_CSPN = f"{_ARC}.11"

# PIV slots: authentication, signature, key management, card authentication, twenty retired ones.
_ATTESTATION = re.compile(r"YubiKey PIV Attestation (9[acde]|8[2-9a-f]|9[0-5])", re.ASCII)
_F9 = frozenset({"Yubico PIV Attestation", "YubiKey PIV Attestation"})
_ISSUER_OF_F9 = re.compile(r"Yubico PIV Attestation [A-Z][0-9]{0,3} [0-9]{1,4}", re.ASCII)
_INTERMEDIATE = re.compile(r"Yubico Attestation Intermediate [A-Z][0-9]{0,3} [0-9]{1,4}", re.ASCII)

_PIN_POLICY = {1: "never", 2: "once", 3: "always", 4: "match-once", 5: "match-always"}
_TOUCH_POLICY = {1: "never", 2: "always", 3: "cached"}
_FORM_FACTORS = {
    1: "USB-A keychain",
    2: "USB-A nano",
    3: "USB-C keychain",
    4: "USB-C nano",
    5: "USB-C and Lightning",
    6: "USB-A biometric",
    7: "USB-C biometric",
}
_FIPS_SERIES = 0x80
_SECURITY_KEY_SERIES = 0x40

_UNPROVEN = (
    "when the attestation was made: it holds no challenge, and its dates are copied from the f9 certificate",
    "that who presents it holds the key: an attestation is public, only a signature by the key shows that",
    "that the device runs in an approved mode: the FIPS mark names the product series",
    "who holds the device now, and that its PIN is known to one person",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a YubiKey's attestation of a key in one of its PIV slots.

    Args:
        evidence: of the format `yubikey-piv`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`,
            `unknown-critical-extension`, `malformed-extension`, `malformed-key`,
            `not-a-device-certificate`, `not-an-issuing-certificate`, or one of `vendor_chain.walk`'s.
    """
    # (1) The attestation is a certificate that the firmware made for a slot, not one of those above it.
    leaf = parse_evidence_certificate(evidence.data, "the attestation", "malformed-attestation")
    slot = _slot(leaf)
    # (2) It leads to a pinned key of Yubico's by way of an f9 certificate.
    path = walk(leaf, evidence.chain, anchors, _RULES)
    if not path.certificates:
        raise EvidenceError(
            "the attestation is signed by the pinned key itself, without an f9 certificate between them",
            check="not-a-device-certificate",
        )
    # (3) What the firmware states about key and device.
    firmware, policy = _octets(leaf, _FIRMWARE, 3), _octets(leaf, _POLICY, 2)
    if firmware is None or policy is None:
        raise EvidenceError(
            "the attestation lacks its firmware or its PIN and touch policy", check="malformed-extension"
        )
    form = _octets(leaf, _FORM_FACTOR, 1)
    serial = _serial(leaf)
    device = path.certificates[0]
    fips = device.extension(_FIPS) is not None or (form is not None and bool(form[0] & _FIPS_SERIES))
    cspn = device.extension(_CSPN) is not None
    # (4) The attested key is a key.
    try:
        key = load_public_key(leaf.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    properties: dict[str, Property] = {
        "slot": slot,
        "generated_on_device": True,
        "exportable": False,
        "pin_policy": _worded(_PIN_POLICY, policy[0]),
        "touch_policy": _worded(_TOUCH_POLICY, policy[1]),
        "fips_series": fips,
        "cspn_series": cspn,
    }
    if form is not None:
        properties["security_key_series"] = bool(form[0] & _SECURITY_KEY_SERIES)
    series = [name for name, stated in (("FIPS series", fips), ("CSPN series", cspn)) if stated]
    return Attestation(
        format=FORMAT,
        identities=() if serial is None else (DeviceIdentity.of(SCHEME, str(serial)),),
        vendor="Yubico",
        model=f"YubiKey {firmware[0]}" + (" FIPS" if fips else ""),
        serial=None if serial is None else str(serial),
        firmware=".".join(str(part) for part in firmware),
        form_factor=None if form is None else _worded(_FORM_FACTORS, form[0] & 0x3F),
        certification=", ".join(series) or None,
        key=leaf.spki,
        key_hash=key_hash(leaf.spki),
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(properties),
        unproven=(*_UNPROVEN, *_weaknesses(key, tuple(firmware))),
        chain=path.elements(_RULES),
    )


def _weaknesses(key: object, firmware: tuple[int, ...]) -> Iterator[str]:
    """What the vendor's own advisories take away from the proof."""
    if isinstance(key, RSAPublicKey) and (4, 2, 6) <= firmware < (4, 3, 5):
        yield "that the key is secret: RSA keys of this firmware follow from their public half (YSA-2017-01)"
    if isinstance(key, EllipticCurvePublicKey) and (5,) <= firmware < (5, 7):
        yield "that nobody who had the device measured its EC key out of it (YSA-2024-03)"


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The attestations among the certificates of files, each with its path by signatures.

    In requests they travel as attributes or requested extensions of the types `.1` or `.11` (attestation) and
    `.2` (f9); they are recognized by their subjects all the same.
    """
    for found in material.certificates:
        if is_attestation(found.certificate):
            piece = material.piece(found, anchors, FORMAT)
            if piece is not None:
                yield piece


def is_attestation(certificate: Certificate) -> bool:
    """Whether the certificate's subject is that of a slot's attestation; nothing is verified."""
    name = sole_common_name(certificate.subject)
    return name is not None and _ATTESTATION.fullmatch(name) is not None


def _slot(leaf: Certificate) -> str:
    name = sole_common_name(leaf.subject)
    match = None if name is None else _ATTESTATION.fullmatch(name)
    if match is None:
        raise EvidenceError(
            f"{shown(leaf.subject)} is not the subject of a YubiKey's attestation of a slot",
            check="not-an-attestation",
        )
    if leaf.extension(BASIC_CONSTRAINTS) is not None:
        raise EvidenceError(
            "the attestation has basicConstraints, which the firmware never writes",
            check="not-an-attestation",
        )
    refuse_critical(leaf)  # the firmware marks none critical
    return match[1]


def _octets(certificate: Certificate, oid: str, size: int) -> bytes | None:
    """The value of an extension that holds raw octets, not DER; None where it is absent."""
    extension = certificate.extension(oid)
    if extension is None:
        return None
    if len(extension.value) != size:
        raise EvidenceError(
            f"extension {oid} of {shown(certificate.subject)} has {len(extension.value)} bytes, not {size}",
            check="malformed-extension",
        )
    return extension.value


def _serial(leaf: Certificate) -> int | None:
    """Extension `.7`, a DER INTEGER. Presence decides: one firmware version may state it or not."""
    extension = leaf.extension(_SERIAL)
    if extension is None:
        return None
    try:
        element = parse(extension.value, "the serial number").expect(INTEGER, "the serial number")
        serial = decode_integer(element, "the serial number")
    except ParseError as error:
        raise EvidenceError(
            f"the attestation's serial number is malformed: {error}", check="malformed-extension"
        ) from error
    if not 0 < serial < 2**32:
        raise EvidenceError(
            "the attestation's serial number is outside 1 to 2^32 - 1", check="malformed-extension"
        )
    return serial


def _worded(words: dict[int, str], value: int) -> str:
    return words.get(value, f"unknown ({value:#04x})")


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the attestation: f9, its issuer, the intermediate."""
    name = sole_common_name(certificate.subject) or ""
    if place == 0 and name not in _F9:
        raise EvidenceError(
            f"{shown(certificate.subject)} signed the attestation and is no f9 certificate",
            check="not-a-device-certificate",
        )
    if place == 0:
        optional = (_octets(certificate, _FIRMWARE, 3) or b"\0")[0] == 4
        require_authority(certificate, place, "not-a-device-certificate", optional=optional)
        return
    pattern = {1: _ISSUER_OF_F9, 2: _INTERMEDIATE}.get(place)
    if pattern is None or not pattern.fullmatch(name):
        raise EvidenceError(
            f"{shown(certificate.subject)} does not issue f9 certificates", check="not-an-issuing-certificate"
        )
    require_authority(certificate, place, "not-an-issuing-certificate")


def _hint(certificate: Certificate) -> str:
    if is_attestation(certificate):
        return "add the certificate of slot f9 of the same device"
    missing = sole_common_name(certificate.issuer) or ""
    if _ISSUER_OF_F9.fullmatch(missing) or _INTERMEDIATE.fullmatch(missing):
        return "add https://developers.yubico.com/PKI/yubico-intermediate.pem"
    return "if that is no Yubico name, the certificate of slot f9 was replaced by its user"


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "intermediate"),
    judge=_judge,
    algorithms=BARE_SHA2_ALGORITHMS,  # the issuers of 2025 (B2) are signed without the NULL
    hint=_hint,
)
