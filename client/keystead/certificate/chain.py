# SPDX-License-Identifier: Apache-2.0
"""Certificate chains from a leaf to an accepted trust anchor, as CT submits them (RFC 6962 section 3.1).

The question is not whether the certificate is valid today but whether an accepted CA issued it, so that the
log cannot be filled by anybody. Dates are no reason to refuse: a log records history. SHA-1 signatures are
accepted for the same reason, MD5 is not.

A chain is the leaf, then each issuer of the one before, up to an anchor that the submitter may leave out. It
is completed so:

1. where the last certificate is an anchor, the chain is complete;
2. else an anchor that issued the last certificate is appended, the least fingerprint first;
3. else, where an anchor stands inside the chain, the chain ends there: what is above was not asked for.

Issuers are verified from the anchor down, so that no key is used before it is known to belong to a CA. What
lies above the leaf can be verified once and remembered: `verify_issuers`, then `verify_leaf` for each leaf.

Every refusal is a `ChainError` with one of the `check` codes in `CHECKS`, or the `SignatureError` of a link.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography import x509 as library
from cryptography.exceptions import UnsupportedAlgorithm

from keystead.certificate.name import display
from keystead.certificate.precertificate import POISON_OID, PRECERT_SIGNING_EKU
from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import (
    CODE_SIGNING,
    KEY_CERT_SIGN,
    Certificate,
    basic_constraints,
    extended_key_usages,
    key_usage,
)
from keystead.errors import ChainError, ParseError, SignatureError

__all__ = [
    "CHECKS",
    "MAX_ISSUERS",
    "complete_chain",
    "require_loadable",
    "verify_issued",
    "verify_issuers",
    "verify_leaf",
]

MAX_ISSUERS: Final = 10
"""Chains in the field have at most four issuers; each costs a signature verification."""

CHECKS: Final = {
    "chain-empty": "the chain has no certificate",
    "chain-too-long": f"the chain has more than {MAX_ISSUERS} issuers",
    "certificate-unloadable": "the certificate library cannot load a certificate",
    "extension-malformed": "an extension that decides about the chain cannot be read",
    "code-signing-missing": "the certificate lacks the code-signing key purpose",
    "unknown-anchor": "the chain does not end at an accepted trust anchor",
    "issuer-name": "a certificate names another issuer than the next in the chain",
    "issuer-not-ca": "an issuer is no CA",
    "issuer-key-usage": "an issuer's key may not sign certificates",
    "path-length": "an issuer allows fewer CAs below it",
    "precertificate-signing-certificate": "the chain goes through a precertificate signing certificate",
    "poison-in-issuer": "an issuer is a precertificate",
}
"""Each `check` of a `ChainError` that this module raises, and what it means."""

_SERIAL_ZERO = b"\x00"


def complete_chain(
    chain: Sequence[Certificate], anchors: Mapping[bytes, Certificate]
) -> tuple[Certificate, ...]:
    """Verify a submitted chain and complete it.

    Args:
        chain: the leaf, then its issuers in order, with or without the anchor.
        anchors: the accepted trust anchors by SHA-256 of their DER.

    Returns:
        The leaf, its issuers and the anchor.

    Raises:
        ChainError, SignatureError: it leads to no anchor, or breaks a rule on the way.
    """
    if not chain:
        raise ChainError("the chain has no certificate", check="chain-empty")
    issuers = verify_issuers(chain[0], chain[1:], anchors)
    verify_leaf(chain[0], issuers[0])
    return (chain[0], *issuers)


def verify_issuers(
    leaf: Certificate, issuers: Sequence[Certificate], anchors: Mapping[bytes, Certificate]
) -> tuple[Certificate, ...]:
    """Verify and complete what lies above a leaf. The result holds for every leaf with the same `issuers`.

    Args:
        leaf: only read where `issuers` is empty, to find the anchor that issued it.
        issuers: in order, with or without the anchor.
        anchors: by SHA-256 of their DER.

    Raises:
        ChainError, SignatureError: as `complete_chain`.
    """
    if len(issuers) > MAX_ISSUERS:
        raise _refusal("chain-too-long", f"the chain has more than {MAX_ISSUERS} issuers", leaf)
    for issuer in issuers:
        require_loadable(issuer)
    completed = _completed(leaf, issuers, anchors)
    cas_below = 0
    for position, issuer in enumerate(completed):
        _require_issuer(issuer, cas_below, anchor=position == len(completed) - 1)
        # RFC 5280 section 4.2.1.9: self-issued certificates do not count.
        cas_below += issuer.issuer != issuer.subject
    for position in range(len(completed) - 1, 0, -1):
        verify_issued(completed[position - 1], completed[position])
    return completed


def verify_leaf(leaf: Certificate, issuer: Certificate) -> None:
    """Verify a leaf under the first of its verified issuers.

    Raises:
        ChainError: it cannot be loaded, is not for code signing, or names another issuer.
        SignatureError: the issuer did not sign it.
    """
    require_loadable(leaf)
    try:
        purposes = extended_key_usages(leaf)
    except ParseError as error:
        raise _refusal("extension-malformed", f"the certificate's key purposes: {error}", leaf) from error
    # anyExtendedKeyUsage is not enough: CSBR 7.1.2.3 requires the purpose itself.
    if CODE_SIGNING not in purposes:
        raise _refusal("code-signing-missing", "the certificate lacks the code-signing key purpose", leaf)
    verify_issued(leaf, issuer)


def verify_issued(child: Certificate, issuer: Certificate) -> None:
    """Verify one link: the name and the signature, nothing about what the issuer may do.

    Raises:
        ChainError: the child names another issuer.
        SignatureError: the issuer's key did not sign it, or with an algorithm that is not accepted.
    """
    if child.issuer != issuer.subject:
        raise ChainError(
            f"the certificate of {display(child.subject)} was issued by {display(child.issuer)}, "
            f"and the next in the chain is {display(issuer.subject)}",
            check="issuer-name",
            evidence={"certificate": child.der, "issuer": issuer.der},
        )
    try:
        verify_signature(issuer.spki, child.signature_algorithm, child.signature, child.tbs)
    except SignatureError as error:
        raise SignatureError(
            f"the certificate of {display(child.subject)}: {error}",
            check=error.check,
            evidence={"certificate": child.der, "issuer": issuer.der},
        ) from error


def require_loadable(certificate: Certificate) -> None:
    """Refuse what the certificate library of most readers cannot load.

    Raises:
        ChainError: `check` is `certificate-unloadable`.
    """
    try:
        if certificate.serial == _SERIAL_ZERO or certificate.serial[0] >= 0x80:
            # Old roots have serial number zero; the library loads them, and negative ones, and warns.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                library.load_der_x509_certificate(certificate.der)
        else:
            library.load_der_x509_certificate(certificate.der)
    except (ValueError, TypeError, UnsupportedAlgorithm, library.InvalidVersion) as error:
        raise _refusal(
            "certificate-unloadable", "the certificate library cannot load a certificate", certificate
        ) from error


def _completed(
    leaf: Certificate, issuers: Sequence[Certificate], anchors: Mapping[bytes, Certificate]
) -> tuple[Certificate, ...]:
    # (1)
    if issuers and issuers[-1].fingerprint in anchors:
        return tuple(issuers)
    # (2)
    last = issuers[-1] if issuers else leaf
    named = sorted(
        (anchor for anchor in anchors.values() if anchor.subject == last.issuer),
        key=lambda anchor: anchor.fingerprint,
    )
    for anchor in named:
        try:
            verify_issued(last, anchor)
        except SignatureError:
            continue
        return (*issuers, anchor)
    # (3)
    for position in range(len(issuers) - 1, -1, -1):
        if issuers[position].fingerprint in anchors:
            return tuple(issuers[: position + 1])
    raise _refusal(
        "unknown-anchor",
        f"the chain ends at {display(last.issuer)}, which is not among the accepted trust anchors",
        last,
    )


def _require_issuer(issuer: Certificate, cas_below: int, *, anchor: bool) -> None:
    """Refuse an issuer that may not issue certificates (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    shown = display(issuer.subject)
    if issuer.extension(POISON_OID) is not None:
        raise _refusal("poison-in-issuer", f"the issuer {shown} is a precertificate", issuer)
    try:
        constraints = basic_constraints(issuer)
        usage = key_usage(issuer)
        purposes = extended_key_usages(issuer)
    except ParseError as error:
        raise _refusal("extension-malformed", f"the issuer {shown}: {error}", issuer) from error
    if PRECERT_SIGNING_EKU in purposes:
        raise _refusal(
            "precertificate-signing-certificate",
            f"the issuer {shown} is a precertificate signing certificate: submit what the issuing CA signed",
            issuer,
        )
    if issuer.version == 1 and anchor:
        return  # an old root, accepted by whoever made it an anchor: version 1 has no constraints
    if constraints is None or not constraints.ca:
        raise _refusal("issuer-not-ca", f"the issuer {shown} is no CA", issuer)
    if usage is not None and KEY_CERT_SIGN not in usage:
        raise _refusal("issuer-key-usage", f"the key of the issuer {shown} may not sign certificates", issuer)
    if constraints.path_length is not None and cas_below > constraints.path_length:
        raise _refusal(
            "path-length",
            f"the issuer {shown} allows {constraints.path_length} CAs below it: the chain has {cas_below}",
            issuer,
        )


def _refusal(check: str, sentence: str, certificate: Certificate) -> ChainError:
    return ChainError(sentence, check=check, evidence={"certificate": certificate.der})
