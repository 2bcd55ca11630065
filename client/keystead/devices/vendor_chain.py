# SPDX-License-Identifier: Apache-2.0
"""The way from what a device signed to its vendor's pinned key, link by link.

Vendors' hierarchies are no RFC 5280 paths: certificates of version 1, without BasicConstraints, below a root
whose path length forbids them, valid for thirty years whatever happened. So each link is verified by itself,
under the rule set of its vendor, and nothing is looser than what that vendor's real chains need. Dates are
shown, never checked: an expired root still says who made the device.

Invariants:

* what a device signed is a certificate or, in formats of their own, a `SignedStatement`;
* the chain is exactly the path, each certificate once, in order, without the pinned key's own certificate:
  one piece of evidence has one encoding (`specs/evidence.md`, section 2.2);
* a signature algorithm is written as the rule set lists it;
* a path ends at a key that may attest the format, and at the first such key;
* nothing but `EvidenceError` is raised on input, and at most `MAX_CHAIN` squared signatures are verified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence_certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    parse_evidence_certificate,
    shown,
    shown_name,
)
from keystead.devices.remembered_signatures import Verify, verifies_again
from keystead.devices.result import ChainElement
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.errors import EvidenceError

__all__ = [
    "BARE_SHA2_ALGORITHMS",
    "BASIC_CONSTRAINTS",
    "KEY_USAGE",
    "MAX_CHAIN",
    "SHA2_ALGORITHMS",
    "ChainRules",
    "SignedStatement",
    "VendorPath",
    "parse_evidence_certificate",
    "shown",
    "walk",
]

MAX_CHAIN = 8
"""The longest real path has four certificates; two paths side by side (Marvell) have six."""

_NULL = b"\x05\x00"
_RSA_SHA2 = [encode_oid(f"1.2.840.113549.1.1.{n}") for n in (11, 12, 13)]
SHA2_ALGORITHMS = frozenset(
    [encode(SEQUENCE, oid, _NULL) for oid in _RSA_SHA2]
    + [encode(SEQUENCE, encode_oid(f"1.2.840.10045.4.3.{n}")) for n in (2, 3, 4)]
)
"""AlgorithmIdentifiers of RSA PKCS#1 v1.5 and ECDSA with SHA-256, SHA-384 and SHA-512."""

BARE_SHA2_ALGORITHMS = SHA2_ALGORITHMS | {encode(SEQUENCE, oid) for oid in _RSA_SHA2}
"""The same, and those of RSA without their NULL, as some vendors' issuers write them."""


@lru_cache(maxsize=256)  # a batch shares its f9 certificate, and all devices a few intermediates
def _chain_certificate(der: bytes, place: int) -> Certificate:
    return parse_evidence_certificate(der, f"element {place} of the chain", "malformed-chain")


def _no_role(_: Certificate, __: int) -> None:
    """Judge nothing: for a vendor whose certificates state no role."""


def _no_hint(_: Certificate) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """What a device signed that is no certificate: the lower end of a path.

    Attributes:
        what: what it is called in a sentence ("the statement").
        tbs: the bytes that were signed.
        signature_algorithm: DER of the AlgorithmIdentifier that says how, for the rules' `verify`.
        signature: what `verify` takes.
    """

    what: str
    tbs: bytes
    signature_algorithm: bytes
    signature: bytes


Signed = Certificate | SignedStatement
"""What stands at the lower end of a link."""


@dataclass(frozen=True, slots=True)
class ChainRules:
    """What one vendor's certificates look like.

    Attributes:
        format: the format of evidence, as anchors name it.
        roles: what each certificate of the path is called, the signed one first; the last repeats.
        judge: called with each certificate of the chain and its place, counted from 0, once its signature is
            proven; raises `EvidenceError` where it is not what belongs there.
        algorithms: AlgorithmIdentifiers that the links may be signed with.
        names: whether a certificate's issuer must be the name of the one above it.
        verify: called with key (SubjectPublicKeyInfo), AlgorithmIdentifier, signature and message; raises
            `SignatureError`. Another than the usual one where a vendor encodes signatures in its own way.
        parse: reads an element of the chain, given its place, counted from 1; raises `EvidenceError`. Another than
            the usual one where a vendor's certificates are no X.509.
        hint: where people find the issuer of a certificate that is missing, as one more sentence, or "".
    """

    format: str
    roles: tuple[str, ...]
    judge: Callable[[Certificate, int], None] = _no_role
    algorithms: frozenset[bytes] = SHA2_ALGORITHMS
    names: bool = True
    verify: Verify = verify_signature
    parse: Callable[[bytes, int], Certificate] = _chain_certificate
    hint: Callable[[Certificate], str] = _no_hint


@dataclass(frozen=True, slots=True)
class VendorPath:
    """A path that verified: the certificates above the signed one, and the pinned key."""

    signed: Signed
    certificates: tuple[Certificate, ...]
    anchor: VendorAnchor

    def elements(self, rules: ChainRules, attested: bytes = b"") -> tuple[ChainElement, ...]:
        """Every step, for people, from what was signed to the anchor.

        Args:
            rules: with the roles' names.
            attested: SHA-256 of the attested key, which a statement, unlike a certificate, does not give away.
        """
        roles = rules.roles
        steps = [
            ChainElement(
                roles[min(place, len(roles) - 1)],
                shown_name(signed.subject) or "no name",
                signed.key_hash,
                signed.fingerprint,
                signed.not_before,
                signed.not_after,
            )
            if isinstance(signed, Certificate)
            else ChainElement(roles[0], signed.what, attested)
            for place, signed in enumerate((self.signed, *self.certificates))
        ]
        return (*steps, ChainElement("anchor", self.anchor.name, self.anchor.key_hash))


def _called(signed: Signed) -> str:
    return shown(signed.subject) if isinstance(signed, Certificate) else signed.what


def walk(signed: Signed, chain: Sequence[bytes], anchors: AnchorSet, rules: ChainRules) -> VendorPath:
    """Verify that `chain` is exactly the path from `signed` to a key that may attest the format.

    Args:
        signed: the certificate or statement at the path's lower end.
        chain: DER certificates, its issuer first.
        anchors: the pinned keys.
        rules: the vendor's rule set.

    Raises:
        EvidenceError: `check` is `chain-too-long`, `malformed-chain`, `chain-repeats`,
            `chain-includes-anchor`, `signature-algorithm`, `wrong-signature`, `chain-order`,
            `stray-certificate`, `missing-link`, `anchor-format`, `unknown-anchor`, or what `rules.judge`
            names.
    """
    # (1) The chain's shape: short, certificates, each once.
    if len(chain) > MAX_CHAIN:
        raise EvidenceError(
            f"the chain has {len(chain)} certificates, more than {MAX_CHAIN}", check="chain-too-long"
        )
    path = [rules.parse(der, place) for place, der in enumerate(chain, 1)]
    below = {signed.der} if isinstance(signed, Certificate) else set()
    if len(below.union(chain)) != len(chain) + len(below):
        raise EvidenceError("the chain holds a certificate twice", check="chain-repeats")
    # (2) It stops below the first pinned key.
    attesting = anchors.attesting(rules.format)
    pinned = {anchor.key_hash: anchor for anchor in attesting}
    for place, certificate in enumerate(path, 1):
        if anchor := pinned.get(certificate.spki_hash):
            raise EvidenceError(
                f"element {place} of the chain has the pinned key '{anchor.name}': the chain ends below it",
                check="chain-includes-anchor",
            )
    # (3) Each certificate is signed by the next, and names it.
    for child, issuer in zip([signed, *path], path, strict=False):
        if not _issued(child, issuer, rules):
            raise _misplaced(signed, path, attesting, rules) or _broken_link(child, issuer)
    # (4) The last is signed by a pinned key that may attest this format.
    last = path[-1] if path else signed
    anchor = _signing_anchor(last, attesting, rules)
    if anchor is None:
        raise _no_anchor(signed, path, anchors, rules)
    # (5) Each is what its vendor puts at its place.
    for place, certificate in enumerate(path):
        rules.judge(certificate, place)
    return VendorPath(signed, tuple(path), anchor)


def _signed_by(child: Signed, spki: bytes, rules: ChainRules) -> bool:
    """Whether the key `spki` signed `child`."""
    if child.signature_algorithm not in rules.algorithms:
        raise EvidenceError(
            f"{_called(child)} is signed with an algorithm that its vendor does not use",
            check="signature-algorithm",
        )
    return verifies_again(rules.verify, spki, child.signature_algorithm, child.signature, child.tbs)


def _issued(child: Signed, issuer: Certificate, rules: ChainRules) -> bool:
    if rules.names and isinstance(child, Certificate) and child.issuer != issuer.subject:
        return False
    return _signed_by(child, issuer.spki, rules)


def _signing_anchor(child: Signed, anchors: Sequence[VendorAnchor], rules: ChainRules) -> VendorAnchor | None:
    # The anchor that the issuer names comes first: most of the others cannot have signed it.
    for anchor in sorted(anchors, key=lambda one: not _names(child, one)):
        if _signed_by(child, anchor.key, rules):
            return anchor
    return None


def _names(child: Signed, anchor: VendorAnchor) -> bool:
    return isinstance(child, Certificate) and anchor.name.encode() in child.issuer


def _true_path(
    last: Signed, unseen: list[Certificate], anchors: Sequence[VendorAnchor], rules: ChainRules
) -> list[Certificate] | None:
    """The path that certificates of `unseen` make above `last`, in whatever order; None where they make none.

    Takes out of `unseen` what it looks at, so that no certificate is looked at twice.
    """
    if _signing_anchor(last, anchors, rules) is not None:
        return []
    for above in [one for one in unseen if _issued(last, one, rules)]:
        if above in unseen:
            unseen.remove(above)
            rest = _true_path(above, unseen, anchors, rules)
            if rest is not None:
                return [above, *rest]
    return None


def _misplaced(
    signed: Signed, path: Sequence[Certificate], anchors: Sequence[VendorAnchor], rules: ChainRules
) -> EvidenceError | None:
    """What is wrong with the order or number of the chain's certificates, if that is all that is wrong."""
    true_path = _true_path(signed, list(path), anchors, rules)
    if true_path is None:
        return None
    strays = [certificate for certificate in path if certificate not in true_path]
    if not strays:
        return EvidenceError("the certificates of the chain are out of order", check="chain-order")
    return EvidenceError(
        f"{shown(strays[0].subject)} in the chain is no part of the path to the pinned key: leave it out",
        check="stray-certificate",
    )


def _broken_link(child: Signed, issuer: Certificate) -> EvidenceError:
    """Why `issuer`, next in the chain, did not issue `child`."""
    if isinstance(child, SignedStatement) or child.issuer == issuer.subject:
        return EvidenceError(
            f"the key of {shown(issuer.subject)} in the chain did not sign {_called(child)}",
            check="wrong-signature",
        )
    return EvidenceError(
        f"{shown(child.subject)} was issued by {shown(child.issuer)}, but {shown(issuer.subject)} follows it",
        check="missing-link",
    )


def _no_anchor(
    signed: Signed, path: Sequence[Certificate], anchors: AnchorSet, rules: ChainRules
) -> EvidenceError:
    """Why no pinned key ends the path."""
    last = path[-1] if path else signed
    other = _signing_anchor(last, list(anchors), rules)
    if other is not None:
        return EvidenceError(
            f"the pinned key '{other.name}' may not attest {rules.format}", check="anchor-format"
        )
    attesting = anchors.attesting(rules.format)
    misplaced = _misplaced(signed, path, attesting, rules)
    if misplaced is not None:
        return misplaced
    for anchor in attesting:
        if _names(last, anchor):
            return EvidenceError(
                f"the pinned key '{anchor.name}' did not sign {_called(last)}", check="wrong-signature"
            )
    if isinstance(last, SignedStatement):
        return EvidenceError(
            f"the key that signed {last.what} is neither in the chain nor a pinned key for {rules.format}: "
            "add the certificate of that key, and those above it",
            check="unknown-anchor",
        )
    hint = rules.hint(last) or "add the certificates above it, or pin that issuer's key if you trust it"
    return EvidenceError(
        f"{shown(last.subject)} was issued by {shown(last.issuer)}, which is neither in the chain nor a "
        f"pinned key for {rules.format}: {hint}",
        check="unknown-anchor",
    )
