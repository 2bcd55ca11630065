# SPDX-License-Identifier: Apache-2.0
"""The warrant of an nShield module: how Entrust's root key leads to the key of one module.

A warrant is a list in DDDS, the vendor's compact encoding: the root's name, then certificates, each a map of
`Payload` and `Signature` (r and s in 66 bytes each, ECDSA on P-521 with SHA-512 over the payload's bytes). A
payload is DDDS again, a map with a `WarrantCertificateType`:

==================================  ========================================================================
`Delegation`                        `DelegateKey` signs the next certificate
`ModuleInformation`                 `ElectronicSerialNumber`, `KLF2pub`, `Approvals`: a module, at the factory
`FieldUpgradeModuleInformation`     the same for a module that had an older warrant, with 1,024-bit DSA
==================================  ========================================================================

DDDS as far as warrants use it: one octet says what follows.

=============  ==================================================================================
`00` to `1f`   that integer
`2n`, `3n`     a text, a symbol of n octets
`9n`, `bn`     a list of n values, a map of n pairs
`c4`, `c5`     a symbol, octets behind a length of one octet
`d5`           octets behind a length of two octets, big-endian
`f4`           a positive integer: the value after it is its octets, big-endian
=============  ==================================================================================

Source: Entrust's application note "Key attestation format"; octets as in a published warrant.

Invariants:

* the first certificate is signed by a pinned key that may attest `nshield`, each further one by the delegate
  before it, and only the last names a module;
* nothing but `ParseError` and `EvidenceError` is raised on input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keystead.certificate.public_key import verify_signature
from keystead.devices.anchors import AnchorSet
from keystead.devices.nshield.ncore import KeyKind, NCoreKey
from keystead.devices.remembered_signatures import verifies_again
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import SEQUENCE, encode, encode_integer, encode_oid
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "ROOT_NAME", "Symbol", "Warrant", "decode_ddds", "verify_warrant"]

FORMAT = "nshield"
ROOT_NAME = "KWARN-1"
"""What Entrust calls the only root that warrants have."""

_MAX_DEPTH = 8  # a key inside a payload is three levels down
_MAX_CERTIFICATES = 8
_COORDINATE = 66
_P521 = 6
_ECDSA_SHA512 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.4"))


@dataclass(frozen=True, slots=True)
class Symbol:
    """A DDDS symbol, which is no text."""

    name: str


@dataclass(frozen=True, slots=True)
class Warrant:
    """A warrant that verified.

    Attributes:
        anchor: the pinned key that it leads to.
        delegates: the keys between that and the module, the anchor's first.
        module_key: KLF2, with which the module signs its state.
        esn: the module's electronic serial number, as stated.
        physical_serial: the number on its case, where stated.
        approvals: in words, where they are of a kind that is known (`FIPS 140-2 level 3`).
        upgraded: whether the module had an older warrant before this one.
    """

    anchor: VendorAnchor
    delegates: tuple[NCoreKey, ...]
    module_key: NCoreKey
    esn: str
    physical_serial: str | None
    approvals: tuple[str, ...]
    upgraded: bool


def decode_ddds(data: bytes, what: str) -> Any:
    """The one value that `data` encodes.

    Returns:
        `int`, `str`, `Symbol`, `bytes`, `list` or a `dict` by the names of symbols.

    Raises:
        ParseError: another encoding, a key twice, or bytes after the value.
    """
    value, end = _value(data, 0, what, _MAX_DEPTH)
    if end != len(data):
        raise ParseError(f"{what} has trailing bytes", offset=end)
    return value


def _value(data: bytes, place: int, what: str, depth: int) -> tuple[Any, int]:
    if not depth:
        raise ParseError(f"{what} nests too deeply", offset=place)
    (tag,), place = _take(data, place, 1, what)
    low = tag & 0x0F
    if tag < 0x20:
        return tag, place
    match tag >> 4:
        case 0x2 | 0x3:
            octets, place = _take(data, place, low, what)
            return _text(octets, what, symbol=tag >> 4 == 3), place
        case 0x9:
            items = []
            for _ in range(low):
                item, place = _value(data, place, what, depth - 1)
                items.append(item)
            return items, place
        case 0xB:
            return _map(data, place, what, depth, low)
    if tag in {0xC4, 0xC5, 0xD5}:
        size, place = _take(data, place, 2 if tag == 0xD5 else 1, what)
        octets, place = _take(data, place, int.from_bytes(size), what)
        return (_text(octets, what, symbol=True) if tag == 0xC4 else octets), place
    if tag == 0xF4:
        octets, place = _value(data, place, what, depth - 1)
        if not isinstance(octets, bytes):
            raise ParseError(f"{what} has an integer that is no octets", offset=place)
        return int.from_bytes(octets), place
    raise ParseError(f"{what} has the octet {tag:#04x} where a value begins", offset=place - 1)


def _map(data: bytes, place: int, what: str, depth: int, pairs: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    for _ in range(pairs):
        key, place = _value(data, place, what, depth - 1)
        if not isinstance(key, Symbol) or key.name in members:
            raise ParseError(f"{what} has a map whose keys are not different symbols", offset=place)
        members[key.name], place = _value(data, place, what, depth - 1)
    return members, place


def _take(data: bytes, place: int, size: int, what: str) -> tuple[bytes, int]:
    if place + size > len(data):
        raise ParseError(f"{what} ends early", offset=len(data))
    return data[place : place + size], place + size


def _text(octets: bytes, what: str, *, symbol: bool) -> str | Symbol:
    if not all(0x20 <= octet < 0x7F for octet in octets):
        raise ParseError(f"{what} has a text that is not printable ASCII")
    text = octets.decode("ascii")
    return Symbol(text) if symbol else text


def verify_warrant(data: bytes, anchors: AnchorSet) -> Warrant:
    """Verify a warrant.

    Args:
        data: its DDDS encoding.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `unknown-anchor`, `anchor-format`, `wrong-signature`,
            `signature-algorithm`, `not-an-issuing-certificate` or `not-a-device-certificate`.
        ParseError: no warrant.
    """
    listed = decode_ddds(data, "the warrant")
    if not isinstance(listed, list) or not 2 <= len(listed) <= _MAX_CERTIFICATES:
        raise ParseError("the warrant is no list of a name and certificates")
    if listed[0] != Symbol(ROOT_NAME):
        raise ParseError(f"the warrant does not begin with the name {ROOT_NAME}")
    certificates = [_certificate(one, place) for place, one in enumerate(listed[1:], 1)]
    anchor = _signing_anchor(certificates[0], anchors)
    delegates: list[NCoreKey] = []
    for place, (payload, signature) in enumerate(certificates, 1):
        if delegates and not _signed(delegates[-1].spki, payload, signature):
            raise EvidenceError(
                f"certificate {place} of the warrant is not signed by the delegate before it",
                check="wrong-signature",
            )
        members = decode_ddds(payload, f"certificate {place} of the warrant")
        if not isinstance(members, dict):
            raise ParseError(f"certificate {place} of the warrant is no map")
        if place < len(certificates):
            delegates.append(_delegate(members, place))
    return _module(members, anchor, tuple(delegates))


def _certificate(value: Any, place: int) -> tuple[bytes, bytes]:
    if isinstance(value, dict) and value.keys() == {"Payload", "Signature"}:
        payload, signature = value["Payload"], value["Signature"]
        if isinstance(payload, bytes) and isinstance(signature, bytes) and len(signature) == 2 * _COORDINATE:
            return payload, signature
    raise ParseError(f"certificate {place} of the warrant is no payload with a signature of 132 octets")


def _signing_anchor(certificate: tuple[bytes, bytes], anchors: AnchorSet) -> VendorAnchor:
    for anchor in anchors.attesting(FORMAT):
        if _signed(anchor.key, *certificate):
            return anchor
    for anchor in anchors:
        if _signed(anchor.key, *certificate):
            raise EvidenceError(
                f"the pinned key '{anchor.name}' may not attest {FORMAT}", check="anchor-format"
            )
    raise EvidenceError(
        "the first certificate of the warrant is signed by no pinned key for nshield", check="unknown-anchor"
    )


def _signed(spki: bytes, payload: bytes, signature: bytes) -> bool:
    r, s = int.from_bytes(signature[:_COORDINATE]), int.from_bytes(signature[_COORDINATE:])
    der = encode(SEQUENCE, encode_integer(r), encode_integer(s))
    return verifies_again(verify_signature, spki, _ECDSA_SHA512, der, payload)


def _delegate(members: Mapping[str, Any], place: int) -> NCoreKey:
    if members.get("WarrantCertificateType") != Symbol("Delegation"):
        raise EvidenceError(
            f"certificate {place} of the warrant signs another and is no delegation",
            check="not-an-issuing-certificate",
        )
    _require_mechanism(members.get("SigMech"), place)
    return _key(members.get("DelegateKey"), place)


def _module(members: Mapping[str, Any], anchor: VendorAnchor, delegates: tuple[NCoreKey, ...]) -> Warrant:
    kind, place = members.get("WarrantCertificateType"), len(delegates) + 1
    if kind not in {Symbol("ModuleInformation"), Symbol("FieldUpgradeModuleInformation")}:
        raise EvidenceError(
            "the last certificate of the warrant says nothing about a module",
            check="not-a-device-certificate",
        )
    esn, physical = members.get("ElectronicSerialNumber"), members.get("PhysicalSerialNumber")
    if not isinstance(esn, str) or not isinstance(physical, str | None):
        raise ParseError("the warrant does not state serial numbers as texts")
    _require_mechanism(members.get("KLF2mech"), place)
    return Warrant(
        anchor=anchor,
        delegates=delegates,
        module_key=_key(members.get("KLF2pub"), place),
        esn=esn,
        physical_serial=physical,
        approvals=_approvals(members.get("Approvals", [])),
        upgraded=kind == Symbol("FieldUpgradeModuleInformation"),
    )


def _require_mechanism(value: Any, place: int) -> None:
    if value != [Symbol("ECDSA"), [Symbol("EMSA1"), Symbol("SHA512")]]:
        raise EvidenceError(
            f"the key in certificate {place} of the warrant signs with another mechanism than ECDSA and SHA-512",
            check="signature-algorithm",
        )


def _key(value: Any, place: int) -> NCoreKey:
    match value:
        case [Symbol("ECDSA"), Symbol("Public"), Symbol("NISTP521"), [int(x), int(y)]] if max(x, y) < 2**521:
            return NCoreKey(KeyKind.ECDSA, (x, y), _P521)
    raise ParseError(f"certificate {place} of the warrant has no public key on NIST P-521")


def _approvals(listed: Any) -> tuple[str, ...]:
    """FIPS 140 approvals in words; others are kept for who reads the warrant."""
    if not isinstance(listed, list):
        raise ParseError("the warrant's approvals are no list")
    return tuple(_fips(one) for one in listed if _is_fips(one))


def _is_fips(approval: Any) -> bool:
    return isinstance(approval, Sequence) and len(approval) >= 3 and approval[0] == Symbol("FIPS140")


def _fips(approval: Any) -> str:
    match approval:
        case [Symbol("FIPS140"), int(version), int(level), *_]:
            return f"FIPS 140-{version} level {level}"
    raise ParseError("the warrant has a FIPS 140 approval without version and level")
