# SPDX-License-Identifier: Apache-2.0
"""What the monitor reports: one finding a fact, with what proves it and what would settle it.

Invariants:

* the id depends on rule and subject alone, so a fact keeps its id while entries come and go
  (`specs/monitor.md`, section 7);
* a finding is a value that follows from facts and a moment; who acknowledged it is kept beside it, not in it;
* every name in it is safe to print.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from keystead.encoding.rfc3339 import format_time
from keystead.monitor.model import Assurance, ClaimKind, EntryName
from keystead.monitor.severity import Severity

__all__ = [
    "Finding",
    "FoundCertificate",
    "FoundClaim",
    "FoundExposure",
    "FoundSubscriber",
    "SettledBy",
    "Settlement",
    "State",
    "finding_id",
    "in_order",
    "show_time",
]


def finding_id(rule: str, subject: bytes) -> bytes:
    """The id of what `rule` says about `subject`."""
    return sha256(f"keystead/finding/v1\n{rule}\n{subject.hex()}".encode()).digest()


class State(StrEnum):
    """Where a finding is in its life."""

    OPEN = "open"
    SETTLED = "settled"


class SettledBy(StrEnum):
    """Why what was found does not last; of several at once, the first."""

    COVERED = "covered"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settled a finding.

    Attributes:
        how: the word for it.
        at_ms: when.
        by: whose word it rests on, safe to print; empty where time alone settled it.
        statements: in which they said so.
        sentence: for people.
    """

    how: SettledBy
    at_ms: int
    by: tuple[str, ...]
    statements: tuple[EntryName, ...]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Members `how`, `at`, `by`, `statements`, `sentence`."""
        return {
            "how": self.how.value,
            "at": show_time(self.at_ms),
            "by": list(self.by),
            "statements": [name.to_json() for name in self.statements],
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """Who puts a certificate on the device.

    Attributes:
        kind: extension, binding or evidence.
        by: who says so.
        assurance: what it is worth.
        method: how they know.
        statement: where; None for the certificate itself.
    """

    kind: ClaimKind
    by: str
    assurance: Assurance
    method: str
    statement: EntryName | None

    def to_json(self) -> dict[str, Any]:
        """Members `kind`, `by`, `assurance`, `method`, `statement`."""
        return {
            "kind": self.kind.value,
            "by": self.by,
            "assurance": self.assurance.text,
            "method": self.method,
            "statement": None if self.statement is None else self.statement.to_json(),
        }


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate that makes the fact.

    Attributes:
        certificate_id: 32 bytes.
        entries: where it is logged.
        issuer: which CA answers for it.
        serial: hex.
        subscriber: whose it is.
        key: SHA-256 of its normalized public key.
        not_before_ms, not_after_ms: its validity, as it states it.
        ends_ms: when its life ended or will.
        assurance: that it stands on the device.
        claims: who says so.
        covered: whether the device was covered for it.
        reason: if not, why not.
    """

    certificate_id: bytes
    entries: tuple[EntryName, ...]
    issuer: str
    serial: str
    subscriber: str
    key: bytes
    not_before_ms: int
    not_after_ms: int
    ends_ms: int
    assurance: Assurance
    claims: tuple[FoundClaim, ...]
    covered: bool
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """What the attributes say; ids in hex."""
        return {
            "certificate_id": self.certificate_id.hex(),
            "entries": [name.to_json() for name in self.entries],
            "issuer": self.issuer,
            "serial": self.serial,
            "subscriber": self.subscriber,
            "key": self.key.hex(),
            "not_before": show_time(self.not_before_ms),
            "not_after": show_time(self.not_after_ms),
            "ends": show_time(self.ends_ms),
            "assurance": self.assurance.text,
            "claims": [claim.to_json() for claim in self.claims],
            "covered": self.covered,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class FoundSubscriber:
    """A subscriber in a finding.

    Attributes:
        ids: strict subscriber ids of its certificates, ascending.
        name: safe to print.
        joined_by: by what its certificates were found to be one subscriber's, in words.
    """

    ids: tuple[bytes, ...]
    name: str
    joined_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Members `ids`, `name`, `joined_by`."""
        return {
            "ids": [identifier.hex() for identifier in self.ids],
            "name": self.name,
            "joined_by": list(self.joined_by),
        }


@dataclass(frozen=True, slots=True)
class FoundExposure:
    """An unbroken stretch of time in which the fact held.

    Attributes:
        from_ms: since when.
        until_ms: until when; None while it lasts.
        subscribers: ids of all who were exposed in it, ascending.
    """

    from_ms: int
    until_ms: int | None
    subscribers: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Members `from`, `until`, `subscribers`."""
        return {
            "from": show_time(self.from_ms),
            "until": None if self.until_ms is None else show_time(self.until_ms),
            "subscribers": [identifier.hex() for identifier in self.subscribers],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that needs a look, or needed one.

    Attributes:
        rule: which rule found it.
        subject: what it is about: 32 or 64 bytes that the rule defines.
        severity: how serious.
        severity_why: how that comes, in words.
        state: open or settled.
        since_ms: when it began, of a settled one: for the last time.
        summary: a sentence that a person understands.
        would_settle: what would settle it; empty where it is settled.
        reason: why it holds, by a stable word of the rule; None where the rule has none.
        settlement: why it holds no more.
        device, key, service: 32 bytes each, as far as they apply.
        device_text: what people call the device.
        subscribers: who is concerned.
        entries: the issuance entries that prove it.
        statements: the statements that bear on it.
        certificates: what the entries say.
        exposures: all stretches of time in which it held, the first one first.
        proofs: of a log's misbehaviour: what it is about and what the log signed, in base64.
    """

    rule: str
    subject: bytes
    severity: Severity
    severity_why: str
    state: State
    since_ms: int
    summary: str
    would_settle: str = ""
    reason: str | None = None
    settlement: Settlement | None = None
    device: bytes | None = None
    device_text: str | None = None
    key: bytes | None = None
    service: bytes | None = None
    subscribers: tuple[FoundSubscriber, ...] = ()
    entries: tuple[EntryName, ...] = ()
    statements: tuple[EntryName, ...] = ()
    certificates: tuple[FoundCertificate, ...] = ()
    exposures: tuple[FoundExposure, ...] = ()
    proofs: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> bytes:
        """32 bytes, the same for this fact for ever."""
        return finding_id(self.rule, self.subject)

    def to_json(self) -> dict[str, Any]:
        """The finding as programs get it; `statements` are leaf indices, `statement_entries` name their logs."""
        return {
            "id": self.id.hex(),
            "rule": self.rule,
            "reason": self.reason,
            "severity": self.severity.text,
            "severity_why": self.severity_why,
            "state": self.state.value,
            "settled_by": None if self.settlement is None else self.settlement.how.value,
            "settlement": None if self.settlement is None else self.settlement.to_json(),
            "device": _hex(self.device),
            "device_text": self.device_text,
            "key": _hex(self.key),
            "service": _hex(self.service),
            "subscribers": [subscriber.to_json() for subscriber in self.subscribers],
            "entries": [name.to_json() for name in self.entries],
            "statements": [name.index for name in self.statements],
            "statement_entries": [name.to_json() for name in self.statements],
            "since": show_time(self.since_ms),
            "summary": self.summary,
            "would_settle": self.would_settle,
            "certificates": [certificate.to_json() for certificate in self.certificates],
            "exposures": [exposure.to_json() for exposure in self.exposures],
            "proofs": [dict(proof) for proof in self.proofs],
        }


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Open ones first, the most serious first, the newest first."""
    return sorted(
        findings,
        key=lambda found: (found.state is not State.OPEN, -found.severity, -found.since_ms, found.id),
    )


def show_time(milliseconds: int) -> str:
    """The RFC 3339 time of the second that a moment is in."""
    return format_time(milliseconds // 1000)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
