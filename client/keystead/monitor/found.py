# SPDX-License-Identifier: Apache-2.0
"""What a finding shows: certificates, who puts them on devices, whose they are, and when the fact held.

Invariant: every name in it is safe to print.
"""

from dataclasses import dataclass
from typing import Any

from keystead.encoding.rfc3339 import format_time
from keystead.monitor.model import Assurance, ClaimKind, EntryName

__all__ = ["FoundCertificate", "FoundClaim", "FoundExposure", "FoundSubscriber", "Unread", "show_time"]


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """Who puts a certificate on the device.

    Attributes:
        device: which device.
        kind: extension, binding or evidence.
        by: who says so.
        assurance: what it is worth.
        method: how they know.
        statement: where; None for the certificate itself.
    """

    device: bytes
    kind: ClaimKind
    by: str
    assurance: Assurance
    method: str
    statement: EntryName | None

    def to_json(self) -> dict[str, Any]:
        """Members `device`, `kind`, `by`, `assurance`, `method`, `statement`."""
        return {
            "device": self.device.hex(),
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
        assurance: that it stands on the device, where the finding is about one; else on the surest of its devices;
            None where it stands on none.
        claims: who says so.
        covered: whether the device was covered for it; None where the rule does not ask.
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
    assurance: Assurance | None
    claims: tuple[FoundClaim, ...]
    covered: bool | None = None
    reason: str | None = None

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
            "assurance": None if self.assurance is None else self.assurance.text,
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
class Unread:
    """What of an issuance log was not read: its first entries.

    Attributes:
        origin: of the log.
        entries: how many.
    """

    origin: str
    entries: int

    def to_json(self) -> dict[str, Any]:
        """Members `origin`, `entries`."""
        return {"origin": self.origin, "entries": self.entries}

    @property
    def sentence(self) -> str:
        """For people."""
        return f"The first {self.entries} entries of {self.origin} were not read: what they say is not known here."


def show_time(milliseconds: int) -> str:
    """The RFC 3339 time of the second that a moment is in."""
    return format_time(milliseconds // 1000)
