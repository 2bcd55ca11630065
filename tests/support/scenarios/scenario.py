# SPDX-License-Identifier: Apache-2.0
"""What a scenario is, and how its expectations are written.

A scenario is a function that tells a history (days count from 2026-01-01; certificates are valid for a year from day
0 unless it says otherwise), the day that is looked at, and the findings expected on that day: those of `shared-device`
by the serial number of the YubiKey, and after them those of other rules. Nothing expected means that nothing may be
found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from keystead.certificate.device_identifier import device_id
from keystead.certificate.public_key import key_hash
from keystead.monitor.findings import State
from keystead.statements.statement_key import spki_of
from support.history import VENDOR, History, party_key, yubikey

OPEN, SETTLED = State.OPEN, State.SETTLED


@dataclass(frozen=True)
class Expected:
    """A finding: its state, why, how serious, and what settled it."""

    state: State
    reason: str
    severity: str = "high"
    settled_by: str | None = None
    exposures: int = 1


@dataclass(frozen=True)
class Key:
    """The key of the n-th certificate of a history, from 1."""

    number: int


@dataclass(frozen=True)
class Certificate:
    """The n-th certificate."""

    number: int


@dataclass(frozen=True)
class Subscriber:
    """The subscriber of the n-th certificate."""

    number: int


@dataclass(frozen=True)
class Enrolled:
    """A YubiKey and the n-th signing service."""

    serial: int
    service: int


@dataclass(frozen=True)
class Misbehaves:
    """The statement log, or another of the trees, and what it did."""

    kind: str
    tree: str = "statements"


@dataclass(frozen=True)
class Entry:
    """An issuance entry."""

    index: int


About = int | bytes | Key | Certificate | Subscriber | Enrolled | Misbehaves | Entry

Tell = Callable[[History], Mapping[str, object] | None]
"""Tells a history; what comes back is what the monitor is given beside the log, as `History.monitor` takes it."""


@dataclass(frozen=True)
class Also:
    """A finding of another rule than `shared-device`."""

    rule: str
    about: About
    severity: str
    reason: str | None = None
    state: State = OPEN
    settled_by: str | None = None


@dataclass(frozen=True)
class Scenario:
    """A history, a day, and the findings of that day."""

    name: str
    tell: Tell
    day: float
    shared: dict[int | bytes, Expected] = field(default_factory=dict)
    also: tuple[Also, ...] = ()


_NAMED = {
    b"world": device_id("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8"),
    b"etoken": device_id("manufacturer-serial", "thales/safenetetoken/02a1b2c3"),
    b"attested world": device_id("nshield-world", VENDOR.nshield("1111-1075-88BB").world.hknso.hex()),
    b"luna": device_id("luna-serial", "123456"),
    b"yubihsm": device_id("yubihsm-serial", "7"),
}


_Telling = TypeVar("_Telling", bound=Tell)


class Topic(list[Scenario]):
    """The scenarios of a topic, in the order in which they are told."""

    def scenario(
        self, name: str, day: float, shared: dict[int | bytes, Expected] | None = None, *also: Also
    ) -> Callable[[_Telling], _Telling]:
        """Add a scenario; one history may be looked at on several days."""

        def add(tell: _Telling) -> _Telling:
            self.append(Scenario(name, tell, day, shared or {}, also))
            return tell

        return add


def subject_of(about: About, history: History) -> bytes:
    """The subject of a finding, once the history is told."""
    match about:
        case int():
            return yubikey(about)
        case bytes():
            return _NAMED[about]
        case Key(number):
            return key_hash(history.issued[number - 1].key.spki)
        case Certificate(number):
            return history.issued[number - 1].certificate_id
        case Subscriber(number):
            return history.issued[number - 1].subscriber_id
        case Enrolled(serial, service):
            return yubikey(serial) + history.services[service - 1].id
        case Misbehaves(kind, tree):
            return sha256(f"{history.log.name}/{tree}\n{kind}".encode()).digest()
        case Entry(index):
            return sha256(f"{history.log.name}/issuance\n{index}".encode()).digest()


def weak(number: int) -> Also:
    """The n-th certificate is only declared to be in a device."""
    return Also("weak-evidence", Certificate(number), "medium", "declared")


def keyid_of(party: str) -> bytes:
    """The hash of the key of a party."""
    return sha256(spki_of(party_key(party))).digest()
