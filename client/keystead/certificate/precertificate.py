# SPDX-License-Identifier: Apache-2.0
"""Precertificates, and what a log keeps of a certificate (RFC 6962 sections 3.1 to 3.3).

A precertificate is the certificate to come with a critical poison extension; its certificate carries the
log's promises in an SCT list instead. Without those two extensions both have the same TBSCertificate, which
is what a `precert_entry` logs and what `certificate_id` hashes: a precertificate and its certificate are one
certificate.

Invariants:

* a poison is critical and holds NULL, and never stands beside an SCT list;
* `log_tbs` removes exactly one extension, keeps the order of the others and writes minimal lengths; it drops
  the `[3]` around the extensions when nothing is left in it;
* precertificate signing certificates are not supported: chains through one are refused (`chain`).
"""

from hashlib import sha256

from keystead.certificate.x509 import Certificate, TbsCertificate, extension_element
from keystead.ct.sct import parse_sct_list
from keystead.encoding.der import OCTET_STRING, SEQUENCE, encode
from keystead.errors import ChainError, ParseError

__all__ = [
    "POISON_OID",
    "PRECERT_SIGNING_EKU",
    "SCT_LIST_OID",
    "certificate_id",
    "embedded_scts",
    "is_precertificate",
    "log_tbs",
    "require_final_certificate",
    "require_precertificate",
]

POISON_OID = "1.3.6.1.4.1.11129.2.4.3"
SCT_LIST_OID = "1.3.6.1.4.1.11129.2.4.2"
PRECERT_SIGNING_EKU = "1.3.6.1.4.1.11129.2.4.4"

_EXTENSIONS = 0xA3
_NULL = b"\x05\x00"


def is_precertificate(certificate: TbsCertificate) -> bool:
    """Whether the certificate is poisoned.

    Raises:
        ParseError: the poison is not critical or holds something else than NULL.
    """
    poison = certificate.extension(POISON_OID)
    if poison is None:
        return False
    if not poison.critical or poison.value != _NULL:
        raise ParseError(
            "the precertificate poison is not critical with the value NULL", offset=poison.offset
        )
    return True


def require_precertificate(certificate: Certificate) -> None:
    """Refuse what `add-pre-chain` does not take.

    Raises:
        ChainError: `check` is `poison-malformed`, `poison-missing` or `sct-list-in-precertificate`.
    """
    evidence = {"certificate": certificate.der}
    try:
        poisoned = is_precertificate(certificate)
    except ParseError as error:
        raise ChainError(str(error), check="poison-malformed", evidence=evidence) from error
    if not poisoned:
        raise ChainError(
            "the certificate has no precertificate poison: log it with add-chain",
            check="poison-missing",
            evidence=evidence,
        )
    if certificate.extension(SCT_LIST_OID) is not None:
        raise ChainError(
            "the precertificate has an SCT list, which only its certificate can have",
            check="sct-list-in-precertificate",
            evidence=evidence,
        )


def require_final_certificate(certificate: Certificate) -> None:
    """Refuse what `add-chain` does not take.

    Raises:
        ChainError: `check` is `poison-in-certificate`.
    """
    if certificate.extension(POISON_OID) is not None:
        raise ChainError(
            "the certificate has the precertificate poison: log it with add-pre-chain",
            check="poison-in-certificate",
            evidence={"certificate": certificate.der},
        )


def log_tbs(certificate: TbsCertificate) -> bytes:
    """The TBSCertificate without the poison and without the SCT list (RFC 6962 section 3.2).

    Raises:
        ParseError: the poison is malformed, or both are there.
    """
    poisoned = is_precertificate(certificate)
    promised = certificate.extension(SCT_LIST_OID) is not None
    if poisoned and promised:
        raise ParseError("the certificate has both a precertificate poison and an SCT list")
    if not poisoned and not promised:
        return certificate.tbs
    unwanted = POISON_OID if poisoned else SCT_LIST_OID
    source = certificate.source
    kept = [source[start:end] for oid, _, _, start, end in certificate.spans if oid != unwanted]
    if len(kept) != len(certificate.spans) - 1:
        raise ParseError(f"the extension {unwanted} is there twice")
    before = source[certificate.fields_start : certificate.extensions_start]
    extensions = encode(_EXTENSIONS, encode(SEQUENCE, *kept)) if kept else b""
    return encode(SEQUENCE, before, extensions)


def certificate_id(issuer_key_hash: bytes, tbs: bytes) -> bytes:
    """The identifier that a precertificate and its certificate share.

    Args:
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo, as in a `precert_entry`.
        tbs: what `log_tbs` returns.
    """
    return sha256(b"keystead/certificate/v1\n" + issuer_key_hash + tbs).digest()


def embedded_scts(certificate: TbsCertificate) -> list[bytes]:
    """The serialized SCTs in the certificate (RFC 6962 section 3.3); empty without the extension.

    Raises:
        ParseError: the list is malformed.
    """
    element = extension_element(certificate, SCT_LIST_OID, "the SCT list")
    if element is None:
        return []
    return parse_sct_list(element.expect(OCTET_STRING, "the SCT list").content)
