# SPDX-License-Identifier: Apache-2.0
"""The facts of which a signing service consists (`specs/statements.md`, section 7): keys, audits, enrolments.

Moments are milliseconds since 1970; intervals contain their start and not their end.
"""

from dataclasses import dataclass
from enum import StrEnum

from keystead.statements.kinds.service_audit import ServiceAudit
from keystead.statements.qualification import Shortcoming

__all__ = ["Audit", "Change", "Enrolment", "OperatorKey", "Standing", "StandingCode"]


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A key that spoke, or speaks, for a service.

    Attributes:
        key: DER SubjectPublicKeyInfo.
        named_by: leaf index of the statement that named it; None for the founding key.
        since_ms: when that was logged.
        distrusted_from_ms: from when on its word has no weight; None for a good key.
    """

    key: bytes
    named_by: int | None
    since_ms: int | None
    distrusted_from_ms: int | None

    def carries(self, logged_ms: int) -> bool:
        """Whether what it signed, logged at that time, has weight."""
        return self.distrusted_from_ms is None or logged_ms < self.distrusted_from_ms


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit that was logged.

    Attributes:
        index: its leaf index.
        time_ms: when it was logged.
        statement: what the auditor said.
        digest: SHA-256 of the payload.
        keyid: who signed it.
        shortcomings: why it does not qualify; empty if it does.
        withdrawn_from_ms: from when on it does not stand any more; None if it was not withdrawn.
        withdrawn_by: leaf index of the withdrawal that says so.
    """

    index: int
    time_ms: int
    statement: ServiceAudit
    digest: bytes
    keyid: str
    shortcomings: tuple[Shortcoming, ...]
    withdrawn_from_ms: int | None = None
    withdrawn_by: int | None = None

    @property
    def auditor(self) -> str:
        """The party that audited and signed."""
        return self.statement.auditor

    @property
    def qualifies(self) -> bool:
        """Whether it can cover devices."""
        return not self.shortcomings

    @property
    def start_ms(self) -> int:
        """Since when it is in force."""
        return self.statement.not_before * 1000

    @property
    def planned_end_ms(self) -> int:
        """Until when it is in force if it is not withdrawn: the end of its last second."""
        return (self.statement.not_after + 1) * 1000

    @property
    def end_ms(self) -> int:
        """Until when it is in force; at or before `start_ms` if it was withdrawn from the beginning."""
        if self.withdrawn_from_ms is None:
            return self.planned_end_ms
        return min(self.planned_end_ms, self.withdrawn_from_ms)

    def in_force_at(self, at_ms: int) -> bool:
        """Whether it qualifies and is in force at a moment."""
        return self.qualifies and self.start_ms <= at_ms < self.end_ms


class StandingCode(StrEnum):
    """How a service stands at a moment; the names are those of a finding's `reason`."""

    IN_FORCE = "in-force"
    UNAUDITED = "unaudited"
    NOT_QUALIFYING = "not-qualifying"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a qualifying audit of a service is in force at a moment, and if not, why not.

    Attributes:
        code: `lapsed` is said of audits that are not in force yet, too.
        audit: the one that makes it so; None where there is none.
    """

    code: StandingCode
    audit: Audit | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A time through which a device belongs to a service.

    Attributes:
        service: service id.
        device_id: 32 bytes.
        start_ms: when it joined.
        end_ms: when it left; None if it did not.
        joined_by: leaf index of the statement by which it joined.
        left_by: leaf index of the statement by which it left.
    """

    service: bytes
    device_id: bytes
    start_ms: int
    end_ms: int | None
    joined_by: int
    left_by: int | None

    def contains(self, at_ms: int) -> bool:
        """Whether the device belongs to the service at a moment."""
        return self.start_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)


@dataclass(frozen=True, slots=True)
class Change:
    """A device joins or leaves, as one statement says.

    Attributes:
        effective_ms: the later of the stated date and the time logged.
        index: leaf index of the statement.
        time_ms: when it was logged.
        joins: or leaves.
        key_position: which of the service's operator keys signed it, 0 for the founding key.
    """

    effective_ms: int
    index: int
    time_ms: int
    joins: bool
    key_position: int
