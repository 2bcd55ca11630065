# SPDX-License-Identifier: Apache-2.0
"""Certificates of evidence: read with what vendors encode, and shown safely.

Invariants:

* tolerated are the deviations of `parse_vendor_certificate`, but no extension is there twice, and the
  signature algorithm beside the signature is the one that is signed: otherwise one certificate could be
  written in two ways;
* a name reaches a sentence quoted, printable and cut off.
"""

from functools import lru_cache

from keystead.certificate.name import display
from keystead.certificate.x509 import Certificate, parse_vendor_certificate
from keystead.encoding.der import parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["BASIC_CONSTRAINTS", "KEY_USAGE", "parse_evidence_certificate", "shown", "shown_name"]

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"

shown_name = lru_cache(maxsize=256)(display)
"""A DER Name for people; remembered, because most paths of a vendor have the same names."""


def shown(name: bytes) -> str:
    """A DER Name for an error's sentence: quoted, safe to print, cut off where it is long."""
    text = shown_name(name)
    if not text:
        return "a certificate without a name"
    return f"'{text}'" if len(text) <= 120 else f"'{text[:120]}…'"


def parse_evidence_certificate(der: bytes, what: str, check: str) -> Certificate:
    """Read a certificate of evidence, tolerant of what vendors encode and of nothing that changes meaning.

    Raises:
        EvidenceError: with `check`: no certificate, or one with an extension twice; with
            `signature-algorithm`: it states another algorithm beside its signature than inside.
    """
    try:
        certificate = parse_vendor_certificate(der)
    except ParseError as error:
        raise EvidenceError(f"{what} is no certificate: {error}", check=check) from error
    if len({span[0] for span in certificate.spans}) != len(certificate.spans):
        raise EvidenceError(f"{what} has an extension twice", check=check)
    if _signed_algorithm(certificate) != certificate.signature_algorithm:
        raise EvidenceError(
            f"{what} states another signature algorithm beside its signature than inside",
            check="signature-algorithm",
        )
    return certificate


def _signed_algorithm(certificate: Certificate) -> bytes:
    """The AlgorithmIdentifier within what is signed: after the version, if there is one, and the serial number."""
    fields = parse(certificate.tbs).iterate()
    if certificate.version == 3:
        next(fields)
    next(fields)
    return next(fields).encoded
