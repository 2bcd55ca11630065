# SPDX-License-Identifier: Apache-2.0
"""Entrust nShield key attestation: the JSON bundle that `nfkmattest` writes.

A module that is asked to certify the generation of a key signs the key's hash and the access control list that
the key was given. The bundle adds what leads from there to Entrust's root key *KWARN-1*, and what ties the list
to one Security World, in whose modules alone the key can be loaded. Source: Entrust's application notes "Key
attestation format", "Wire format" and "Construction of nCore key hashes"; checked against the bundles that
Entrust publishes. A world at FIPS 140 level 3 has another certificate, of which no public sample was found.

=========  ==================================================================================================
data       the bundle, as the tool wrote it
chain      empty: the warrant is inside
identity   `nshield-esn`, the module that generated the key; `nshield-world`, HKNSO: every module of that
           Security World can load it
=========  ==================================================================================================

Read are the access control list and what it permits (`acl`), not only hashes compared. A recoverable key is
accepted and called one: the world's Administrator Card Set can load it and, by the usual list, take it out.
What follows a warrant's *field upgrade* rests on an older warrant that is not part of the bundle.

`ncore` is the wire format, `warrant` the way from the root, `certificates` the module's messages, `acl` the
list, `bundle` the procedure.
"""

from collections.abc import Iterator
from types import MappingProxyType

from keystead.certificate.public_key import key_hash, load_public_key
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.material import Material
from keystead.devices.nshield.bundle import (
    VerifiedBundle,
    key_steps,
    looks_like_bundle,
    parse_bundle,
    verify_bundle,
)
from keystead.devices.nshield.warrant import FORMAT
from keystead.devices.piece import Piece
from keystead.devices.result import Attestation, ChainElement, DeviceIdentity, Property
from keystead.errors import EvidenceError, ParseError

__all__ = ["ESN_SCHEME", "FORMAT", "WORLD_SCHEME", "collect", "verify"]

ESN_SCHEME = "nshield-esn"
WORLD_SCHEME = "nshield-world"

_UNPROVEN = (
    "when the key was generated: the bundle holds no challenge and no time",
    "that who presents the bundle holds the key: only a signature by the key shows that",
    "that only one module holds the key: every module of the Security World can load it",
    "that the module runs in an approved mode: the approval in its warrant is its model's",
    "which of the module's users the key belongs to",
    "that the Security World was set up with the vendor's tools, so that nobody knows its module key",
)
_RECOVERABLE = "that the key's own protection is needed to use it: the Administrator Card Set can recover it"
_OFFICERS_MAY_EXPORT = "that the key never leaves the hardware: the Administrator Card Set can take it out"
_UPGRADED = (
    "that the module is genuine any better than by its older warrant, which has 1,024-bit DSA signatures"
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify an nShield key attestation bundle.

    Args:
        evidence: of the format `nshield`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `stray-certificate`, `malformed-attestation`, `malformed-key`, or one of
            `verify_bundle`'s.
    """
    # (1) One bundle has one encoding: nothing beside it.
    if evidence.chain:
        raise EvidenceError(
            "an nShield bundle has its warrant inside: the chain must be empty", check="stray-certificate"
        )
    # (2) From the pinned key to the module, its world, and the key.
    try:
        verified = verify_bundle(parse_bundle(evidence.data), anchors)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (3) The attested key is a key.
    try:
        load_public_key(verified.key.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    warrant = verified.warrant
    return Attestation(
        format=FORMAT,
        identities=_identities(verified),
        vendor="Entrust",
        model=None,
        serial=verified.state.esn,
        firmware=None,
        form_factor=None,
        certification=", ".join(warrant.approvals) or None,
        key=verified.key.spki,
        key_hash=key_hash(verified.key.spki),
        anchors=(warrant.anchor.key_hash,),
        cloud=warrant.anchor.cloud,
        properties=MappingProxyType(_properties(verified)),
        unproven=(*_UNPROVEN, *_weaknesses(verified)),
        chain=(
            *(ChainElement(role, name, key_hash(key.spki)) for role, name, key in key_steps(verified)),
            ChainElement("anchor", warrant.anchor.name, warrant.anchor.key_hash),
        ),
    )


def _identities(verified: VerifiedBundle) -> tuple[DeviceIdentity, ...]:
    try:
        return (
            DeviceIdentity.of(ESN_SCHEME, verified.state.esn.upper()),
            DeviceIdentity.of(WORLD_SCHEME, verified.state.security_officer.hex()),
        )
    except ParseError as error:
        raise EvidenceError(
            f"the module's serial number is malformed: {error}", check="malformed-attestation"
        ) from error


def _properties(verified: VerifiedBundle) -> dict[str, Property]:
    permitted, warrant = verified.permitted, verified.warrant
    properties: dict[str, Property] = {
        "generated_on_device": True,
        "exportable": False,
        "recoverable": permitted.recoverable,
        "officers_may_export": permitted.officers_may_export,
        "protection": permitted.protection,
        "permissions": list(permitted.operations),
        "security_world": verified.state.security_officer.hex(),
        "cipher_suite": verified.suite,
        "fips_world": verified.fips_world,
        "warrant": "field upgrade" if warrant.upgraded else "factory",
    }
    if warrant.physical_serial is not None:
        properties["physical_serial"] = warrant.physical_serial
    return properties


def _weaknesses(verified: VerifiedBundle) -> Iterator[str]:
    if verified.permitted.recoverable:
        yield _RECOVERABLE
    if verified.permitted.officers_may_export:
        yield _OFFICERS_MAY_EXPORT
    if verified.warrant.upgraded:
        yield _UPGRADED


def collect(material: Material, _: AnchorSet) -> Iterator[Piece]:
    """The bundles among the files that are JSON."""
    for name, data in material.rest:
        if looks_like_bundle(data):
            try:
                yield Piece(Evidence(FORMAT, data), (name,))
            except ParseError as error:
                material.problems[name] = str(error)
