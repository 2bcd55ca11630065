# SPDX-License-Identifier: Apache-2.0
"""The question as it was asked, in a form that can be kept and asked again (`specs/check.md`, section 1).

Invariants:

* a question names its device in exactly one way: by its id, by evidence, or by a certificate;
* `question_from_json(q.to_json()) == q`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keystead.certificate.chain import verify_issued
from keystead.certificate.public_key import key_hash
from keystead.certificate.subscriber import Subscriber, subscriber_of, subscriber_of_subject
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.check.candidate import (
    NOBODY,
    Candidate,
    Vetting,
    candidate_of_certificate,
    candidate_of_devices,
    candidate_of_evidence,
)
from keystead.devices.anchors import AnchorSet
from keystead.devices.request import parse_request
from keystead.encoding.rfc4648 import decode_base64, decode_digest, encode_base64
from keystead.errors import ParseError, UsageError, VerificationError

__all__ = ["AskedSubscriber", "Question", "SubscriberForm", "question_from_json"]


class SubscriberForm(StrEnum):
    """How the subscriber is named."""

    NAME = "name"
    """DER of a distinguished name."""
    REQUEST = "request"
    """A PKCS#10 certification request: the question is about its key, too."""
    CERTIFICATE = "certificate"
    """A certificate of the subscriber, on whatever device."""


@dataclass(frozen=True, slots=True)
class AskedSubscriber:
    """Whom the certificate would be for.

    Attributes:
        form: what `data` is.
        data: DER.
    """

    form: SubscriberForm
    data: bytes

    def read(self) -> tuple[Subscriber, Vetting, bytes | None]:
        """The subscriber, who vetted it as far as this says, and SHA-256 of the normalized key of a request.

        Raises:
            ParseError: it cannot be read.
        """
        match self.form:
            case SubscriberForm.NAME:
                return subscriber_of_subject(self.data), NOBODY, None
            case SubscriberForm.REQUEST:
                request = parse_request(self.data)
                return subscriber_of_subject(request.subject), NOBODY, key_hash(request.spki)
            case SubscriberForm.CERTIFICATE:
                certificate = parse_certificate(self.data)
                return subscriber_of(certificate), Vetting.of(certificate), None


@dataclass(frozen=True, slots=True)
class Question:
    """What a CA asks.

    Attributes:
        device: id of the device, and the scheme of its identifier, empty where that is not known; or None.
        evidence: encodings of evidence for the key, or none.
        certificate: DER of a certificate or precertificate: the one that is asked about, or one on the device that is.
        subscriber: whom the certificate would be for; None where `certificate` is the one that is asked about.
        issuer: DER of the certificate of the CA that vets the subscriber and issued `certificate`, or empty.
        service: the signing service that will hold the key, or None.
        submitted: the certificate is logged to find out: who came later does not count.
    """

    device: tuple[bytes, str] | None = None
    evidence: tuple[bytes, ...] = ()
    certificate: bytes = b""
    subscriber: AskedSubscriber | None = None
    issuer: bytes = b""
    service: bytes | None = None
    submitted: bool = False

    def __post_init__(self) -> None:
        if (self.device is not None) + bool(self.evidence) + bool(self.certificate) != 1:
            raise UsageError("ask about one thing: give one of --device, --evidence and --cert")
        if self.subscriber is None and not self.certificate:
            raise UsageError("say whom the certificate would be for, with --subscriber")

    @property
    def about_certificate(self) -> Certificate | None:
        """The certificate that is asked about, where it exists; None where only a device is taken from it."""
        if not self.certificate:
            return None
        certificate = parse_certificate(self.certificate)
        if self.subscriber is not None and self.subscriber.read()[0].id != subscriber_of(certificate).id:
            return None
        return certificate

    def about_device(self, device_id: bytes, scheme: str) -> "Question":
        """The same about a device that the certificate is on by what another log knows."""
        named = candidate_of_certificate(parse_certificate(self.certificate), None).record.extension
        own = self.subscriber is None
        return Question(
            device=(device_id, scheme),
            subscriber=self.subscriber or AskedSubscriber(SubscriberForm.CERTIFICATE, self.certificate),
            issuer=self.issuer,
            service=named.service if own and named is not None and self.service is None else self.service,
            submitted=self.submitted,
        )

    def check(self, anchors: AnchorSet) -> None:
        """Refuse a question that contradicts itself, before any log is asked.

        Raises:
            ParseError, EvidenceError, UsageError: as `candidate`.
        """
        self.candidate(anchors, 0)

    def candidate(
        self, anchors: AnchorSet, at_ms: int, devices: Iterable[tuple[bytes, str]] = ()
    ) -> Candidate:
        """The certificate that is asked about.

        Args:
            anchors: the asker's own vendor anchors.
            at_ms: when it would be issued.
            devices: those of `certificate`, where another is asked about, by its extension and by what is logged.

        Raises:
            ParseError, EvidenceError, UsageError: as those of `candidate`.
        """
        issuer = parse_certificate(self.issuer) if self.issuer else None
        certificate = self.about_certificate
        if certificate is not None:
            _require_issued(certificate, issuer)
            return candidate_of_certificate(certificate, issuer, service=self.service)
        assert self.subscriber is not None  # noqa: S101 -- see __post_init__
        subscriber, vetting, key = self.subscriber.read()
        if issuer is not None:
            vetting = Vetting.by(issuer)
        if self.evidence:
            return candidate_of_evidence(
                self.evidence, subscriber, anchors, vetting, key=key, service=self.service, at_ms=at_ms
            )
        if self.device is not None:
            named: tuple[tuple[bytes, str], ...] = (self.device,)
        else:
            extension = candidate_of_certificate(parse_certificate(self.certificate), issuer).devices
            named = tuple(dict((*extension, *devices)).items())
        return candidate_of_devices(named, subscriber, vetting, key=key, service=self.service, at_ms=at_ms)

    def to_json(self) -> dict[str, Any]:
        """All of it; bytes in base64, ids in hex."""
        device, subscriber = self.device, self.subscriber
        return {
            "device": None if device is None else {"device_id": device[0].hex(), "scheme": device[1]},
            "evidence": [encode_base64(piece) for piece in self.evidence],
            "certificate": encode_base64(self.certificate) if self.certificate else None,
            "subscriber": None
            if subscriber is None
            else {"form": subscriber.form.value, "data": encode_base64(subscriber.data)},
            "issuer": encode_base64(self.issuer) if self.issuer else None,
            "service": None if self.service is None else self.service.hex(),
            "submitted": self.submitted,
        }


def _require_issued(certificate: Certificate, issuer: Certificate | None) -> None:
    """With the wrong issuer the certificate would have another id, and be taken for its own neighbour."""
    if issuer is None:
        return
    try:
        verify_issued(certificate, issuer)
    except VerificationError as error:
        raise UsageError(f"the certificate was not issued by the CA that is named: {error}") from error


def question_from_json(members: Mapping[str, Any]) -> Question:
    """The question of a JSON object that `Question.to_json` made.

    Raises:
        ParseError: it is none.
    """
    try:
        device, subscriber = members["device"], members["subscriber"]
        return Question(
            device=None if device is None else (decode_digest(device["device_id"]), str(device["scheme"])),
            evidence=tuple(decode_base64(piece) for piece in members["evidence"]),
            certificate=_optional(members["certificate"]),
            subscriber=None
            if subscriber is None
            else AskedSubscriber(SubscriberForm(subscriber["form"]), decode_base64(subscriber["data"])),
            issuer=_optional(members["issuer"]),
            service=None if members["service"] is None else decode_digest(members["service"]),
            submitted=members["submitted"] is True,
        )
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ParseError(f"the record's question cannot be read: {error}") from error


def _optional(text: str | None) -> bytes:
    return b"" if text is None else decode_base64(text)
