# SPDX-License-Identifier: Apache-2.0
"""Marvell LiquidSecurity key attestation: Google Cloud HSM, and whoever else runs these modules.

A partition of a module signs a statement about a key pair, with the attributes of both halves
(`marvell.statement`). The partition's key is certified twice: by the module's maker, by way of the card, and by
the module's owner. Sources: Marvell's "Software Key Attestation" page, Google's "Verifying attestations" and
their published tools; checked against a published statement of Google Cloud HSM.

=========  ==================================================================================================
data       the statement, decompressed, its signature included
chain      the maker's certificates of the partition and of the card; then, only where it leads to a pinned
           key, the owner's path: for Google, its certificate of the partition
identity   `marvell-adapter`, the card in the certificates' names: class appliance; class cloud where the
           owner's path ends at a key that is marked as a cloud provider's
=========  ==================================================================================================

Certificates are of version 1, or without extensions; names say what they are:
`HSM:<adapter>:PARTN:<n>, for FIPS mode` a partition, the same without `:PARTN:<n>` a card. Pinned keys that are
marked as a cloud provider's are owners', and all others of this format makers': an owner certifies
whatever key he likes, and only the maker knows that it is in a module.

The attributes of the *private* object decide; the public half of every pair says that it is extractable.
"""

from types import MappingProxyType

from keystead.certificate.device_identifier import DeviceClass
from keystead.certificate.public_key import key_hash, load_public_key
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.marvell.files import collect
from keystead.devices.marvell.paths import FORMAT, MAKERS, OWNERS, walk_paths
from keystead.devices.marvell.signature import signed_statement
from keystead.devices.marvell.statement import KeyObject, attested_key, parse_statement
from keystead.devices.result import Attestation, DeviceIdentity, Property
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "SCHEME", "collect", "verify"]

SCHEME = "marvell-adapter"

_FIPS_MODE = "for FIPS mode"

_SENSITIVE = 0x103
_EXTRACTABLE = 0x162
_LOCAL = 0x163
_NEVER_EXTRACTABLE = 0x164
_ALWAYS_SENSITIVE = 0x165
_LABEL = 0x3
_KEY_ID = 0x102
_PURPOSES = {0x105: "decrypt", 0x107: "unwrap", 0x108: "sign", 0x10C: "derive"}

_UNPROVEN = (
    "when the statement was made: it holds no challenge and no date",
    "that who presents it holds the key: a statement is public, only a signature by the key shows that",
    "that the card runs in FIPS mode now: its name says what its certificate was made for",
)
_SHARED = "who uses the key: the card is a cloud provider's, and any number of its customers share it"
_UNKNOWN_OWNER = "that no cloud provider owns the card: only an owner's certificate shows who does"


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a LiquidSecurity module's statement about a key pair.

    Args:
        evidence: of the format `marvell`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-a-key-pair`, `not-generated`,
            `extractable-key`, `malformed-key`, `device-mismatch`, `not-a-device-certificate`,
            `not-an-issuing-certificate`, `unknown-critical-extension`, or one of `vendor_chain.walk`'s.
    """
    # (1) The statement is about one key pair.
    statement = parse_statement(evidence.data)
    # (2) Its signature leads to the maker's pinned key, and the same key to the owner's where it says so.
    paths = walk_paths(signed_statement(statement), evidence.chain, anchors)
    # (3) The private key was generated inside and cannot leave, nor be seen, nor ever could.
    _require_confined(statement.private)
    # (4) The attested key is a key.
    key = attested_key(statement)
    try:
        load_public_key(key)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    properties: dict[str, Property] = {
        "statement_version": statement.version,
        "partition": paths.partition,
        "generated_on_device": True,
        "exportable": False,
        "purposes": [name for kind, name in _PURPOSES.items() if statement.private.flag(kind)],
    }
    for name, kind in (("label", _LABEL), ("key_id", _KEY_ID)):
        text = statement.private.text(kind)
        if text is not None:
            properties[name] = text
    ends = [paths.maker.anchor]
    elements = paths.maker.elements(MAKERS, key_hash(key))
    if paths.owner is not None:
        ends.append(paths.owner.anchor)
        elements += paths.owner.elements(OWNERS)
        properties["owner"] = paths.owner.anchor.name
    cloud = paths.owner is not None
    return Attestation(
        format=FORMAT,
        identities=(DeviceIdentity.of(SCHEME, paths.adapter, DeviceClass.CLOUD if cloud else None),),
        vendor="Marvell",
        model="LiquidSecurity",
        serial=paths.adapter,
        firmware=None,
        form_factor=None,
        certification="FIPS mode" if paths.mode == _FIPS_MODE else None,
        key=key,
        key_hash=key_hash(key),
        anchors=tuple(anchor.key_hash for anchor in ends),
        cloud=cloud,
        properties=MappingProxyType(properties),
        unproven=(*_UNPROVEN, _SHARED if cloud else _UNKNOWN_OWNER),
        chain=elements,
    )


def _require_confined(private: KeyObject) -> None:
    if private.flag(_LOCAL) is not True:
        raise EvidenceError(
            "the key was not generated in the module: its private half is not local", check="not-generated"
        )
    for kind, wanted, problem in (
        (_EXTRACTABLE, False, "is extractable"),
        (_NEVER_EXTRACTABLE, True, "was not always unextractable"),
        (_SENSITIVE, True, "is not sensitive"),
        (_ALWAYS_SENSITIVE, True, "was not always sensitive"),
    ):
        if private.flag(kind) is not wanted:
            raise EvidenceError(
                f"the key may leave the module or has been able to: its private half {problem}",
                check="extractable-key",
            )
