# SPDX-License-Identifier: Apache-2.0
"""PKIX Evidence: the IETF's format for what a hardware security module says of itself and its keys. Experimental.

Structure: `pkix_evidence_structure`. Source: draft-ietf-rats-pkix-key-attestation-07. While its object identifiers are
placeholders, no device can make it; Keystead reads it so that the way is paved, and logs do not admit it
(`verify.ADMITTED_BY_LOGS`).

========  =======================================================================================================
data      DER of the Evidence, with exactly one key in it
chain     the certificate of the attestation key that made one of its signatures, then what leads from it to a
          pinned key, whatever the Evidence has attached
identity  `pkix-evidence-serial`, class unit: hash of the pinned key, vendor, hardware model, serial number; class
          none where no serial number is claimed
========  =======================================================================================================

A signature counts by the path of its key to a pinned one and by nothing else: that the Evidence itself lists the key
as an attestation key proves nothing. Other signatures of the same Evidence are not looked at.

Whoever asks the module for Evidence chooses what it says. What is not claimed is not proven, and a module that is asked
to leave out its serial number is class none.
"""

from collections.abc import Iterator
from types import MappingProxyType

from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import (
    Certificate,
    basic_constraints,
    extended_key_usages,
    key_usage,
    parse_vendor_certificate,
)
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import BASIC_CONSTRAINTS, KEY_USAGE, shown
from keystead.devices.pkix_evidence_carriers import FORMAT, collect, is_signed_by
from keystead.devices.pkix_evidence_structure import (
    ARC,
    Claim,
    Claims,
    PkixEvidence,
    SignatureBlock,
    parse_pkix_evidence,
)
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.devices.vendor_chain import ChainRules, SignedStatement, walk
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "collect", "verify"]

_ATTESTATION_KEY = frozenset({"1.3.6.1.5.5.7.3.999", "1.3.6.1.4.1.39901.4.1.1"})
"""id-kp-attestationKey: the draft's placeholder, and Crypto4A's own, which earlier samples have."""

_EXTENDED_KEY_USAGE = "2.5.29.37"
_KNOWN_CRITICAL = frozenset({BASIC_CONSTRAINTS, KEY_USAGE, _EXTENDED_KEY_USAGE})
_DIGITAL_SIGNATURE = 0
_DEBUG_ENABLED = 0  # RFC 9711 section 4.2.9

_CAPABILITIES = {
    f"{ARC}.2.{number}": name
    for number, name in enumerate(
        ("encrypt", "decrypt", "wrap", "unwrap", "sign", "sign-recover", "verify", "verify-recover", "derive")
    )
}

_UNPROVEN = (
    "that who presents the evidence holds the key: only a signature by the key shows that",
    "that the module is certified: a FIPS mode is what it runs in, not what it was validated for",
    "what the module was not asked to say",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify an Evidence.

    Args:
        evidence: of the format `pkix-evidence`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`, `binding-mismatch`,
            `not-a-key-pair`, `not-generated`, `extractable-key`, `malformed-key`, `not-a-device-certificate`,
            `not-an-issuing-certificate`, `unknown-critical-extension`, or one of `vendor_chain.walk`'s.
    """
    try:
        stated = parse_pkix_evidence(evidence.data)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (1) One of the signatures is by the attestation key, and that by a pinned path.
    if not stated.blocks:
        raise EvidenceError("nobody signed the evidence", check="not-an-attestation")
    block = _signature_by(stated, evidence.chain)
    path = walk(
        SignedStatement("the evidence", stated.tbs, block.algorithm, block.signature),
        evidence.chain,
        anchors,
        _RULES,
    )
    if not path.certificates:
        raise EvidenceError(
            "the evidence is signed by the pinned key itself, without a certificate of an attestation key",
            check="not-a-device-certificate",
        )
    _require_named(stated, block, path.certificates[0])
    # (2) It is about one key, made in the module and confined to it.
    key, attested = _sole_key(stated)
    _require_kept(key, stated.platform)
    platform = stated.platform
    serial, model = _text(platform, "hwserial"), _octets(platform, "hwmodel")
    return Attestation(
        format=FORMAT,
        identities=_identities(path.anchor, platform),
        vendor=_text(platform, "vendor") or "unknown",
        model=_shown_octets(model) if model else None,
        serial=serial,
        firmware=_text(platform, "swversion"),
        form_factor=None,
        certification="FIPS mode" if platform.get("fipsboot") == [True] else None,
        key=attested,
        key_hash=key_hash(attested),
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(dict(_properties(stated, key))),
        unproven=(*_UNPROVEN, *_weaknesses(stated, serial)),
        chain=path.elements(_RULES, key_hash(attested)),
    )


def _signature_by(stated: PkixEvidence, chain: tuple[bytes, ...]) -> SignatureBlock:
    """The signature that the chain is about: the first that its first certificate's key made, or else the first."""
    if len(stated.blocks) > 1 and chain:
        try:
            signer = parse_vendor_certificate(chain[0])
        except ParseError:
            return stated.blocks[0]
        for block in stated.blocks:
            if is_signed_by(block, stated.tbs, signer.spki):
                return block
    return stated.blocks[0]


def _require_named(stated: PkixEvidence, block: SignatureBlock, signer: Certificate) -> None:
    """What the signature and the signed part say of the signer must be true."""
    if block.certificate not in {None, signer.der} or block.public_key not in {None, signer.spki}:
        raise EvidenceError(
            "the signature names another signer than the chain's first certificate", check="binding-mismatch"
        )
    keys = stated.transaction.get("ak-spki", [])
    if keys and signer.spki not in keys:
        raise EvidenceError(
            "the evidence says that it is signed by other attestation keys", check="binding-mismatch"
        )


def _sole_key(stated: PkixEvidence) -> tuple[Claims, bytes]:
    if len(stated.keys) != 1:
        raise EvidenceError(
            f"the evidence is about {len(stated.keys)} keys, and not about one", check="not-an-attestation"
        )
    (key,) = stated.keys
    spki = _octets(key, "spki")
    if spki is None:
        raise EvidenceError("the evidence does not say which public key it is about", check="not-a-key-pair")
    try:
        load_public_key(spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    return key, spki


def _require_kept(key: Claims, platform: Claims) -> None:
    if key.get("local") != [True]:
        raise EvidenceError("the module does not claim that it made the key: local", check="not-generated")
    for name, wanted in (("extractable", False), ("never-extractable", True)):
        if key.get(name) != [wanted]:
            raise EvidenceError(
                f"the module does not claim that the key cannot leave it: {name}", check="extractable-key"
            )
    if key.get("sensitive") == [False]:
        raise EvidenceError("the key may leave the module in the clear: sensitive", check="extractable-key")
    if platform.get("dbgstat") == [_DEBUG_ENABLED]:
        raise EvidenceError("debugging of the module is enabled: dbgstat", check="extractable-key")


def _identities(anchor: VendorAnchor, platform: Claims) -> tuple[DeviceIdentity, ...]:
    serial = _text(platform, "hwserial")
    if serial is None:
        return ()
    vendor, model = _text(platform, "vendor") or "", _octets(platform, "hwmodel") or b""
    parts = (anchor.key_hash, vendor.encode(), model, serial.encode())
    return (DeviceIdentity.of("pkix-evidence-serial", "/".join(part.hex() for part in parts)),)


def _properties(stated: PkixEvidence, key: Claims) -> Iterator[tuple[str, Property]]:
    yield "generated_on_device", True
    yield "exportable", False
    identifiers = [one for one in key.get("identifier", []) if isinstance(one, str)]
    if identifiers:
        yield "key_identifiers", identifiers
    purposes = key.get("purpose", [()])[0]
    if isinstance(purposes, tuple):
        yield "permissions", sorted(_CAPABILITIES.get(purpose, purpose) for purpose in purposes)
    for claims, name in (
        (key, "expiry"),
        (stated.transaction, "timestamp"),
        (stated.transaction, "nonce"),
        *((stated.platform, name) for name in ("oemid", "hwversion", "swname", "dbgstat", "uptime")),
        *((stated.platform, name) for name in ("bootcount", "fipsboot", "fipsver", "fipslevel")),
        (stated.platform, "fipsmodule"),
    ):
        value = _property(claims.get(name))
        if value is not None:
            yield name, value


def _property(values: list[Claim] | None) -> Property:
    if not values or isinstance(values[0], tuple):
        return None
    return values[0].hex() if isinstance(values[0], bytes) else values[0]


def _weaknesses(stated: PkixEvidence, serial: str | None) -> Iterator[str]:
    if serial is None:
        yield "which module it is: it was not asked for its serial number"
    if "nonce" in stated.transaction:
        yield "when: only who chose the nonce knows whether it was fresh"
    else:
        yield "when: the evidence has no nonce"
    if len(stated.blocks) > 1:
        yield "what its other signatures are worth: one of them is verified"


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name, [None])[0]
    return value if isinstance(value, str) else None


def _octets(claims: Claims, name: str) -> bytes | None:
    value = claims.get(name, [None])[0]
    return value if isinstance(value, bytes) else None


def _shown_octets(octets: bytes) -> str:
    """As text where it is one, else in hexadecimal digits."""
    text = octets.decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else octets.hex()


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the evidence: the attestation key, then authorities."""
    if place:
        require_authority(certificate, place - 1, "not-an-issuing-certificate", known=_KNOWN_CRITICAL)
        return
    try:
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
        purposes = extended_key_usages(certificate)
    except ParseError as error:
        raise EvidenceError(
            f"{shown(certificate.subject)} is malformed: {error}", check="not-a-device-certificate"
        ) from error
    signs = usage is not None and _DIGITAL_SIGNATURE in usage and not (constraints and constraints.ca)
    if not signs or not _ATTESTATION_KEY.intersection(purposes):
        raise EvidenceError(
            f"{shown(certificate.subject)} signed the evidence and is no attestation key's certificate",
            check="not-a-device-certificate",
        )
    refuse_critical(certificate, _KNOWN_CRITICAL)


_RULES = ChainRules(format=FORMAT, roles=("attestation", "attestation key", "intermediate"), judge=_judge)
