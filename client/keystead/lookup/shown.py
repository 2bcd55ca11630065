# SPDX-License-Identifier: Apache-2.0
"""What is shown of what was looked up: certificates with their entries, statements, and where it was proven.

Values for programs (`to_json`) and for people's tables. Every name in them is safe to print.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystead.audit.certificate_check.report import shown_time
from keystead.lookup.audits import AuditStanding
from keystead.monitor.found import show_time
from keystead.monitor.model import (
    NEVER,
    CertificateFacts,
    DeviceClaim,
    DeviceFacts,
    EntryName,
    ServiceClaim,
)

__all__ = ["ShownCertificate", "ShownStatement", "ShownUnreadable"]


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate, and its precertificate, which is the same.

    Attributes:
        facts: what is known of it.
        subscriber_id: by the strict rule.
        subscriber: what it is called.
        listed: its entries are in the history that was asked for; else statements lead to it.
        devices: what is known of the devices that it is said to be on, by id.
        then: how it stood when it was logged.
        now: how it stands.
        device: the device that was asked about; None where something else was.
    """

    facts: CertificateFacts
    subscriber_id: bytes
    subscriber: str
    listed: bool
    devices: Mapping[bytes, DeviceFacts]
    then: AuditStanding
    now: AuditStanding
    device: bytes | None = None

    @property
    def claims(self) -> list[DeviceClaim]:
        """For each device, or the one that was asked about, the claim that counts: that stands, and is the surest."""
        best: dict[bytes, DeviceClaim] = {}
        for claim in self.facts.claims:
            known = best.get(claim.device_id)
            if self.device in {None, claim.device_id} and (known is None or _weight(claim) > _weight(known)):
                best[claim.device_id] = claim
        return list(best.values())

    def entries_json(self) -> list[dict[str, Any]]:
        """An object for each of its entries."""
        facts = self.facts
        shared = {
            "certificate": facts.certificate_id.hex(),
            "listed": self.listed,
            "issuer": facts.issuer,
            "serial": facts.serial,
            "subscriber": {"id": self.subscriber_id.hex(), "name": self.subscriber},
            "key": facts.key.hex(),
            "not_before": shown_time(facts.valid.start // 1000),
            "not_after": shown_time(facts.valid.end // 1000 - 1),
            "assurance": self._assurance(),
            "devices": [self._claim_json(claim) for claim in facts.claims],
            "services": [_service_json(claim) for claim in facts.services],
            "audit_then": self.then.to_json(),
            "audit_now": self.now.to_json(),
            "ended": None
            if facts.ending is None
            else {
                "at": show_time(facts.ending.at_ms),
                "reason": facts.ending.reason,
                "by": facts.ending.by,
                "statement": _name_json(facts.ending.statement),
            },
        }
        return [
            {
                **entry.name.to_json(),
                "time": show_time(entry.time_ms),
                "type": "certificate" if entry.final else "precertificate",
                **shared,
            }
            for entry in facts.entries
        ]

    def _assurance(self) -> str | None:
        standing = [claim.assurance for claim in self.claims if claim.ends_ms >= NEVER]
        return max(standing).text if standing else None

    def _claim_json(self, claim: DeviceClaim) -> dict[str, Any]:
        device = self.devices.get(claim.device_id)
        return {
            "device_id": claim.device_id.hex(),
            "scheme": None if device is None else device.scheme,
            "value": None if device is None else device.value,
            "assurance": claim.assurance.text,
            "kind": claim.kind.value,
            "method": claim.method,
            "by": claim.by,
            "statement": _name_json(claim.statement),
            "superseded": _end_json(claim.ends_ms),
        }


@dataclass(frozen=True, slots=True)
class ShownUnreadable:
    """An entry whose certificate cannot be read.

    Attributes:
        name: which entry.
        time_ms: when it was logged.
        final: it is of a certificate.
        problem: why, safe to print.
    """

    name: EntryName
    time_ms: int
    final: bool
    problem: str

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            **self.name.to_json(),
            "time": show_time(self.time_ms),
            "type": "certificate" if self.final else "precertificate",
            "listed": True,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class ShownStatement:
    """A statement.

    Attributes:
        name: which one.
        time_ms: when it was logged.
        kind: of the statement; empty where it cannot be read.
        by: who said it, safe to print.
        text: what it says, safe to print.
        counts: its signer had the right to say it; None where that cannot be told from what was looked up.
        superseded_by: the statement that replaced it.
        members: of its payload.
    """

    name: EntryName
    time_ms: int
    kind: str
    by: str
    text: str
    counts: bool | None
    superseded_by: EntryName | None
    members: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            **self.name.to_json(),
            "time": show_time(self.time_ms),
            "kind": self.kind,
            "by": self.by,
            "says": self.text,
            "counts": self.counts,
            "superseded_by": _name_json(self.superseded_by),
            "payload": dict(self.members),
        }


def _weight(claim: DeviceClaim) -> tuple[bool, int, int]:
    return (claim.ends_ms >= NEVER, int(claim.assurance), claim.ends_ms)


def _service_json(claim: ServiceClaim) -> dict[str, Any]:
    return {
        "service": claim.service.hex(),
        "statement": _name_json(claim.statement),
        "superseded": _end_json(claim.span.end),
    }


def _name_json(name: EntryName | None) -> dict[str, object] | None:
    return None if name is None else name.to_json()


def _end_json(moment: int) -> str | None:
    return None if moment >= NEVER else show_time(moment)
