# SPDX-License-Identifier: Apache-2.0
"""Fortanix DSM key attestation: a key in a cluster of hardware modules, without a name for any of them.

A cluster has an authority that makes an X.509 certificate for a key, and states what holds of the key by
extensions. Sources: Fortanix's pages on issuing and verifying key attestation statements, and its Java example
(user-assurance) with the statement of a test cluster, which has the structure that is read here.

=========  ==================================================================================================
data       DER of the statement's certificate, subject `CN=Fortanix DSM Key Attestation` and the key's UUID
chain      the cluster's Key Attestation Authority, the Key Attestation CA
identity   none: the statement names neither a module nor, durably, the cluster
=========  ==================================================================================================

The authority is no authority by its basicConstraints (which say FALSE aloud), and issues statements all the
same: its purpose, an extended key usage, says that it may. An attested key's certificate has no such purpose, so
nothing that a user signs with it passes for a statement. Nodes of the cluster must be hardware with physical
protection by the policy in the authority's certificate; without that, a statement is about software.

No key is pinned for this format: Fortanix's root is at
https://pki.fortanix.com/Fortanix_Attestation_and_Provisioning_Root_CA.crt, for operators to add.
"""

from collections.abc import Iterator
from types import MappingProxyType

from keystead.certificate.name import decode_name
from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import (
    KEY_CERT_SIGN,
    Certificate,
    basic_constraints,
    extended_key_usages,
    key_usage,
)
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
from keystead.devices.result import Attestation, Property
from keystead.devices.vendor_chain import ChainRules, walk
from keystead.encoding.der import SEQUENCE, Element, decode_oid, parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "collect", "is_statement", "verify"]

FORMAT = "fortanix"

_ARC = "1.3.6.1.4.1.49690"
_KEY_ID = f"{_ARC}.1.2.2"
_GENERATED = f"{_ARC}.2.4.1.1"
_NEVER_EXPORTABLE = f"{_ARC}.2.4.1.2"
_NODE_POLICY = f"{_ARC}.2.5"
_MINIMUM_PROTECTION = f"{_ARC}.2.5.1"
_FX2200 = f"{_ARC}.2.5.1.1"
_SITE_OPERATOR_APPROVAL = f"{_ARC}.2.5.2"
_ATTESTATION_POLICY = f"{_ARC}.6.1.2"
_KEY_ATTESTATION = f"{_ARC}.8.1"
_COMMON_NAME = "2.5.4.3"
_CERTIFICATE_POLICIES = "2.5.29.32"
_EXTENDED_KEY_USAGE = "2.5.29.37"

_STATEMENT_NAME = "Fortanix DSM Key Attestation"
_ROOT_ADDRESS = "https://pki.fortanix.com/Fortanix_Attestation_and_Provisioning_Root_CA.crt"

_UNPROVEN = (
    "which module holds the key: the statement names none, and no durable name of the cluster",
    "that two keys are in one cluster or in two: authorities are certified anew each month",
    "when the statement was made: it holds no challenge, and its date is the cluster's own word",
    "that who presents it holds the key: a statement is public, only a signature by the key shows that",
    "whose account the key is in: a cluster serves any number of them",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a DSM cluster's statement about a key.

    Args:
        evidence: of the format `fortanix`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `not-an-attestation`,
            `unknown-critical-extension`, `malformed-extension`, `not-generated`, `extractable-key`,
            `not-hardware`, `malformed-key`, `not-a-device-certificate`, `not-an-issuing-certificate`, or one of
            `vendor_chain.walk`'s.
    """
    # (1) The statement is a certificate for a key, and may not issue others.
    leaf = parse_evidence_certificate(evidence.data, "the statement", "malformed-attestation")
    _require_statement(leaf)
    # (2) It leads to a pinned key by way of a cluster's authority.
    path = walk(leaf, evidence.chain, anchors, _RULES)
    if not path.certificates:
        raise EvidenceError(
            "the statement is signed by the pinned key itself, without a cluster's authority between them",
            check="not-a-device-certificate",
        )
    # (3) The key was generated in the cluster and was never exportable, not even encrypted.
    if not _states(leaf, _GENERATED):
        raise EvidenceError(
            "the statement does not say that the key was generated in DSM", check="not-generated"
        )
    if not _states(leaf, _NEVER_EXPORTABLE):
        raise EvidenceError(
            "the statement does not say that the key was never exportable", check="extractable-key"
        )
    # (4) The cluster's nodes are hardware.
    policy = _node_policy(path.certificates[0])
    if policy.get(_MINIMUM_PROTECTION) != _FX2200:
        raise EvidenceError(
            "the cluster's policy does not ask for hardware with physical protection of all its nodes",
            check="not-hardware",
        )
    # (5) The attested key is a key.
    try:
        load_public_key(leaf.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    properties: dict[str, Property] = {
        "generated_on_device": True,
        "exportable": False,
        "minimum_protection": "Fortanix FX2200",
        "site_operator_approval": _SITE_OPERATOR_APPROVAL in policy,
    }
    key_id = _attribute(leaf, _KEY_ID)
    if key_id is not None:
        properties["key_id"] = key_id
    return Attestation(
        format=FORMAT,
        identities=(),
        vendor="Fortanix",
        model=None,
        serial=None,
        firmware=None,
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
    """The statements among the certificates of files, each with its path by signatures.

    DSM answers with JSON: `authority_chain`, base64 of certificates in any order, and `attestation_statement`.
    """
    for found in material.certificates:
        if is_statement(found.certificate):
            piece = material.piece(found, anchors, FORMAT)
            if piece is not None:
                yield piece


def is_statement(certificate: Certificate) -> bool:
    """Whether the certificate's name is a statement's; nothing is verified."""
    return _attribute(certificate, _COMMON_NAME) == _STATEMENT_NAME


def _attribute(certificate: Certificate, oid: str) -> str | None:
    """The one attribute of this type in a certificate's subject."""
    try:
        texts = [one.text for one in decode_name(certificate.subject) if one.oid == oid]
    except ParseError:
        return None
    return texts[0] if len(texts) == 1 else None


def _require_statement(leaf: Certificate) -> None:
    if not is_statement(leaf):
        raise EvidenceError(
            f"{shown(leaf.subject)} is not the subject of a key attestation statement",
            check="not-an-attestation",
        )
    try:
        constraints, usage = basic_constraints(leaf), key_usage(leaf)
    except ParseError as error:
        raise EvidenceError(f"the statement is malformed: {error}", check="malformed-extension") from error
    if (constraints is not None and constraints.ca) or (usage is not None and KEY_CERT_SIGN in usage):
        raise EvidenceError(
            "the statement may issue certificates, which no statement may", check="not-an-attestation"
        )
    refuse_critical(leaf, {BASIC_CONSTRAINTS, KEY_USAGE})


def _states(leaf: Certificate, oid: str) -> bool:
    """Whether a claim is there: an extension with nothing in it."""
    extension = leaf.extension(oid)
    if extension is None:
        return False
    if extension.value != b"\x30\x00":
        raise EvidenceError(f"extension {oid} of the statement is not empty", check="malformed-extension")
    return True


def _node_policy(authority: Certificate) -> dict[str, str | None]:
    """Items of the cluster's node enrolment policy: by identifier, the identifier that qualifies it."""
    extension = authority.extension(_NODE_POLICY)
    if extension is None:
        return {}
    items: dict[str, str | None] = {}
    try:
        for item in parse(extension.value, "the policy").expect(SEQUENCE, "the policy").children():
            kind, *qualifiers = item.expect(SEQUENCE, "an item").children()
            name = decode_oid(kind)
            if name in items or len(qualifiers) > 1:
                raise ParseError("an item is there twice, or has two qualifiers")
            items[name] = _identifier(qualifiers[0]) if qualifiers else None
    except (ParseError, ValueError) as error:  # ValueError: an empty item
        raise EvidenceError(
            f"the cluster's node enrolment policy is malformed: {error}", check="malformed-extension"
        ) from error
    return items


def _identifier(qualifier: Element) -> str:
    """The identifier that a qualifier is; of another form, something that equals none."""
    try:
        return decode_oid(qualifier)
    except ParseError:
        return qualifier.encoded.hex()


def _policies(certificate: Certificate) -> set[str]:
    """The identifiers of the certificate policies (RFC 5280 section 4.2.1.4)."""
    extension = certificate.extension(_CERTIFICATE_POLICIES)
    if extension is None:
        return set()
    listed = parse(extension.value, "the policies").expect(SEQUENCE, "the policies").children()
    return {decode_oid(next(one.expect(SEQUENCE, "a policy").iterate())) for one in listed}


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the statement: the cluster's authority, then CAs."""
    check = "not-a-device-certificate" if place == 0 else "not-an-issuing-certificate"
    try:
        policies, purposes = _policies(certificate), extended_key_usages(certificate)
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
    except (ParseError, StopIteration) as error:
        raise EvidenceError(f"{shown(certificate.subject)} is malformed: {error}", check=check) from error
    problem = ""
    if _ATTESTATION_POLICY not in policies:
        problem = "does not follow the policy of key attestation"
    elif place == 0 and purposes != (_KEY_ATTESTATION,):
        problem = "has not the one purpose of attesting keys"
    elif place == 0 and constraints is not None and constraints.ca:
        problem = "is an authority by its basicConstraints, which no cluster's is"
    elif place == 0 and usage is not None and _DIGITAL_SIGNATURE not in usage:
        problem = "may not sign by its keyUsage"
    if problem:
        raise EvidenceError(f"{shown(certificate.subject)} {problem}", check=check)
    if place == 0:
        refuse_critical(certificate, _KNOWN)
    else:
        require_authority(certificate, place - 1, check, known=_KNOWN)


def _hint(certificate: Certificate) -> str:
    if is_statement(certificate):
        return "give the authority chain, which comes with the statement"
    if "Root CA" in shown(certificate.issuer):
        return f"no key of Fortanix's is built in, add the one at {_ROOT_ADDRESS}"
    return ""


_DIGITAL_SIGNATURE = 0
_KNOWN = frozenset({BASIC_CONSTRAINTS, KEY_USAGE, _EXTENDED_KEY_USAGE, _CERTIFICATE_POLICIES})

_RULES = ChainRules(
    format=FORMAT, roles=("attestation", "authority", "intermediate"), judge=_judge, hint=_hint
)
