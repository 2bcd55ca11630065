# SPDX-License-Identifier: Apache-2.0
"""The messages that an nShield module signs about itself and about a key: M_ModCertMsg.

==================  ==========================================================================================
type 4, StateCert   attributes of the module: 2 ESN, 3 KML, 5 HKNSO, 6 module keys, 13 KLF2; signed by KLF2
type 2, KeyGen      how a key was generated, the access control list that it was given, its hash; signed by KML
==================  ==========================================================================================

KML is the key with which a module vouches for keys, made anew when a Security World is set up. HKNSO, the hash
of the key of the world's security officers, names the world. Source: Entrust's application note "Wire format".

Invariants:

* a message is read to its last byte, and one with anything that is not known is refused: an attribute or a
  permission that cannot be read could mean anything;
* nothing but `ParseError` and `EvidenceError` is raised on input.
"""

from dataclasses import dataclass
from typing import Any

from keystead.devices.nshield.acl import PermissionGroup, read_acl
from keystead.devices.nshield.ncore import HASH_SIZE, KeyKind, NCoreKey, WireReader, read_key
from keystead.errors import EvidenceError, ParseError

__all__ = ["KeyGeneration", "ModuleState", "parse_key_generation", "parse_module_state"]

_KEY_GENERATION = 2
_STATE = 4

_RSA_GENERATION = 0x7  # given exponent, number of tests, strong primes
_GENERATED_AS = {2: KeyKind.RSA, 19: KeyKind.DSA, 45: KeyKind.EC, 47: KeyKind.ECDSA}
"""M_KeyType of a private key in generation parameters, and what its public half is."""


@dataclass(frozen=True, slots=True)
class ModuleState:
    """What a module says of itself.

    Attributes:
        esn: electronic serial number.
        signing_key: KML.
        security_officer: HKNSO, 20 bytes.
        module_keys: hashes of the module keys that it has.
        module_key: KLF2, where it repeats it.
    """

    esn: str
    signing_key: NCoreKey
    security_officer: bytes
    module_keys: tuple[bytes, ...]
    module_key: NCoreKey | None


@dataclass(frozen=True, slots=True)
class KeyGeneration:
    """What a module says of a key that it generated.

    Attributes:
        kind: of the public half.
        curve: M_ECName, or 0.
        acl: what may be done with the private half, and by whom.
        key_hash: 20 bytes.
    """

    kind: KeyKind
    curve: int
    acl: tuple[PermissionGroup, ...]
    key_hash: bytes


def _message(data: bytes, kind: int, what: str) -> WireReader:
    reader = WireReader(data, what)
    found = reader.word()
    if found != kind:
        raise EvidenceError(
            f"{what} is a message of the type {found}, not {kind}", check="not-an-attestation"
        )
    reader.flags(0, "the message")
    return reader


def parse_module_state(data: bytes) -> ModuleState:
    """Read a module state certificate's message.

    Raises:
        EvidenceError: `check` is `not-an-attestation`: a message about something else.
        ParseError: malformed, incomplete, or with an attribute that is not known.
    """
    reader = _message(data, _STATE, "the module state")
    attributes: dict[int, Any] = {}
    for _ in range(reader.count(4)):
        number = reader.word()
        if number in attributes:
            raise ParseError(f"the module state has the attribute {number} twice")
        match number:
            case 2:
                attributes[number] = reader.text()
            case 3 | 13:
                attributes[number] = _hashed_key(reader)
            case 5:
                attributes[number] = reader.digest()
                reader.word()  # what the module asks its security officers for
            case 6:
                # Hash, and the mechanisms that its blobs are encrypted and authenticated with.
                attributes[number] = tuple(
                    reader.fixed(HASH_SIZE + 8)[:HASH_SIZE] for _ in range(reader.count(HASH_SIZE + 8))
                )
            case _:
                raise ParseError(f"the module state has the attribute {number}, which is not known")
    reader.finish()
    if not {2, 3, 5, 6} <= attributes.keys():
        raise ParseError("the module state lacks the serial number, KML, HKNSO or the module keys")
    return ModuleState(attributes[2], attributes[3], attributes[5], attributes[6], attributes.get(13))


def _hashed_key(reader: WireReader) -> NCoreKey:
    stated, key = reader.digest(), read_key(reader)
    reader.word()  # its mechanism, which the signatures name themselves
    if stated != key.hash:
        raise ParseError("the module state has a key beside the hash of another")
    return key


def parse_key_generation(data: bytes) -> KeyGeneration:
    """Read a key generation certificate's message.

    Raises:
        EvidenceError: `check` is `not-an-attestation` (a message about something else), `not-a-key-pair`
            (the key has no public half) or `extractable-key` (its access control list grants an action that
            is not known).
        ParseError: malformed.
    """
    reader = _message(data, _KEY_GENERATION, "the key generation certificate")
    number = reader.word()
    kind = _GENERATED_AS.get(number)
    if kind is None:
        raise EvidenceError(
            f"a key of the type {number} was generated, which is no key pair of a kind that certificates hold",
            check="not-a-key-pair",
        )
    curve = 0
    if kind in {KeyKind.EC, KeyKind.ECDSA}:
        curve = reader.word()
    elif kind == KeyKind.RSA:
        flags = reader.flags(_RSA_GENERATION, "the generation of the key")
        reader.word()  # length in bits
        if flags & 0x1:
            reader.integer()  # the exponent that was asked for
        if flags & 0x2:
            reader.word()  # tests of primality
    else:
        raise EvidenceError("a DSA key was generated, which no certificate holds", check="not-a-key-pair")
    acl = read_acl(reader)
    key_hash = reader.digest()
    reader.finish()
    return KeyGeneration(kind, curve, acl, key_hash)
