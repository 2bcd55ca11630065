# SPDX-License-Identifier: Apache-2.0
"""What the monitor knows, as values that rules judge.

Facts that come from logs, each with when and where it was logged; nothing here is a conclusion. Times are
milliseconds since the epoch, and a span of time is half-open: `[start, end)`. A certificate is valid through the
second of its notAfter (RFC 5280 section 4.1.2.5), so its span ends one second later.

What accuses looks back: a certificate stands on a device for its whole validity, however late somebody said so.
What acquits counts from when it was logged: a service that a binding names, a claim that is withdrawn, a
revocation. The facts here carry these times already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from keystead.statements.kinds.certificate_revoked import RevocationReason
from keystead.statements.service_facts import Enrolment
from keystead.statements.services import Service

__all__ = [
    "ALWAYS",
    "KEY_COMPROMISE",
    "NEVER",
    "NOT_ISSUED",
    "Assurance",
    "CertificateFacts",
    "ClaimKind",
    "DeviceClaim",
    "DeviceFacts",
    "DeviceView",
    "Ending",
    "EntryName",
    "KeyView",
    "LoggedEnrolment",
    "LoggedEntry",
    "LoggedTransfer",
    "ServiceClaim",
    "Span",
]

ALWAYS = -(1 << 62)
"""Before every moment."""

NEVER = 1 << 62
"""After every moment."""

KEY_COMPROMISE = RevocationReason.KEY_COMPROMISE.value
NOT_ISSUED = RevocationReason.NOT_ISSUED.value


class Assurance(IntEnum):
    """How well it is known that a key is in a device; the greater the better."""

    DECLARED = 0
    """Somebody says so (method 0), or what it rests on is distrusted."""
    CA_VERIFIED = 1
    """A CA vouches by a method of CSBR 6.2.7.4.2, or a log by an anchor that only its policy knows."""
    ATTESTED = 2
    """Evidence that the monitor verified under its own anchors."""

    @property
    def text(self) -> str:
        """As in answers: `ca-verified`."""
        return self.name.lower().replace("_", "-")


class ClaimKind(StrEnum):
    """Where a claim that a certificate's key is in a device comes from."""

    EXTENSION = "extension"
    BINDING = "binding"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, order=True)
class EntryName:
    """An entry of any log.

    Attributes:
        origin: of the log.
        index: in it.
    """

    origin: str
    index: int

    def to_json(self) -> dict[str, object]:
        """`{"origin", "index"}`."""
        return {"origin": self.origin, "index": self.index}


@dataclass(frozen=True, slots=True, order=True)
class LoggedEntry:
    """An issuance entry of a certificate; entries sort by when they were logged.

    Attributes:
        time_ms: of its batch.
        name: which one.
        final: it is of the certificate, not of its precertificate.
    """

    time_ms: int
    name: EntryName
    final: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time `[start, end)`, in milliseconds."""

    start: int
    end: int

    def __contains__(self, moment: int) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class DeviceClaim:
    """That a certificate's key is in a device, says somebody.

    Attributes:
        device_id: 32 bytes.
        class_: of the device, as scheme and evidence make it (`unit`, `domain`, …).
        kind: where it says so.
        by: who says so, safe to print.
        assurance: what it is worth.
        method: how the claimant knows, in words.
        statement: the statement that says so; None for the extension.
        ends_ms: when it was superseded, `NEVER` if it was not. What is attested never is.
        since_ms: when it was logged. A claim accuses from before that, and acquits from then on.
    """

    device_id: bytes
    class_: str
    kind: ClaimKind
    by: str
    assurance: Assurance
    method: str
    statement: EntryName | None = None
    ends_ms: int = NEVER
    since_ms: int = ALWAYS


@dataclass(frozen=True, slots=True)
class ServiceClaim:
    """That a certificate's key is held by a signing service, says its CA.

    Attributes:
        service: service id.
        span: from when to when it says so: always, in the extension; from when it was logged, in a binding.
        statement: the binding; None for the extension.
    """

    service: bytes
    span: Span
    statement: EntryName | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """A revocation that was published, or the news that a precertificate never became a certificate.

    Attributes:
        at_ms: when it was logged, or the date of the revocation list.
        reason: CRLReason name, or `notIssued`.
        by: who said so, safe to print.
        statement: where; None for a revocation list that the monitor was given.
    """

    at_ms: int
    reason: str
    by: str
    statement: EntryName | None

    @property
    def sentence(self) -> str:
        """What was said, without a full stop."""
        if self.reason == NOT_ISSUED:
            return f"{self.by} stated that a certificate was never issued"
        return f"{self.by} stated that a certificate is revoked ({self.reason})"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate; its precertificate is the same one.

    Attributes:
        certificate_id: 32 bytes.
        entries: where it is logged, at least once, the first logged first.
        key: SHA-256 of the normalized public key.
        issuer: the issuing CA, safe to print.
        serial: hex.
        subscriber: number of its subscriber profile; `subscribers` says what it means.
        valid: from notBefore through notAfter.
        claims: on which devices it stands, and who says so.
        services: which services its CA says hold the key.
        ending: the earliest revocation that counts.
        compromise: the earliest that counts and gives key compromise as its reason.
        unrecorded: while evidence that the extension names was not recorded; None where it names none.
    """

    certificate_id: bytes
    entries: tuple[LoggedEntry, ...]
    key: bytes
    issuer: str
    serial: str
    subscriber: int
    valid: Span
    claims: tuple[DeviceClaim, ...]
    services: tuple[ServiceClaim, ...] = ()
    ending: Ending | None = None
    compromise: Ending | None = None
    unrecorded: Span | None = None

    @property
    def end_ms(self) -> int:
        """When its validity ends, or a revocation is published, which may be before it begins."""
        return self.valid.end if self.ending is None else min(self.valid.end, self.ending.at_ms)

    @property
    def live(self) -> Span:
        """Its validity, which ends when a revocation is published."""
        return Span(self.valid.start, max(self.end_ms, self.valid.start))

    @property
    def age(self) -> tuple[int, str, int]:
        """What orders certificates, the oldest first: when, and where, their first entry was logged."""
        first = self.entries[0]
        return (first.time_ms, first.name.origin, first.name.index)

    @property
    def logged_ms(self) -> int:
        """When it was logged first."""
        return self.entries[0].time_ms

    @property
    def existed(self) -> Span:
        """From notBefore on, for ever; a certificate that was never issued, until its CA said so."""
        never = self.ending is not None and self.ending.reason == NOT_ISSUED
        end = self.ending.at_ms if never and self.ending is not None else NEVER
        return Span(self.valid.start, max(end, self.valid.start))

    def on(self, device_id: bytes) -> list[DeviceClaim]:
        """The claims that it stands on a device."""
        return [claim for claim in self.claims if claim.device_id == device_id]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device.

    Attributes:
        device_id: 32 bytes.
        scheme: name of the namespace of its identifier, as evidence or else a claim labels it.
        value: the identifier itself; None where no evidence states it.
        class_: `unit`, `appliance` or `domain`, from the scheme.
        cloud: evidence proves that a provider operates it for many tenants.
    """

    device_id: bytes
    scheme: str
    value: str | None = None
    class_: str = "unit"
    cloud: bool = False

    @property
    def text(self) -> str:
        """What a person calls it."""
        return f"{self.scheme} {self.value}" if self.value else f"{self.scheme} {self.device_id.hex()[:16]}…"


@dataclass(frozen=True, slots=True)
class LoggedEnrolment:
    """That a device belongs to a service, as one statement log has it.

    Attributes:
        origin: of the statement log.
        enrolment: from when to when, and by which statements.
    """

    origin: str
    enrolment: Enrolment

    @property
    def span(self) -> Span:
        """When the device belongs to the service."""
        end = self.enrolment.end_ms
        return Span(self.enrolment.start_ms, NEVER if end is None else end)

    @property
    def joined_by(self) -> EntryName:
        """The statement by which it joined."""
        return EntryName(self.origin, self.enrolment.joined_by)


@dataclass(frozen=True, slots=True)
class LoggedTransfer:
    """That a device went from one subscriber to another, says somebody.

    Attributes:
        subscribers: the subscriber ids of both.
        by: who says so, safe to print.
        at_ms: when it was logged.
        statement: where.
    """

    subscribers: frozenset[bytes]
    by: str
    at_ms: int
    statement: EntryName


@dataclass(frozen=True, slots=True)
class DeviceView:
    """All that bears on one device.

    Attributes:
        device: which one.
        certificates: those that somebody claims stand on it, in any order.
        enrolments: those of this device, by any service, in any log.
        services: the services that certificates or enrolments name, by the origin of the statement log and their
            id. What covers is an audit and an enrolment in one log.
        transfers: of this device, in any log.
    """

    device: DeviceFacts
    certificates: tuple[CertificateFacts, ...]
    enrolments: tuple[LoggedEnrolment, ...] = ()
    services: Mapping[tuple[str, bytes], Service] = field(default_factory=dict)
    transfers: tuple[LoggedTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyView:
    """All that bears on one public key.

    Attributes:
        key: SHA-256 of the normalized key.
        certificates: those that certify it, in any order.
        devices: those that they are said to stand on, by id.
    """

    key: bytes
    certificates: tuple[CertificateFacts, ...]
    devices: Mapping[bytes, DeviceFacts] = field(default_factory=dict)
