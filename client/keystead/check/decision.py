# SPDX-License-Identifier: Apache-2.0
"""The answer to a CA's question, as a value and as JSON (`specs/check.md`, section 5).

Invariants:

* every name in it is safe to print;
* the reasons are stable words; what they mean here is told in the details, one sentence each.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from keystead.monitor.found import FoundCertificate, FoundSubscriber, show_time
from keystead.monitor.model import EntryName

__all__ = ["CoverShown", "Decision", "Detail", "DeviceShown", "Verdict", "worst"]


class Verdict(Enum):
    """The four answers, the better first."""

    CLEAR = "clear"
    """Nobody else's certificate is on the device, or sharing it is what it is for."""
    SAME_SUBSCRIBER = "same-subscriber"
    """Certificates of the same subscriber alone are."""
    COVERED = "covered"
    """Another subscriber's are, and an audited signing service covers the device for both."""
    SHARED = "shared"
    """Another subscriber's are, and that is not so."""

    @property
    def rank(self) -> int:
        """The greater the worse."""
        return list(Verdict).index(self)


def worst(verdicts: "list[Verdict]") -> Verdict:
    """The worst of several; `clear` of none."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.CLEAR)


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """A device that is asked about."""

    device_id: bytes
    scheme: str
    value: str | None
    text: str

    def to_json(self) -> dict[str, Any]:
        """Members `device_id`, `scheme`, `value`."""
        return {"device_id": self.device_id.hex(), "scheme": self.scheme, "value": self.value}


@dataclass(frozen=True, slots=True)
class CoverShown:
    """What covers the device for the certificate asked about: an operator's word under an auditor's.

    Attributes:
        service: service id.
        service_name: as its id has it, safe to print.
        operator: its name, safe to print.
        auditor: who signed the audit, safe to print.
        scheme: of the audit.
        statement: the audit.
        enrolled_by: the statement by which the device joined.
        until_ms: when that cover ends, as far as is known now.
    """

    service: bytes
    service_name: str
    operator: str
    auditor: str
    scheme: str
    statement: EntryName
    enrolled_by: EntryName
    until_ms: int

    def to_json(self) -> dict[str, Any]:
        """What the attributes say; `until` in RFC 3339."""
        return {
            "service": self.service.hex(),
            "service_name": self.service_name,
            "operator": self.operator,
            "auditor": self.auditor,
            "scheme": self.scheme,
            "audit": self.statement.to_json(),
            "enrolment": self.enrolled_by.to_json(),
            "until": show_time(self.until_ms),
        }


@dataclass(frozen=True, slots=True)
class Detail:
    """One reason for a verdict, or something beside it that a CA should know.

    Attributes:
        code: stable.
        sentence: for people.
        device: which one it is about; None where it is about none.
        subscribers: whom it is about.
        certificates: theirs, the oldest first.
        since_ms: since when the first of these stands on the device.
        service: which one it is about, if any.
        cover: what covers the device, where something does.
    """

    code: str
    sentence: str
    device: bytes | None = None
    subscribers: tuple[FoundSubscriber, ...] = ()
    certificates: tuple[FoundCertificate, ...] = ()
    since_ms: int | None = None
    service: bytes | None = None
    cover: CoverShown | None = None

    def to_json(self) -> dict[str, Any]:
        """What the attributes say; `issuers` beside the certificates."""
        return {
            "code": self.code,
            "sentence": self.sentence,
            "device": None if self.device is None else self.device.hex(),
            "subscribers": [subscriber.to_json() for subscriber in self.subscribers],
            "issuers": sorted({certificate.issuer for certificate in self.certificates}),
            "certificates": [certificate.to_json() for certificate in self.certificates],
            "since": None if self.since_ms is None else show_time(self.since_ms),
            "service": None if self.service is None else self.service.hex(),
            "cover": None if self.cover is None else self.cover.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What one operator's logs say to the question.

    Attributes:
        verdict: the worst of all devices.
        devices: those that were asked about.
        details: why, what decides first.
        entries: where the other certificates on these devices are logged.
        misbehaved: the log did what it must not: whatever it shows is to be doubted.
    """

    verdict: Verdict
    devices: tuple[DeviceShown, ...]
    details: tuple[Detail, ...]
    entries: tuple[EntryName, ...]
    misbehaved: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the details, each once."""
        return tuple(dict.fromkeys(detail.code for detail in self.details))

    def to_json(self) -> dict[str, Any]:
        """Members `verdict`, `reasons`, `devices`, `details`, `entries`."""
        return {
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "devices": [device.to_json() for device in self.devices],
            "details": [detail.to_json() for detail in self.details],
            "entries": [name.to_json() for name in self.entries],
        }
