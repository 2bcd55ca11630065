# SPDX-License-Identifier: Apache-2.0
"""What a judge of statements has to know about the logs.

`StatementView` is the little that the rules of `rights` ask about what was logged before. A server answers from
its stores, a monitor from its replayed state; both get the same verdict.

Invariants of a view: it shows what stands before the statement that is judged, and nothing of what follows. A
server judges statements one after the other, in the order in which they will be sequenced, each with those
before it in view, committed or not.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keystead.statements.statement import Statement

__all__ = ["LoggedCertificate", "LoggedStatement", "RecordedAudit", "ServiceView", "StatementView"]


@dataclass(frozen=True, slots=True)
class LoggedCertificate:
    """What an issuance entry says about its certificate.

    Attributes:
        certificate_id: 32 bytes.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo, as in RFC 6962.
    """

    certificate_id: bytes
    issuer_key_hash: bytes


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement in its place.

    Attributes:
        index: its leaf index.
        time_ms: when it was logged.
        statement: what it says.
        keyid: lowercase hex, who signed it.
        party: the name of the party whose key that was under the policy in force then; None for the log and
            for operators.
    """

    index: int
    time_ms: int
    statement: Statement
    keyid: str
    party: str | None


class RecordedAudit(Protocol):
    """An audit that was logged."""

    @property
    def auditor(self) -> str:
        """The name of the party that signed it."""


class ServiceView(Protocol):
    """What is known about a signing service at the moment of judging."""

    @property
    def operator_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the operator key in force."""

    @property
    def operator_key_distrusted(self) -> bool:
        """Whether that key is distrusted, or was named by one that already was."""

    def audits_of(self, digest: bytes) -> Sequence[RecordedAudit]:
        """The logged audits of this service whose payload has this SHA-256."""


class StatementView(Protocol):
    """The logs, as far as judging needs them."""

    @property
    def origin(self) -> str:
        """The origin of the statement log."""

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        """The certificate of an issuance entry; None if there is no such entry yet."""

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        """Whether an `x509_entry` with this certificate id is logged."""

    def statement_at(self, index: int) -> LoggedStatement | None:
        """The statement at a leaf index; None if there is none yet."""

    def service(self, service_id: bytes) -> ServiceView | None:
        """The service; None until an audit of it is logged."""

    def services_with(self, device_id: bytes) -> Iterable[ServiceView]:
        """The services that ever enrolled a device."""

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        """Whether a logged certificate under one of these issuing keys is on a device.

        It is where its extension, a binding or recorded evidence says so; what was superseded since counts, too:
        the right to speak is not lost by a correction.
        """
