# SPDX-License-Identifier: Apache-2.0
"""What `keystead lookup` is asked about: an id, a device's own number, or a certificate that says it."""

from pathlib import Path

from keystead.certificate.chain import verify_issued
from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import device_extension
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.public_key import key_hash
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.cli.inputs import is_file, read_certificates, read_claimed_key
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError, UsageError
from keystead.lookup.questions import Question, QuestionKind

__all__ = ["read_value"]


def read_value(kind: QuestionKind, value: str, issuer_file: Path | None) -> list[Question] | Certificate:
    """The questions that a value stands for: one, or one for each device that a certificate names.

    Args:
        kind: what is asked about.
        value: an id in hex, the path of a certificate (for a key also of a request), or for a device `scheme:value`.
        issuer_file: the certificate that issued the one in the file.

    Returns:
        The questions; or the certificate, whose id needs the issuing key, where that is not at hand.

    Raises:
        UsageError: it is none of these, or the certificate names nothing of the kind.
        ParseError: the certificate cannot be read, or the device is spelled otherwise.
    """
    try:
        return [Question(kind, decode_digest(value))]
    except ParseError:
        pass
    path = Path(value)
    if is_file(path):
        return _of_certificate(kind, path, issuer_file)
    scheme, colon, text = value.partition(":")
    if kind is QuestionKind.DEVICE and colon:
        return [Question(kind, device_id(scheme, text), value)]
    forms = "64 lowercase hexadecimal digits, or the file of a certificate"
    if kind is QuestionKind.DEVICE:
        forms += ", or scheme:value, as yubico-piv-serial:28557046"
    raise UsageError(f"{value!r} names no {kind.value}: give {forms}")


def _of_certificate(kind: QuestionKind, path: Path, issuer_file: Path | None) -> list[Question] | Certificate:
    if kind is QuestionKind.KEY:
        return [Question(kind, key_hash(read_claimed_key(path)))]
    chain = read_certificates(path)
    try:
        certificate = parse_certificate(chain[0])
        if kind is QuestionKind.SUBSCRIBER:
            return [Question(kind, subscriber_of(certificate).id)]
        if kind is QuestionKind.CERTIFICATE:
            issuers = read_certificates(issuer_file) if issuer_file is not None else chain[1:]
            if not issuers:
                return certificate
            issuer = parse_certificate(issuers[0])
            verify_issued(certificate, issuer)
            return [Question(kind, certificate_id(issuer.spki_hash, log_tbs(certificate)))]
        extension = device_extension(certificate)
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
    if kind is QuestionKind.SERVICE and extension is not None and extension.service is not None:
        return [Question(kind, extension.service)]
    if kind is QuestionKind.DEVICE and extension is not None and extension.devices:
        return [Question(kind, device.device_id) for device in extension.devices]
    raise UsageError(
        f"{path}: the certificate's extension names no {kind.value}; a statement may: ask about the certificate, with "
        f"keystead lookup certificate {path}"
    )
