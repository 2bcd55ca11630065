# SPDX-License-Identifier: Apache-2.0
"""The JSON bundle that `nfkmattest` writes, and its verification from the vendor's root to the key.

Its members are base64url of nCore messages, except `root` and `ciphersuite`, which are names.

==============================  ==============================================================================
`warrant`, `root`               leads to KLF2 and the serial number of the module
`modstatemsg`, `modstatesig`    the module state, signed by KLF2
`knsopub`, `hkm`, `hkmc`,       the security officers' key, which signed that HKM is the module key of the world
`ciphersuite`, `CertKMaKMCbKNSO`  (`CertKMaKMCaKFIPSbKNSO` and `hkfips` in a FIPS 140 level 3 world)
`hkre`, `hkra`,                 and, where keys can be recovered, which key that takes
`CertKREaKRAbKNSO`
`kcmsg`, `kcsig`                the key generation certificate, signed by KML
`pubkeydata`                    the public key whose hash it holds
==============================  ==============================================================================

The order in which a verification goes is the order of this table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keystead.devices.anchors import AnchorSet
from keystead.devices.nshield.acl import WELL_KNOWN_MODULE_KEYS, Permitted, WorldKeys, judge_acl
from keystead.devices.nshield.certificates import (
    KeyGeneration,
    ModuleState,
    parse_key_generation,
    parse_module_state,
)
from keystead.devices.nshield.ncore import HASH_SIZE, NCoreKey, WireReader, parse_key, verify_wire_signature
from keystead.devices.nshield.warrant import ROOT_NAME, Warrant, verify_warrant
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import EvidenceError, ParseError

__all__ = ["Bundle", "VerifiedBundle", "key_steps", "looks_like_bundle", "parse_bundle", "verify_bundle"]

_NAMES = frozenset({"root", "ciphersuite"})
_ALWAYS = frozenset(
    {
        "pubkeydata",
        "kcmsg",
        "kcsig",
        "modstatemsg",
        "modstatesig",
        "warrant",
        "root",
        "knsopub",
        "hkm",
        "hkmc",
        "ciphersuite",
    }
)
_PLAIN_WORLD = frozenset({"CertKMaKMCbKNSO"})
_FIPS_WORLD = frozenset({"CertKMaKMCaKFIPSbKNSO", "hkfips"})
_RECOVERY = frozenset({"hkre", "hkra", "CertKREaKRAbKNSO"})
_MEMBERS = tuple(
    _ALWAYS | world | recovery
    for world in (_PLAIN_WORLD, _FIPS_WORLD)
    for recovery in (frozenset(), _RECOVERY)
)
_LEGACY_SUITES = frozenset({"DLf1024s160mDES3", "DLf1024s160mRijndael"})
_SHA1 = 44  # Mech_SHA1Hash, before the hash of an M_KeyHashEx
_LETTERS_AND_DIGITS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is complete.

    Attributes:
        parts: the decoded members.
        suite: name of the cipher suite of the world.
    """

    parts: Mapping[str, bytes]
    suite: str

    @property
    def fips_world(self) -> bool:
        """Whether the world was made to run at FIPS 140 level 3."""
        return "hkfips" in self.parts


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """What a bundle proves.

    Attributes:
        warrant: of the module.
        state: of the module.
        officer_key: KNSO.
        permitted: by the key's access control list.
        key: the attested key.
        suite: name of the cipher suite of the world.
        fips_world: whether the world was made to run at FIPS 140 level 3.
    """

    warrant: Warrant
    state: ModuleState
    officer_key: NCoreKey
    permitted: Permitted
    key: NCoreKey
    suite: str
    fips_world: bool


def looks_like_bundle(data: bytes) -> bool:
    """Whether `data` is JSON with the members that no other format has; nothing is verified."""
    try:
        document = decode_json(data)
    except ParseError:
        return False
    return isinstance(document, dict) and {"warrant", "kcmsg", "modstatemsg"} <= document.keys()


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle.

    Raises:
        ParseError: it is not JSON, lacks a member, has one that does not belong there, or one is malformed.
    """
    document = decode_json(data, "the bundle")
    if not isinstance(document, dict):
        raise ParseError("the bundle is no JSON object")
    if document.keys() not in _MEMBERS:
        unknown = document.keys() - _ALWAYS - _PLAIN_WORLD - _FIPS_WORLD - _RECOVERY
        missing = _ALWAYS - document.keys()
        raise ParseError(
            f"the bundle has the member {min(unknown)[:40]!r}, which does not belong there"
            if unknown
            else f"the bundle lacks {min(missing)}"
            if missing
            else "the bundle has the certificates of its Security World neither of one kind nor of the other"
        )
    texts = {name: value for name, value in document.items() if isinstance(value, str)}
    if len(texts) != len(document):
        raise ParseError("the bundle has a member that is no text")
    if texts["root"] != ROOT_NAME:
        raise ParseError(f"the bundle's root is not {ROOT_NAME}")
    suite = texts["ciphersuite"]
    if not suite or len(suite) > 64 or not _LETTERS_AND_DIGITS.issuperset(suite):
        raise ParseError("the bundle's cipher suite is no name of letters and digits")
    parts = {name: _decode(value, name) for name, value in texts.items() if name not in _NAMES}
    return Bundle(parts, suite)


def _decode(text: str, name: str) -> bytes:
    """Base64url of RFC 4648 section 5, padded as the tool pads it."""
    if "+" in text or "/" in text:
        raise ParseError(f"{name} in the bundle is not base64url")
    return decode_base64(text.replace("-", "+").replace("_", "/"), f"{name} in the bundle")


def verify_bundle(bundle: Bundle, anchors: AnchorSet) -> VerifiedBundle:
    """Verify a bundle.

    Raises:
        EvidenceError: `check` is one of `verify_warrant`'s, `not-an-attestation`, `not-a-key-pair`,
            `device-mismatch`, `binding-mismatch`, `signature-algorithm`, `wrong-signature` or `extractable-key`.
        ParseError: a part is malformed.
    """
    parts = bundle.parts
    # (1) WV1: the pinned key leads to the module's key.
    warrant = verify_warrant(parts["warrant"], anchors)
    # (2) MSCV1 to MSCV2: the module's key signed its state.
    verify_wire_signature(
        warrant.module_key,
        parts["modstatesig"],
        parts["modstatemsg"],
        "the signature of the module state",
    )
    state = parse_module_state(parts["modstatemsg"])
    if state.esn != warrant.esn:
        raise EvidenceError(
            f"the module state names the module {state.esn}, the warrant {warrant.esn}",
            check="device-mismatch",
        )
    _require(
        state.module_key is None or state.module_key.hash == warrant.module_key.hash,
        "the module state and the warrant have different keys of the module",
    )
    # (3) MSCV3 to MSCV5, WBCV1 to WBCV5: the world that the module is in, and its module key.
    officer_key = parse_key(parts["knsopub"], "knsopub")
    _require(
        officer_key.hash == state.security_officer,
        "knsopub is not the key that the module state names by hash",
    )
    world = _verify_world(bundle, state, officer_key)
    # (4) KGCV1 to KGCV2: the module vouches for the key.
    verify_wire_signature(
        state.signing_key, parts["kcsig"], parts["kcmsg"], "the signature of the key generation certificate"
    )
    generation = parse_key_generation(parts["kcmsg"])
    key = parse_key(parts["pubkeydata"], "pubkeydata")
    _require_generated(key, generation)
    # (5) ACLV1 to ACLV4 and what belongs to them: the key stays in the world's hardware.
    permitted = judge_acl(generation.acl, world)
    return VerifiedBundle(warrant, state, officer_key, permitted, key, bundle.suite, bundle.fips_world)


def _require_generated(key: NCoreKey, generation: KeyGeneration) -> None:
    _require(
        key.hash == generation.key_hash and (key.kind, key.curve) == (generation.kind, generation.curve),
        "pubkeydata is not the key of which the key generation certificate has the hash",
    )


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise EvidenceError(problem, check="binding-mismatch")


def _verify_world(bundle: Bundle, state: ModuleState, officer_key: NCoreKey) -> WorldKeys:
    """What the security officers' key signed when the world was made."""
    parts, suite = bundle.parts, bundle.suite
    if suite in _LEGACY_SUITES:  # bound by signatures of another form, with 1,024-bit DSA
        raise EvidenceError(
            f"the Security World has the cipher suite {suite}, which is too old", check="signature-algorithm"
        )
    hkm, hkmc = _key_hash(parts["hkm"], "hkm"), _key_hash(parts["hkmc"], "hkmc")
    _require(hkm in state.module_keys, "hkm is none of the module keys that the module has")
    if hkm in WELL_KNOWN_MODULE_KEYS:
        raise EvidenceError(
            "the module key of the Security World is one that everybody knows", check="extractable-key"
        )
    officer = state.security_officer
    if bundle.fips_world:
        hkfips = _key_hash(parts["hkfips"], "hkfips")
        message = _labelled("Module setup, FIPS3; suite = " + suite, officer, hkm, hkmc, hkfips)
        certificate = "CertKMaKMCaKFIPSbKNSO"
    else:
        message = _labelled("Module keys: suite = " + suite, officer, hkm, hkmc)
        certificate = "CertKMaKMCbKNSO"
    _verify_officers(bundle, officer_key, certificate, message)
    if "CertKREaKRAbKNSO" not in parts:
        return WorldKeys(hkm, officer, None)
    hkre, hkra = _key_hash(parts["hkre"], "hkre"), _key_hash(parts["hkra"], "hkra")
    recovery = _labelled("Card Recovery", officer, hkre, hkra)
    _verify_officers(bundle, officer_key, "CertKREaKRAbKNSO", recovery)
    return WorldKeys(hkm, officer, hkre)


def _verify_officers(bundle: Bundle, officer_key: NCoreKey, certificate: str, message: bytes) -> None:
    signature = bundle.parts[certificate]
    verify_wire_signature(officer_key, signature, message, f"the signature in {certificate}")


def _labelled(label: str, *key_hashes: bytes) -> bytes:
    return label.encode("ascii") + b"\0" + b"".join(key_hashes)


def _key_hash(data: bytes, name: str) -> bytes:
    """An M_KeyHashEx by SHA-1."""
    reader = WireReader(data, name)
    if reader.word() != _SHA1:
        raise ParseError(f"{name} is a hash of a kind that is not known")
    key_hash = reader.fixed(HASH_SIZE)
    reader.finish()
    return key_hash


def key_steps(verified: VerifiedBundle) -> Iterator[tuple[str, str, NCoreKey]]:
    """Role, name and key of every step from the attested key up to, not including, the pinned key."""
    esn = verified.state.esn
    yield "attestation", f"key generation certificate of {esn}", verified.key
    yield "module", f"KML of {esn}", verified.state.signing_key
    yield "device", f"KLF2 of {esn}", verified.warrant.module_key
    for number, key in reversed(list(enumerate(verified.warrant.delegates, 1))):
        yield "intermediate", f"warrant delegate {number}", key
    yield "world", "KNSO, the security officers' key", verified.officer_key
