# SPDX-License-Identifier: Apache-2.0
"""The two ways from a LiquidSecurity statement to pinned keys: the maker's, and the owner's where there is one.

Invariants:

* the maker's path is the certificates of the partition that signed and of its card, and ends at a key that is
  not marked as a cloud provider's;
* the owner's path begins with another certificate of the same key and the same name, and ends at one that is;
* all names are of one card.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from keystead.certificate.name import decode_name
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority
from keystead.devices.evidence_certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    parse_evidence_certificate,
    shown,
)
from keystead.devices.marvell.signature import BARE_DIGEST, verify_marvell_signature
from keystead.devices.vendor_chain import (
    MAX_CHAIN,
    SHA2_ALGORITHMS,
    ChainRules,
    SignedStatement,
    VendorPath,
    walk,
)
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "MAKERS", "OWNERS", "Paths", "is_partition", "makers_of", "owners_of", "walk_paths"]

FORMAT = "marvell"

_COMMON_NAME = "2.5.4.3"
# The adapter is what the scheme's canonical values are made of: printable, without colon, comma and space.
_NAME = re.compile(r"HSM:([!-+\--9;-~]+)(?::PARTN:([0-9]{1,5}))?(?:, ([ -~]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Paths:
    """Both ways, verified.

    Attributes:
        maker: from the statement to the maker's pinned key.
        owner: from the owner's certificate of the partition to his, or None.
        adapter: the card.
        partition: the partition of it that signed.
        mode: what the card's name says of its mode, or None.
    """

    maker: VendorPath
    owner: VendorPath | None
    adapter: str
    partition: int
    mode: str | None


def is_partition(certificate: Certificate) -> bool:
    """Whether the certificate's name is that of a partition; nothing is verified."""
    return _named(certificate)[1] is not None


@lru_cache(maxsize=8)
def makers_of(anchors: AnchorSet) -> AnchorSet:
    """All but the keys of this format that are a cloud provider's."""
    return AnchorSet(one for one in anchors if FORMAT not in one.formats or not one.cloud)


@lru_cache(maxsize=8)
def owners_of(anchors: AnchorSet) -> AnchorSet:
    """All but the keys of this format that are no cloud provider's."""
    return AnchorSet(one for one in anchors if FORMAT not in one.formats or one.cloud)


def walk_paths(statement: SignedStatement, chain: Sequence[bytes], anchors: AnchorSet) -> Paths:
    """Verify that `chain` is exactly the maker's path and, if there is more, the owner's.

    Raises:
        EvidenceError: `check` is `device-mismatch`, `not-a-device-certificate`, `not-an-issuing-certificate`,
            `unknown-critical-extension`, or one of `vendor_chain.walk`'s.
    """
    if len(chain) > MAX_CHAIN:
        raise EvidenceError(
            f"the chain has {len(chain)} certificates, more than {MAX_CHAIN}", check="chain-too-long"
        )
    if len(set(chain)) != len(chain):
        raise EvidenceError("the chain holds a certificate twice", check="chain-repeats")
    certificates = [_certificate(der, place) for place, der in enumerate(chain, 1)]
    # (1) The owner's path begins with another certificate of the partition's key.
    keys = [certificate.spki for certificate in certificates]
    end = keys.index(keys[0], 1) if keys and keys[0] in keys[1:] else len(chain)
    # (2) The maker's path.
    maker = walk(statement, chain[:end], makers_of(anchors), MAKERS)
    if len(maker.certificates) != 2:
        raise EvidenceError(
            "the maker's path is not the certificates of a partition and of its card",
            check="not-an-issuing-certificate",
        )
    partition, card = maker.certificates
    adapter, _, mode = _named(card)
    other, number, _ = _named(partition)
    if other != adapter or adapter is None or number is None:
        raise _mismatch(card, partition)
    # (3) The owner's, for the same partition of the same card.
    if end == len(chain):
        return Paths(maker, None, adapter, number, mode)
    owner = walk(certificates[end], chain[end + 1 :], owners_of(anchors), OWNERS)
    if _named(certificates[end]) != _named(partition):
        raise _mismatch(partition, certificates[end])
    return Paths(maker, owner, adapter, number, mode)


def _mismatch(one: Certificate, other: Certificate) -> EvidenceError:
    return EvidenceError(
        f"{shown(one.subject)} and {shown(other.subject)} name different devices", check="device-mismatch"
    )


@lru_cache(maxsize=256)  # all of a partition's statements have one chain
def _certificate(der: bytes, place: int) -> Certificate:
    certificate = parse_evidence_certificate(der, f"element {place} of the chain", "malformed-chain")
    if certificate.signature_algorithm == BARE_DIGEST:
        raise EvidenceError(
            f"{shown(certificate.subject)} is signed with an algorithm that no certificate may have",
            check="signature-algorithm",
        )
    return certificate


@lru_cache(maxsize=256)
def _name(subject: bytes) -> tuple[str | None, int | None, str | None]:
    try:
        texts = [one.text for one in decode_name(subject) if one.oid == _COMMON_NAME]
    except ParseError:
        return None, None, None
    match = _NAME.fullmatch(texts[0] or "") if len(texts) == 1 else None
    if match is None:
        return None, None, None
    return match[1], None if match[2] is None else int(match[2]), match[3]


def _named(certificate: Certificate) -> tuple[str | None, int | None, str | None]:
    """Adapter, partition and mode out of a certificate's name; None for what it does not say."""
    return _name(certificate.subject)


def _judge_maker(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the statement: the partition, its card."""
    adapter, partition, _ = _named(certificate)
    if place == 0:
        if adapter is None or partition is None:
            raise EvidenceError(
                f"{shown(certificate.subject)} signed the statement and is no partition",
                check="not-a-device-certificate",
            )
        refuse_critical(certificate, _KNOWN)
        return
    if adapter is None or partition is not None:
        raise EvidenceError(
            f"{shown(certificate.subject)} certified the partition and is no card",
            check="not-an-issuing-certificate",
        )
    require_authority(certificate, 0, "not-an-issuing-certificate", optional=True)


def _judge_owner(certificate: Certificate, place: int) -> None:
    """Between the owner's certificate of the partition and his pinned key, his own authorities."""
    require_authority(certificate, place, "not-an-issuing-certificate")


def _hint(certificate: Certificate) -> str:
    if is_partition(certificate):
        return "give the maker's certificate chain, which comes with the statement"
    return ""


_KNOWN = frozenset({BASIC_CONSTRAINTS, KEY_USAGE})

MAKERS = ChainRules(
    format=FORMAT,
    roles=("attestation", "device", "card"),
    judge=_judge_maker,
    algorithms=SHA2_ALGORITHMS | {BARE_DIGEST},
    verify=verify_marvell_signature,
    hint=_hint,
)
OWNERS = ChainRules(format=FORMAT, roles=("owner-device", "owner"), judge=_judge_owner)
