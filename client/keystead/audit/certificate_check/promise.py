# SPDX-License-Identifier: Apache-2.0
"""What a log promised about a certificate (RFC 6962 section 3.2, static-ct-api v1.1.0 for the index in it).

A promise that is embedded in a certificate is of its precertificate, and signs the TBSCertificate without the list of
promises and the hash of the issuing key; one that is given beside it may also be of the certificate itself. Pure.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from keystead.certificate.precertificate import embedded_scts, is_precertificate, log_tbs
from keystead.certificate.x509 import Certificate
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.ct.sct import (
    SignedCertificateTimestamp,
    parse_sct,
    parse_sct_list,
    parse_sct_list_extension_value,
    verify_sct,
)
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError, SignatureError, VerificationError

__all__ = ["Promise", "promised_entry", "promises_of", "read_promises"]


@dataclass(frozen=True, slots=True)
class Promise:
    """An SCT.

    Attributes:
        raw: its bytes.
        sct: what they say; None for one that cannot be read, of a later version perhaps.
        embedded: the certificate carries it.
    """

    raw: bytes
    sct: SignedCertificateTimestamp | None
    embedded: bool


def promises_of(certificate: Certificate, given: Sequence[bytes]) -> tuple[Promise, ...]:
    """The promises in a certificate, and those given beside it, each once.

    Raises:
        ParseError: the certificate's list of them is malformed.
    """
    embedded = embedded_scts(certificate)
    found = [_promise(raw, embedded=True) for raw in embedded]
    found += [_promise(raw, embedded=False) for raw in dict.fromkeys(given) if raw not in embedded]
    return tuple(found)


def _promise(raw: bytes, *, embedded: bool) -> Promise:
    try:
        return Promise(raw, parse_sct(raw), embedded)
    except ParseError:
        return Promise(raw, None, embedded)


def read_promises(data: bytes) -> list[bytes]:
    """The SCTs in a file: one, a list of them, the extension's value, or a log's JSON answer; binary or base64.

    Raises:
        ParseError: it is none of these.
    """
    text = data.strip()
    if text.startswith(b"{"):
        answer = decode_json(text, "the log's answer")
        member = answer.get("serialized_sct")
        if not isinstance(member, str):
            raise ParseError("the JSON has no serialized_sct, so it is no answer of a log")
        return [decode_base64(member, "serialized_sct")]
    with suppress(ParseError, UnicodeDecodeError):  # else it is binary
        data = decode_base64(text.decode("ascii").replace("\n", ""), "the SCT")
    for read in (_one, parse_sct_list, parse_sct_list_extension_value):
        try:
            return read(data)
        except ParseError:
            continue
    raise ParseError("this is no SCT, no list of SCTs and no answer of a log")


def _one(data: bytes) -> list[bytes]:
    parse_sct(data)
    return [data]


def promised_entry(
    promise: Promise, certificate: Certificate, issuer_key_hash: bytes, sct_key: bytes
) -> LogEntry:
    """The entry that a log promised, if it did.

    Args:
        promise: an SCT that names the log.
        certificate: what it is said to be about.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo.
        sct_key: the log's, as DER SubjectPublicKeyInfo.

    Raises:
        ParseError: the SCT has no leaf index, or the certificate's poison or list is malformed.
        SignatureError: the log did not sign a promise about this certificate.
    """
    refusal: VerificationError | None = None
    for entry in _candidates(promise, certificate, issuer_key_hash):
        assert promise.sct is not None  # noqa: S101 -- it has candidates
        try:
            verify_sct(promise.sct, entry, sct_key)
        except VerificationError as error:
            refusal = error
        else:
            return entry
    if refusal is None:
        raise ParseError("the SCT cannot be read")
    raise SignatureError(
        "the log's key did not sign this promise about this certificate",
        check="sct-signature",
        evidence=refusal.evidence,
    ) from refusal


def _candidates(promise: Promise, certificate: Certificate, issuer_key_hash: bytes) -> Iterator[LogEntry]:
    sct = promise.sct
    if sct is None:
        return
    # What the log wrote beside the index, it signed as well.
    others = sct.extensions if len(sct.extensions) != 8 else b""
    if not promise.embedded and not is_precertificate(certificate):
        yield LogEntry(sct.timestamp, X509_ENTRY, certificate.der, b"", sct.leaf_index, others)
    yield LogEntry(
        sct.timestamp, PRECERT_ENTRY, log_tbs(certificate), issuer_key_hash, sct.leaf_index, others
    )
