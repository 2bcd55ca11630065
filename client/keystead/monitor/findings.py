# SPDX-License-Identifier: Apache-2.0
"""What the monitor reports: one finding a fact, with what proves it and what would settle it.

Invariants:

* the id depends on rule and subject alone, so a fact keeps its id while entries come and go
  (`specs/monitor.md`, section 7);
* what is judged follows from facts and a moment; who acknowledged it is kept beside it, and put in where it is told;
* every name in it is safe to print.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from keystead.monitor.found import FoundCertificate, FoundExposure, FoundSubscriber, Unread, show_time
from keystead.monitor.model import EntryName
from keystead.monitor.severity import Severity

__all__ = ["Acknowledged", "Finding", "SettledBy", "Settlement", "State", "Verdict", "finding_id", "in_order"]


def finding_id(rule: str, subject: bytes) -> bytes:
    """The id of what `rule` says about `subject`."""
    return sha256(f"keystead/finding/v1\n{rule}\n{subject.hex()}".encode()).digest()


class State(StrEnum):
    """Where a finding is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SETTLED = "settled"


class SettledBy(StrEnum):
    """Why what was found does not last; of several at once, the first."""

    COVERED = "covered"
    TRANSFERRED = "transferred"
    ALIASED = "aliased"
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
class Acknowledged:
    """That somebody knew a finding already.

    Attributes:
        by: who.
        at_ms: when they said so.
        until_ms: until when it was to stand.
        why: in their words.
        lapsed: why it does not stand; None where it does.
    """

    by: str
    at_ms: int
    until_ms: int
    why: str
    lapsed: str | None

    def to_json(self) -> dict[str, Any]:
        """Members `by`, `at`, `until`, `why`, `lapsed`."""
        return {
            "by": self.by,
            "at": show_time(self.at_ms),
            "until": show_time(self.until_ms),
            "why": self.why,
            "lapsed": self.lapsed,
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
        acknowledgement: the last one; None while the finding is only judged (`acknowledgements`).
        unread: what was not read of logs, and may add to it or excuse it; put in where it is told.
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
    acknowledgement: Acknowledged | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def id(self) -> bytes:
        """32 bytes, the same for this fact for ever."""
        return finding_id(self.rule, self.subject)

    @property
    def reopened(self) -> bool:
        """Whether it was settled before and holds again."""
        return self.settlement is None and len(self.exposures) > 1

    def acknowledged(self, known: Acknowledged) -> "Finding":
        """The same finding, with who knew it already."""
        stands = self.state is State.OPEN and known.lapsed is None
        state = State.ACKNOWLEDGED if stands else self.state
        return replace(self, state=state, acknowledgement=known)

    def beside(self, unread: tuple[Unread, ...]) -> "Finding":
        """The same finding, with what was not read."""
        return replace(self, unread=unread)

    def to_json(self) -> dict[str, Any]:
        """The finding as programs get it; `statements` are leaf indices, `statement_entries` name their logs."""
        return {
            "id": self.id.hex(),
            "rule": self.rule,
            "reason": self.reason,
            "severity": self.severity.text,
            "severity_why": self.severity_why,
            "state": self.state.value,
            "reopened": self.reopened,
            "acknowledgement": None if self.acknowledgement is None else self.acknowledgement.to_json(),
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
            "unread": [part.to_json() for part in self.unread],
        }


class Verdict(NamedTuple):
    """What a rule says about one subject at a moment.

    Attributes:
        findings: about it.
        next_change: the first moment after that one at which there may be something else to say; None where time
            alone changes nothing.
    """

    findings: tuple[Finding, ...] = ()
    next_change: int | None = None


_ORDER = list(State)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Open ones first, then acknowledged ones; the most serious first, the newest first."""
    return sorted(
        findings,
        key=lambda found: (_ORDER.index(found.state), -found.severity, -found.since_ms, found.id),
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
