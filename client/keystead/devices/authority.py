# SPDX-License-Identifier: Apache-2.0
"""What a certificate in a vendor's hierarchy is called and may do (RFC 5280 section 4.2).

An attested key is in its user's hands, and so is whatever it signs. What keeps a certificate that such a key
signed out of a path is that every place of the path asks for a name, constraints and purposes that the vendor
gives to certificates at that place alone.
"""

from collections.abc import Collection
from functools import lru_cache

from keystead.certificate.name import decode_name
from keystead.certificate.x509 import KEY_CERT_SIGN, Certificate, basic_constraints, key_usage
from keystead.devices.evidence_certificate import BASIC_CONSTRAINTS, KEY_USAGE, shown
from keystead.errors import EvidenceError, ParseError

__all__ = ["refuse_critical", "require_authority", "sole_common_name"]

_COMMON_NAME = "2.5.4.3"
_TEXT_TAGS = frozenset({0x0C, 0x13})  # UTF8String, PrintableString


@lru_cache(maxsize=256)
def sole_common_name(name: bytes) -> str | None:
    """The common name of a DER Name that consists of one common name in ASCII; None for any other Name."""
    try:
        attributes = decode_name(name)
    except ParseError:
        return None
    if len(attributes) != 1 or attributes[0].oid != _COMMON_NAME or attributes[0].tag not in _TEXT_TAGS:
        return None
    text = attributes[0].text
    return text if text is not None and text.isascii() else None


def require_authority(
    certificate: Certificate,
    below: int,
    check: str,
    *,
    optional: bool = False,
    signing: bool = True,
    known: Collection[str] = (BASIC_CONSTRAINTS, KEY_USAGE),
) -> None:
    """Require that `certificate` may issue others.

    Args:
        certificate: of the chain.
        below: how many authorities stand under it.
        check: the name of the check.
        optional: whether it may lack basicConstraints.
        signing: whether a keyUsage must list keyCertSign.
        known: the critical extensions that it may have.

    Raises:
        EvidenceError: with `check`: by its basicConstraints or keyUsage it may not; with
            `unknown-critical-extension`: it has another critical extension.
    """
    try:
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
    except ParseError as error:
        raise EvidenceError(f"{shown(certificate.subject)} is malformed: {error}", check=check) from error
    problem = ""
    if constraints is None:
        problem = "" if optional else "has no basicConstraints"
    elif not constraints.ca:
        problem = "is no authority by its basicConstraints"
    elif constraints.path_length is not None and constraints.path_length < below:
        problem = f"may not have {below} authorities below it"
    if signing and usage is not None and KEY_CERT_SIGN not in usage:
        problem = "may not sign certificates by its keyUsage"
    if problem:
        raise EvidenceError(f"{shown(certificate.subject)} {problem}", check=check)
    refuse_critical(certificate, known)


def refuse_critical(certificate: Certificate, known: Collection[str] = ()) -> None:
    """Refuse critical extensions that are not `known` (RFC 5280 section 4.2: they change what is said).

    Raises:
        EvidenceError: `check` is `unknown-critical-extension`.
    """
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in known:
            raise EvidenceError(
                f"{shown(certificate.subject)} has the critical extension {extension.oid}, which is not known",
                check="unknown-critical-extension",
            )
