# SPDX-License-Identifier: Apache-2.0
"""What `keystead check` is asked, out of options and files."""

from collections.abc import Sequence
from pathlib import Path

from keystead.certificate.device_identifier import device_id
from keystead.certificate.name_text import parse_name
from keystead.certificate.public_key import key_hash
from keystead.certificate.x509 import parse_certificate
from keystead.check.question import AskedSubscriber, Question, SubscriberForm
from keystead.cli.evidence_files import collect_files
from keystead.cli.inputs import is_file, read_certificates, read_request_or_certificates
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import identify
from keystead.devices.request import CertificationRequest
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError, UsageError

__all__ = ["read_question"]


def read_question(
    device: str | None,
    evidence: Sequence[Path],
    certificate: Path | None,
    subscriber: str | None,
    issuer: Path | None,
    service: bytes | None,
    anchors: AnchorSet,
) -> Question:
    """The question that options ask.

    Args:
        device: hex, or `scheme:value`.
        evidence: files and folders.
        certificate: a file with the certificate, perhaps with its issuer behind it.
        subscriber: the file of a certificate or a request, or a distinguished name.
        issuer: the file of the asking CA's certificate.
        service: id of the signing service.
        anchors: the asker's own, with which pieces of evidence are told apart.

    Raises:
        UsageError: options contradict each other, or one is missing.
        ParseError: a file is not what it should be.
        EvidenceError: a piece of evidence does not verify.
    """
    if (device is not None) + bool(evidence) + (certificate is not None) != 1:
        raise UsageError("ask about one thing: give one of --device, --evidence and --cert")
    asked, key, behind = (None, None, []) if subscriber is None else _read_subscriber(subscriber)
    about: list[bytes] = [] if certificate is None else _readable(certificate)
    issuers = [] if issuer is None else _readable(issuer)
    return Question(
        device=None if device is None else _read_device(device),
        evidence=_read_evidence(evidence, key, anchors) if evidence else (),
        certificate=about[0] if about else b"",
        subscriber=asked,
        issuer=next(iter(issuers or about[1:] or behind), b""),
        service=service,
    )


def _read_device(text: str) -> tuple[bytes, str]:
    scheme, colon, value = text.partition(":")
    if colon:
        return device_id(scheme, value), scheme
    try:
        return decode_digest(text), ""
    except ParseError as error:
        raise UsageError(
            f"{text!r} names no device: give 64 lowercase hexadecimal digits, or scheme:value, as "
            "yubico-piv-serial:28557046"
        ) from error


def _read_subscriber(text: str) -> tuple[AskedSubscriber, bytes | None, list[bytes]]:
    """Whom a text names; SHA-256 of the key of a request; what is behind a certificate in its file."""
    path = Path(text)
    if not is_file(path):
        try:
            return AskedSubscriber(SubscriberForm.NAME, parse_name(text)), None, []
        except ParseError as error:
            raise UsageError(
                f"--subscriber is the file of a certificate or of a request, or a distinguished name; {error}"
            ) from error
    found = read_request_or_certificates(path)
    if isinstance(found, CertificationRequest):
        return AskedSubscriber(SubscriberForm.REQUEST, found.der), key_hash(found.spki), []
    return AskedSubscriber(SubscriberForm.CERTIFICATE, _readable(path)[0]), None, found[1:]


def _readable(path: Path) -> list[bytes]:
    """The certificates in a file, of which the first two are read."""
    certificates = read_certificates(path)
    try:
        for der in certificates[:2]:
            parse_certificate(der)
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
    return certificates


def _read_evidence(paths: Sequence[Path], key: bytes | None, anchors: AnchorSet) -> tuple[bytes, ...]:
    """The pieces about one key: that of the request, or the only one that is attested."""
    attested: dict[bytes, list[bytes]] = {}
    for piece in collect_files(paths, anchors).pieces:
        attested.setdefault(identify(piece, anchors).key_hash, []).append(piece.evidence.encode())
    if key is not None and key in attested:
        return tuple(attested[key])
    if len(attested) > 1:
        raise UsageError(
            f"these files attest {len(attested)} keys: give the evidence of one, or the request with --subscriber"
        )
    return tuple(piece for pieces in attested.values() for piece in pieces)
