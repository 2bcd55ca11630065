# SPDX-License-Identifier: Apache-2.0
"""Histories and what the monitor must say about them, as a table that people can read and add to.

A scenario is a function that tells a history (days count from 2026-01-01; certificates are valid for a year from day
0 unless it says otherwise), the day that is looked at, and the findings expected on that day: those of `shared-device`
by the serial number of the YubiKey, and after them those of other rules. Nothing expected means that nothing may be
found.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import Method
from keystead.certificate.public_key import key_hash
from keystead.monitor.findings import State
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import RevocationReason
from keystead.statements.statement_key import spki_of
from support.history import YEAR, History, party_key, yubikey

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


About = int | bytes | Key | Certificate | Subscriber | Enrolled


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
    tell: Callable[[History], None]
    day: float
    shared: dict[int | bytes, Expected] = field(default_factory=dict)
    also: tuple[Also, ...] = ()


SCENARIOS: list[Scenario] = []

_NAMED = {
    b"world": device_id("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8"),
    b"etoken": device_id("manufacturer-serial", "thales/safenetetoken/02a1b2c3"),
    b"yubihsm": device_id("yubihsm-serial", "7"),
}


def scenario(
    name: str, day: float, shared: dict[int | bytes, Expected] | None = None, *also: Also
) -> Callable[[Callable[[History], None]], Callable[[History], None]]:
    """Add a scenario; one history may be looked at on several days."""

    def add(tell: Callable[[History], None]) -> Callable[[History], None]:
        SCENARIOS.append(Scenario(name, tell, day, shared or {}, also))
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


def weak(number: int) -> Also:
    """The n-th certificate is only declared to be in a device."""
    return Also("weak-evidence", Certificate(number), "medium", "declared")


# --- Who shares a device -------------------------------------------------------------------------------------------


@scenario("A: a token of one company certified for another", 10, {1: Expected(OPEN, "no-service")})
@scenario("A: before the second certificate is valid", 2)
@scenario(
    "A: after the first certificate expired",
    YEAR + 5,
    {1: Expected(SETTLED, "no-service", settled_by="expired")},
)
def leaked_token(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, ca=history.south, valid=(3, YEAR + 100))


@scenario("B: one after the other is not shared use", 400, {}, Also("sequential-reuse", 1, "low"))
def sequential(history: History) -> None:
    history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.day(120)
    history.certificate("Beta GmbH", serial=1, valid=(120, 500))


@scenario(
    "C: a reseller's token under five subscribers at three CAs makes one finding",
    10,
    {1: Expected(OPEN, "no-service")},
)
def reseller(history: History) -> None:
    cas = (history.north, history.south, history.east)
    for number in range(5):
        history.certificate(f"Customer {number} Ltd", serial=1, ca=cas[number % 3])


@scenario("one subscriber with many certificates on one token", 10)
def renewals(history: History) -> None:
    for day in range(1, 5):
        history.day(day)
        history.certificate("Alpha AB", serial=1, valid=(day, YEAR + day))


@scenario("I: two subscribers with a token each, both of one batch: its attestation key is no identity", 10)
def two_tokens(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=2)


@scenario(
    "J: one key certified for two subscribers is one finding, and no shared device",
    10,
    {},
    Also("same-key-two-subscribers", Key(1), "high"),
)
def one_key(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, ca=history.south, key=first.key)


@scenario("precertificate and certificate are one certificate", 10)
def precertificate_and_certificate(history: History) -> None:
    history.finish(history.certificate("Alpha AB", serial=1, precertificate=True))


@scenario(
    "a precertificate alone stands on the device",
    10,
    {1: Expected(OPEN, "no-service")},
)
def precertificate_alone(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, precertificate=True)


@scenario("equal numbers of a YubiKey and a YubiHSM are two devices", 10)
def equal_numbers(history: History) -> None:
    history.certificate("Alpha AB", serial=7)
    history.certificate("Beta GmbH", devices=[("yubihsm-serial", "7")], method=Method.SHIPPED_BY_CA)


@scenario("certificates without any device", 10)
def no_devices(history: History) -> None:
    history.certificate("Alpha AB")
    history.certificate("Beta GmbH")


@scenario(
    "backfill: two certificates that say nothing, evidence beside them",
    10,
    {1: Expected(OPEN, "no-service")},
)
def backfill(history: History) -> None:
    history.certificate("Alpha AB", serial=1, extension=False)
    history.certificate("Beta GmbH", serial=1, extension=False, ca=history.south)


@scenario(
    "the world and its modules: two modules, one world",
    10,
    {b"world": Expected(OPEN, "no-service", "medium")},
)
def one_world(history: History) -> None:
    world = ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")
    history.certificate(
        "Alpha AB", devices=[("nshield-esn", "1111-1075-88BB"), world], method=Method.SHIPPED_BY_CA
    )
    history.certificate(
        "Beta GmbH", devices=[("nshield-esn", "2222-1075-88BB"), world], method=Method.SHIPPED_BY_CA
    )


@scenario(
    "a module and its domain with the same certificates make one finding, on the domain",
    10,
    {b"world": Expected(OPEN, "no-service", "medium")},
)
def one_module(history: History) -> None:
    pair = [("nshield-esn", "1111-1075-88BB"), ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")]
    history.certificate("Alpha AB", devices=pair, method=Method.SHIPPED_BY_CA)
    history.certificate("Beta GmbH", devices=pair, method=Method.SHIPPED_BY_CA)


@scenario(
    "a bare claim of the domain does not speak for an attested module",
    10,
    {1: Expected(OPEN, "no-service"), b"world": Expected(OPEN, "no-service", "medium")},
)
def bare_domain(history: History) -> None:
    world = ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")
    history.certificate("Alpha AB", serial=1, devices=[world])
    history.certificate("Beta GmbH", serial=1, devices=[world])


# --- Who is whom ---------------------------------------------------------------------------------------------------


@scenario("F: one registration number at several CAs, in several spellings", 10)
def one_registration(history: History) -> None:
    history.certificate("Yubico AB", serial=1, registration="5567208755", country="SE")
    history.certificate(
        "YUBICO AKTIEBOLAG", serial=1, registration="556720-8755", country="SE", ca=history.south
    )


@scenario(
    "F: one name at two CAs is only perhaps one subscriber",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
)
def one_name_two_cas(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE")


@scenario("one name vetted by one CA is one subscriber", 10)
def one_name_one_ca(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("  ALPHA  ab", serial=1)


@scenario(
    "one name in two states is only perhaps one subscriber",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
)
def one_name_two_states(history: History) -> None:
    history.certificate("Acme Inc", serial=1, state="Ohio")
    history.certificate("Acme Inc", serial=1, state="Texas")


@scenario("one name, and a placeholder for the state", 10)
def one_name_placeholder(history: History) -> None:
    history.certificate("Acme Inc", serial=1, state="Ohio")
    history.certificate("Acme Inc", serial=1, state="N/A")


@scenario(
    "one name with two registration numbers is two subscribers",
    10,
    {1: Expected(OPEN, "no-service")},
)
def two_registrations(history: History) -> None:
    history.certificate("Smith Ltd", serial=1, registration="11111111")
    history.certificate("Smith Ltd", serial=1, registration="22222222")


@scenario(
    "one date of incorporation in place of a number joins nobody",
    10,
    {1: Expected(OPEN, "no-service")},
)
def dates(history: History) -> None:
    history.certificate("Alpha AB", serial=1, registration="2003-05-04")
    history.certificate("Beta AB", serial=1, registration="2003-05-04")


# --- What it is worth ----------------------------------------------------------------------------------------------


@scenario("K: an eToken that two CAs vouch for", 10, {b"etoken": Expected(OPEN, "no-service", "medium")})
def ca_verified(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.SHIPPED_BY_CA)
    history.certificate("Beta GmbH", devices=token, method=Method.CA_PRESCRIBED_LIBRARY, ca=history.south)


@scenario(
    "K: an eToken that is only declared",
    10,
    {b"etoken": Expected(OPEN, "no-service", "low")},
    weak(1),
    weak(2),
)
def declared(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.DECLARED)
    history.certificate("Beta GmbH", devices=token, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim beside attested use of one's own frames nobody",
    10,
    {1: Expected(OPEN, "no-service", "low")},
    weak(2),
)
def bare_claim(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim hides nothing that two attested ones show",
    10,
    {1: Expected(OPEN, "no-service", "high")},
    weak(3),
)
def bare_claim_beside(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario(
    "perhaps one, and only declared: never below info",
    10,
    {1: Expected(OPEN, "no-service", "info")},
    weak(1),
    weak(2),
)
def perhaps_declared(history: History) -> None:
    history.certificate("Alpha AB", serial=1, evidence=False, method=Method.DECLARED)
    history.certificate(
        "Alpha AB", serial=1, evidence=False, method=Method.DECLARED, ca=history.south, country="SE"
    )


@scenario(
    "attested beside a perhaps and a declared: each pair by itself",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
    weak(3),
)
def mixed_pairs(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE")
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario("evidence that comes later makes it certain", 20, {1: Expected(OPEN, "no-service", "high")})
@scenario("before that evidence", 10, {1: Expected(OPEN, "no-service", "high")})
def late_evidence(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    late = history.certificate("Beta GmbH", serial=1, evidence=False, ca=history.south)
    history.day(15)
    history.evidence(late, 1)


# --- What covers ---------------------------------------------------------------------------------------------------


@scenario("D: covered from the beginning", 20)
def covered(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.day(5)
    history.certificate("Alpha AB", serial=1, service=service, valid=(5, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(5, YEAR), ca=history.south)


@scenario("D: the operator enrols later", 20, {1: Expected(SETTLED, "not-enrolled", settled_by="covered")})
@scenario("D: before the operator enrols", 7, {1: Expected(OPEN, "not-enrolled")})
def enrolled_later(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1, service=service)
    history.day(10)
    history.devices(service, join=[1], day=0)


@scenario("D: the service has no audit", 20, {1: Expected(OPEN, "unaudited")})
def unaudited(history: History) -> None:
    service = history.service()
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1, service=service)


@scenario("D: SOC 2 does not qualify", 20, {1: Expected(OPEN, "not-qualifying")})
def soc2(history: History) -> None:
    service = history.service()
    history.audit(service, scheme=AuditScheme.SOC2)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1, service=service)


@scenario("an audited period of more than a year does not qualify", 20, {1: Expected(OPEN, "not-qualifying")})
def long_period(history: History) -> None:
    service = history.service()
    history.audit(service, period=(-500, 0))
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1, service=service)


@scenario(
    "an audit that names another operator key does not qualify", 20, {1: Expected(OPEN, "not-qualifying")}
)
def other_operator_key(history: History) -> None:
    service = history.service()
    history.audit(service, operator_key=party_key("somebody else"))
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1, service=service)


@scenario("D: covered until the audit lapses", 50)
@scenario("D: the audit lapsed", 120, {1: Expected(OPEN, "lapsed")})
@scenario(
    "D: the next audit settles it, the gap is history",
    160,
    {1: Expected(SETTLED, "lapsed", settled_by="covered")},
)
def audit_gap(history: History) -> None:
    service = history.service()
    history.audit(service, days=(0, 100))
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(150)
    history.audit(service, days=(140, 300), period=(0, 140))


@scenario("an audit looks back to its beginning, however late it is logged", 30)
def audit_logged_late(history: History) -> None:
    service = history.service()
    history.audit(service, days=(0, 10))
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(25)
    history.audit(service, days=(5, 200), period=(-300, 5))


@scenario("the audit is withdrawn, back to a date", 60, {1: Expected(OPEN, "withdrawn")})
@scenario("before it is withdrawn from, all is well", 30)
def withdrawn(history: History) -> None:
    service = history.service()
    withdrawal = history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(50)
    history.withdraw(withdrawal, 40)


@scenario("the device leaves the service", 60, {1: Expected(OPEN, "not-enrolled")})
@scenario("until it leaves", 45)
def leaves(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(50)
    history.devices(service, leave=[1], day=20)


@scenario(
    "one of two certificates names no service",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("outside-service", 1, "medium", "no-service"),
)
def half_covered(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1)


@scenario(
    "the reason is that of the newest certificate that is not covered",
    20,
    {1: Expected(OPEN, "unaudited")},
    Also("outside-service", 1, "medium", "other-service"),
)
def newest_reason(history: History) -> None:
    service, other = history.service(), history.service("Other Service", "Other Operator")
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1)
    history.certificate("Gamma SA", serial=1, service=other)
    history.certificate("Beta GmbH", serial=1, service=service)


@scenario(
    "the CAs name the service later, by bindings",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="covered")},
    Also("outside-service", 1, "medium", "no-service", SETTLED, "covered"),
    Also("contested-enrolment", Enrolled(1, 1), "low", None, SETTLED, "ended"),
)
@scenario(
    "a binding names from when it is logged",
    7,
    {1: Expected(OPEN, "no-service")},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
def bound_later(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.day(10)
    history.bind(first, service=service)
    history.bind(second, service=service)


@scenario("a new operator key continues the list of devices", 60)
def key_rotation(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1], next_key=party_key("next"))
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(20)
    history.devices(service, join=[2], key=party_key("next"))
    history.audit(service, days=(20, 300), period=(-300, 20), operator_key=party_key("next"))
    history.certificate("Alpha AB", serial=2, service=service, valid=(21, YEAR))
    history.certificate("Beta GmbH", serial=2, service=service, valid=(21, YEAR))


@scenario(
    "who enrolled first holds the device",
    20,
    {1: Expected(OPEN, "not-enrolled")},
    Also("outside-service", 1, "medium", "other-service"),
)
def two_services(history: History) -> None:
    first, second = history.service(), history.service("Other Service", "Other Operator")
    for service in (first, second):
        history.audit(service)
    history.devices(first, join=[1])
    history.day(1)
    history.devices(second, join=[1])
    # Attested certificates name both, so the earlier enrolment counts.
    history.certificate("Alpha AB", serial=1, service=first)
    history.certificate("Beta GmbH", serial=1, service=second)


@scenario(
    "a stranger who enrols a device first does not take it over",
    20,
    {},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
def competitor(history: History) -> None:
    stranger, operator = history.service("Stranger", "Stranger Ltd"), history.service()
    for service in (stranger, operator):
        history.audit(service)
    history.devices(stranger, join=[1])
    history.day(1)
    history.devices(operator, join=[1])
    history.certificate("Alpha AB", serial=1, service=operator, valid=(2, YEAR))
    history.certificate("Beta GmbH", serial=1, service=operator, valid=(2, YEAR))


@scenario(
    "without attested certificates the earlier enrolment counts",
    20,
    {1: Expected(OPEN, "not-enrolled", "medium")},
)
def competitor_unattested(history: History) -> None:
    stranger, operator = history.service("Stranger", "Stranger Ltd"), history.service()
    for service in (stranger, operator):
        history.audit(service)
    history.devices(stranger, join=[1])
    history.day(1)
    history.devices(operator, join=[1])
    for subscriber in ("Alpha AB", "Beta GmbH"):
        history.certificate(
            subscriber, serial=1, service=operator, evidence=False, method=Method.SIGNING_SERVICE
        )


# --- What ends -----------------------------------------------------------------------------------------------------


@scenario(
    "a revocation ends it when it is published",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="revoked")},
    Also("tainted-device", 1, "high"),
)
@scenario("before the revocation", 7, {1: Expected(OPEN, "no-service")})
def revoked(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.revoke(second)


@scenario("notIssued settles a race", 20, {1: Expected(SETTLED, "no-service", settled_by="revoked")})
def not_issued(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, precertificate=True)
    history.day(10)
    history.revoke(second, RevocationReason.NOT_ISSUED)


@scenario("notIssued is void once the certificate is logged", 40, {1: Expected(OPEN, "no-service")})
@scenario("… and looking back, it never counted", 20, {1: Expected(OPEN, "no-service")})
def not_issued_then_issued(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, precertificate=True)
    history.day(10)
    history.revoke(second, RevocationReason.NOT_ISSUED)
    history.day(30)
    history.finish(second)


@scenario(
    "a CA corrects its own word: the claim ends when that is logged",
    20,
    {1: Expected(SETTLED, "no-service", "medium", settled_by="ended")},
)
@scenario("until then it stands", 7, {1: Expected(OPEN, "no-service", "medium")})
def corrected(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    wrong = history.certificate("Beta GmbH", serial=1, evidence=False)
    history.day(10)
    history.bind(wrong, serials=[2], method=Method.SHIPPED_BY_CA, supersedes_extension=True)


@scenario(
    "a CA cannot take back what is attested",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("same-key-two-devices", Key(2), "medium"),
)
def attested_stays(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.bind(second, serials=[2], method=Method.SHIPPED_BY_CA, supersedes_extension=True)


@scenario(
    "a binding takes the place of an earlier one", 20, {1: Expected(SETTLED, "no-service", "medium", "ended")}
)
def rebound(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH")
    first = history.bind(second, serials=[1], method=Method.SHIPPED_BY_CA)
    history.day(10)
    history.bind(second, serials=[2], method=Method.SHIPPED_BY_CA, supersedes=first)


@scenario("a binding looks back", 3, {1: Expected(OPEN, "no-service", "medium")})
def bound_looks_back(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH")
    history.day(10)
    history.bind(second, serials=[1], method=Method.SHIPPED_BY_CA)


@scenario("overlap is overlap", 20, {1: Expected(OPEN, "no-service")})
@scenario(
    "settled, then exposed again: one finding with two exposures",
    300,
    {1: Expected(OPEN, "no-service", exposures=2)},
    Also("sequential-reuse", 1, "low"),
)
def twice(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, valid=(5, 100))
    history.day(200)
    history.certificate("Gamma SA", serial=1, valid=(200, YEAR))


# --- Keys that turned bad ------------------------------------------------------------------------------------------


@scenario(
    "evidence under a distrusted anchor is only declared",
    20,
    {1: Expected(OPEN, "no-service", "low")},
    weak(1),
    weak(2),
)
def distrusted_anchor(history: History) -> None:
    history.certificate("Alpha AB", serial=1, method=Method.DECLARED)
    history.certificate("Beta GmbH", serial=1, method=Method.DECLARED)
    history.day(10)
    history.policy(distrusted={history.vendor.anchor().key_hash: 0})


@scenario("what was logged before the date keeps its weight", 20, {1: Expected(OPEN, "no-service", "high")})
def distrusted_later(history: History) -> None:
    history.certificate("Alpha AB", serial=1, method=Method.DECLARED)
    history.certificate("Beta GmbH", serial=1, method=Method.DECLARED)
    history.day(10)
    history.policy(distrusted={history.vendor.anchor().key_hash: history.now - 86_400})


@scenario("an auditor whose key turned bad covers nothing", 20, {1: Expected(OPEN, "not-qualifying")})
def distrusted_auditor(history: History) -> None:
    covered(history)
    history.day(10)
    history.policy(distrusted={_keyid("Auditor"): 0})


@scenario("a revocation by a key that had turned bad ends nothing", 20, {1: Expected(OPEN, "no-service")})
def distrusted_revocation(history: History) -> None:
    revoked(history)
    history.day(15)
    history.policy(distrusted={_keyid("North CA"): 0})


@scenario(
    "a binding by a key that had turned bad names nothing",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
def distrusted_binding(history: History) -> None:
    bound_later(history)
    history.day(15)
    history.policy(distrusted={_keyid("North CA"): 0, _keyid("South CA"): 0})


@scenario(
    "a CA whose issuing key was stolen revokes what the thief issued",
    20,
    {1: Expected(SETTLED, "no-service", "low", "revoked")},
    Also("tainted-device", 1, "low"),
    Also("weak-evidence", Certificate(2), "medium", "declared", SETTLED, "revoked"),
)
def distrusted_issuer_revokes(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    stolen = history.certificate("Thief Ltd", serial=1, ca=history.south, evidence=False)
    history.day(5)
    history.policy(distrusted={history.south.issuer_key_hash: 0})
    history.day(10)
    history.revoke(stolen)


@scenario(
    "what a thief of an issuing key wrote into a certificate covers nothing",
    20,
    {1: Expected(OPEN, "no-service", "low")},
    Also("outside-service", 1, "info", "no-service"),
    weak(2),
)
def distrusted_issuer_names_service(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate(
        "Thief Ltd", serial=1, service=service, ca=history.south, evidence=False, valid=(1, YEAR)
    )
    history.day(10)
    history.policy(distrusted={history.south.issuer_key_hash: 0})


@scenario("an operator key that turned bad enrols nothing", 20, {1: Expected(OPEN, "not-enrolled")})
def distrusted_operator(history: History) -> None:
    covered(history)
    history.day(10)
    history.policy(distrusted={_keyid("Operator Ltd"): 0})


# --- One subscriber after another ----------------------------------------------------------------------------------


@scenario("B: the first one is revoked before the second begins", 50, {}, Also("sequential-reuse", 1, "low"))
@scenario(
    "B: it is settled when the later certificate expires",
    200,
    {},
    Also("sequential-reuse", 1, "low", None, SETTLED, "expired"),
)
@scenario("B: before the later one begins there is nothing", 25)
def sequential_after_revocation(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.day(20)
    history.revoke(first, RevocationReason.CESSATION_OF_OPERATION)
    history.day(30)
    history.certificate("Beta GmbH", serial=1, valid=(30, 150), ca=history.south)


@scenario(
    "transfer between: it settles the reuse, and stays listed",
    160,
    {},
    Also("sequential-reuse", 1, "low", None, SETTLED, "transferred"),
)
@scenario("before the transfer was stated", 140, {}, Also("sequential-reuse", 1, "low"))
def transferred(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.day(120)
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 300), ca=history.south)
    history.day(150)
    history.transfer(1, first, second)


@scenario("transfer between, stated before the second certificate: nothing to settle", 160)
def transferred_before(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 300), precertificate=True)
    history.day(110)
    history.transfer(1, first, second)


@scenario("a transfer never excuses an overlap", 60, {1: Expected(OPEN, "no-service")})
def transferred_overlap(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(50)
    history.transfer(1, first, second)


@scenario(
    "a transfer of another device, or between others, excuses nothing",
    160,
    {},
    Also("sequential-reuse", 1, "low"),
)
def transferred_other(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    other = history.certificate("Gamma SA", serial=2, valid=(0, 300))
    history.day(120)
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 300))
    history.day(150)
    history.transfer(2, first, second)
    history.transfer(1, other, second)


@scenario("transfers in a chain lead from the first to the last", 260)
def transferred_twice(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 200), precertificate=True)
    third = history.certificate("Gamma SA", serial=1, valid=(220, 300), precertificate=True)
    history.day(110)
    history.transfer(1, first, second)
    history.transfer(1, second, third)


@scenario(
    "the operator that enrolled the device may state the transfer",
    160,
    {},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
def transferred_by_operator(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 300), precertificate=True)
    history.day(110)
    history.transfer(1, first, second, key=service.key)


@scenario(
    "a transfer stated with a key that had turned bad excuses nothing",
    160,
    {},
    Also("sequential-reuse", 1, "low"),
)
def transferred_distrusted(history: History) -> None:
    transferred(history)
    history.day(155)
    history.policy(distrusted={_keyid("South CA"): 0})


@scenario("one after the other in an audited service", 160)
def sequential_covered(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, 100))
    history.day(120)
    history.certificate("Beta GmbH", serial=1, service=service, valid=(120, 300))


@scenario("one after the other by a bare claim", 160, {}, Also("sequential-reuse", 1, "info"), weak(2))
def sequential_declared(history: History) -> None:
    history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.day(120)
    history.certificate("Beta GmbH", serial=1, valid=(120, 300), evidence=False, method=Method.DECLARED)


@scenario("one subscriber's next certificate on its token", 160)
def renewed(history: History) -> None:
    history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.day(120)
    history.certificate("Alpha AB", serial=1, valid=(120, 300))


# --- Outside of the service ----------------------------------------------------------------------------------------


@scenario(
    "one subscriber, half of whose certificates name the service",
    20,
    {},
    Also("outside-service", 1, "medium", "no-service"),
)
@scenario(
    "… until the CA names the service",
    40,
    {},
    Also("outside-service", 1, "medium", "no-service", SETTLED, "covered"),
)
def one_outside(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    outside = history.certificate("Alpha AB", serial=1, valid=(1, YEAR))
    history.day(30)
    history.bind(outside, service=service)


@scenario(
    "outside of a service by a bare claim",
    20,
    {1: Expected(OPEN, "no-service", "low")},
    Also("outside-service", 1, "info", "no-service"),
    weak(2),
)
def declared_outside(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Rival GmbH", serial=1, valid=(1, YEAR), evidence=False, method=Method.DECLARED)


@scenario("a service that is not audited has no outside", 20, {1: Expected(OPEN, "no-service")})
def unaudited_outside(history: History) -> None:
    service = history.service()
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=1)


@scenario(
    "a competitor's device enrolled: reported against who enrolled it",
    20,
    {},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
@scenario(
    "… until it leaves",
    40,
    {},
    Also("contested-enrolment", Enrolled(1, 1), "low", None, SETTLED, "ended"),
)
def competitors_device(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.devices(service, join=[1])
    history.day(30)
    history.devices(service, leave=[1])


@scenario("an enrolled device that only a CA's word puts certificates on is not contested", 20)
def enrolled_unattested(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, evidence=False)


@scenario("a service that somebody tries to take over: enrolments stay its operator's", 20)
def take_over(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))
    history.day(5)
    # An auditor, mistaken or bribed, names a stranger's key: recorded, and takes nothing over.
    history.audit(service, days=(5, 300), period=(-300, 5), operator_key=party_key("Stranger Ltd"))


# --- One key -------------------------------------------------------------------------------------------------------


@scenario(
    "one key certified for perhaps two subscribers",
    10,
    {},
    Also("same-key-two-subscribers", Key(1), "medium"),
)
def one_key_perhaps(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE", key=first.key)


@scenario("one key renewed for one subscriber", 10)
def one_key_renewed(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, key=first.key, valid=(5, YEAR))


@scenario(
    "one key for two subscribers, although the first certificate has expired",
    150,
    {},
    Also("same-key-two-subscribers", Key(1), "high"),
)
@scenario("before the second certificate, nothing", 50)
@scenario(
    "… and until the last of them expires",
    400,
    {},
    Also("same-key-two-subscribers", Key(1), "high", None, SETTLED, "expired"),
)
def one_key_later(history: History) -> None:
    first = history.certificate("Alpha AB", valid=(0, 100))
    history.day(120)
    history.certificate("Beta GmbH", valid=(120, 300), key=first.key, ca=history.south)


@scenario(
    "one key, and the second certificate was never issued",
    20,
    {},
    Also("same-key-two-subscribers", Key(1), "high", None, SETTLED, "revoked"),
)
def one_key_not_issued(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, key=first.key, precertificate=True)
    history.day(10)
    history.revoke(second, RevocationReason.NOT_ISSUED)


@scenario("a cluster listed in one certificate", 10)
def cluster(history: History) -> None:
    history.certificate(
        "Alpha AB", devices=[("luna-serial", "1"), ("luna-serial", "2")], method=Method.WITNESSED_CREATION
    )


@scenario(
    "one key in two devices that nobody lists together",
    10,
    {},
    Also("same-key-two-devices", Key(1), "high"),
)
def exported(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=2, key=first.key, valid=(1, YEAR))


@scenario(
    "… until a CA lists them together",
    20,
    {},
    Also("same-key-two-devices", Key(1), "high", None, SETTLED, "ended"),
)
def exported_listed(history: History) -> None:
    exported(history)
    history.day(15)
    history.bind(history.issued[0], serials=[1, 2], method=Method.WITNESSED_CREATION)


@scenario("one key in two modules of one security world", 10)
def one_key_one_world(history: History) -> None:
    world = ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")
    first = history.certificate(
        "Alpha AB", devices=[("nshield-esn", "1111-1075-88BB"), world], method=Method.SHIPPED_BY_CA
    )
    history.certificate(
        "Alpha AB",
        devices=[("nshield-esn", "2222-1075-88BB"), world],
        method=Method.SHIPPED_BY_CA,
        key=first.key,
        valid=(1, YEAR),
    )


@scenario(
    "one key in two devices by a bare claim",
    10,
    {},
    Also("same-key-two-devices", Key(1), "low"),
    weak(2),
)
def exported_declared(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate(
        "Alpha AB", devices=[("luna-serial", "2")], method=Method.DECLARED, key=first.key, valid=(1, YEAR)
    )


# --- Compromises ---------------------------------------------------------------------------------------------------


@scenario(
    "a compromised key, and another of the same subscriber on the token",
    20,
    {},
    Also("tainted-device", 1, "high"),
)
@scenario(
    "… until that one is revoked",
    40,
    {},
    Also("tainted-device", 1, "high", None, SETTLED, "revoked"),
)
@scenario("before the compromise was published", 5)
def tainted(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.revoke(first)
    history.day(30)
    history.revoke(second, RevocationReason.SUPERSEDED)


@scenario("a certificate revoked for another reason taints nothing", 20)
def superseded(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.revoke(first, RevocationReason.SUPERSEDED)


@scenario(
    "a compromise that is stated after another reason counts", 20, {}, Also("tainted-device", 1, "high")
)
def compromised_later(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1)
    history.day(5)
    history.revoke(first, RevocationReason.SUPERSEDED)
    history.day(10)
    history.revoke(first)


@scenario(
    "a rival who declares a device and revokes its own certificate taints little",
    20,
    {1: Expected(SETTLED, "no-service", "low", "revoked")},
    Also("tainted-device", 1, "low"),
    Also("weak-evidence", Certificate(2), "medium", "declared", SETTLED, "revoked"),
)
def framed(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    rival = history.certificate(
        "Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south
    )
    history.day(10)
    history.revoke(rival)


@scenario("a compromised key on a token of its own", 20)
def compromised_alone(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=2)
    history.day(10)
    history.revoke(first)


@scenario(
    "a subscriber with a compromise gets a new certificate",
    30,
    {},
    Also("repeat-offender", Subscriber(1), "medium"),
)
@scenario("before the new certificate", 15)
@scenario(
    "… and when it has expired",
    400,
    {},
    Also("repeat-offender", Subscriber(1), "medium", None, SETTLED, "expired"),
)
def offender(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.revoke(first)
    history.day(20)
    history.certificate("Alpha AB", serial=2, valid=(20, 300))


@scenario(
    "… and the next one, after a second compromise",
    50,
    {},
    Also("repeat-offender", Subscriber(1), "high"),
)
def offender_twice(history: History) -> None:
    offender(history)
    history.day(30)
    history.revoke(history.issued[1])
    history.day(40)
    history.certificate("Alpha AB", serial=3, valid=(40, 300), ca=history.north)


@scenario("another subscriber's new certificate", 30)
def another_offender(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.revoke(first)
    history.day(20)
    history.certificate("Beta GmbH", serial=2, valid=(20, 300))


@scenario(
    "a new certificate under another name, with the registration number of before",
    30,
    {},
    Also("repeat-offender", Subscriber(1), "medium"),
)
def offender_renamed(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, registration="5567208755", country="SE")
    history.day(10)
    history.revoke(first)
    history.day(20)
    history.certificate(
        "Alfa AB", serial=2, registration="556720-8755", country="SE", ca=history.south, valid=(20, 300)
    )


@scenario("a certificate that was logged before the compromise is not new", 30)
def not_new(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=2)
    history.day(10)
    history.revoke(first)


# --- Aliases -------------------------------------------------------------------------------------------------------


@scenario(
    "an alias by the CA that issued to both makes them one, from when it is logged",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="aliased")},
)
@scenario("before the alias", 7, {1: Expected(OPEN, "no-service")})
def aliased(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Alpha Holding AB", serial=1)
    history.day(10)
    history.alias(first, second)


@scenario("an alias that was logged first", 20)
def aliased_before(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Alpha Holding AB", serial=2)
    history.day(10)
    history.alias(first, second)
    history.certificate("Alpha Holding AB", serial=1, valid=(11, YEAR))


@scenario(
    "an alias by a CA that issued to one of them makes it unknown",
    20,
    {1: Expected(OPEN, "no-service", "medium")},
)
def aliased_by_one(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.day(10)
    history.alias(first, second, by="South CA")


@scenario(
    "an alias by others does not outweigh two registration numbers",
    20,
    {1: Expected(OPEN, "no-service", "high")},
)
def aliased_by_others(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, registration="11111111")
    second = history.certificate("Beta AB", serial=1, registration="22222222")
    history.day(10)
    history.alias(first, second, by="East CA")


@scenario(
    "an alias by the CA of both outweighs them: a merger",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="aliased")},
)
def merged(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, registration="11111111")
    second = history.certificate("Beta AB", serial=1, registration="22222222")
    history.day(10)
    history.alias(first, second)


@scenario(
    "an alias with a key that had turned bad makes nobody one",
    20,
    {1: Expected(OPEN, "no-service")},
)
def aliased_distrusted(history: History) -> None:
    aliased(history)
    history.day(15)
    history.policy(distrusted={_keyid("North CA"): 0})


@scenario(
    "an alias settles one key of two subscribers",
    20,
    {},
    Also("same-key-two-subscribers", Key(1), "high", None, SETTLED, "aliased"),
)
def one_key_aliased(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Alpha Holding AB", serial=1, key=first.key)
    history.day(10)
    history.alias(first, second)


@scenario("three spellings with one registration number at three CAs", 10)
def three_spellings(history: History) -> None:
    for name, ca, number in (
        ("Yubico AB", history.north, "5567208755"),
        ("YUBICO AKTIEBOLAG", history.south, "556720-8755"),
        ("Yubico Aktiebolag (publ)", history.east, "556720 8755"),
    ):
        history.certificate(name, serial=1, registration=number, country="SE", ca=ca)


# --- Clouds --------------------------------------------------------------------------------------------------------


@scenario("E: a cloud card with 300 subscribers and one bare claim of it", 10, {}, weak(301))
def cloud_card(history: History) -> None:
    history.all_clouds()
    for number in range(300):
        history.certificate(f"Tenant {number} Ltd", serial=1, extension=number % 2 == 0)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario("a compromise on a cloud card taints no other tenant", 20)
def cloud_compromise(history: History) -> None:
    history.all_clouds()
    first = history.certificate("Tenant Ltd", serial=1)
    history.certificate("Neighbour Ltd", serial=1)
    history.day(10)
    history.revoke(first)


# --- What a log records --------------------------------------------------------------------------------------------


@scenario(
    "K: an eToken without attestation enrolled twice", 10, {b"etoken": Expected(OPEN, "no-service", "medium")}
)
def etoken_twice(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.SHIPPED_BY_CA)
    history.certificate("Beta GmbH", devices=token, method=Method.SHIPPED_BY_CA)


@scenario("K: a CA garbles the serial number: two devices to everybody", 10)
def garbled(history: History) -> None:
    for value in ("thales/safenetetoken/02a1b2c3", "thales/safenetetoken/02a1b2c8"):
        history.certificate(
            "Alpha AB" if value.endswith("3") else "Beta GmbH",
            devices=[("manufacturer-serial", value)],
            method=Method.SHIPPED_BY_CA,
        )


@scenario(
    "a revocation that is dated back counts from when it was logged",
    8,
    {1: Expected(OPEN, "no-service")},
)
def dated_back(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.revoke(second, RevocationReason.CESSATION_OF_OPERATION, on=1)


@scenario(
    "evidence that a certificate names and no log recorded",
    10,
    {},
    Also("weak-evidence", Certificate(1), "medium", "evidence-missing"),
)
@scenario(
    "… until it is recorded",
    30,
    {},
    Also("weak-evidence", Certificate(1), "medium", "evidence-missing", SETTLED, "ended"),
)
def unrecorded(history: History) -> None:
    issued = history.certificate("Alpha AB", serial=1, evidence=False, named_evidence=True)
    history.day(20)
    history.evidence(issued, 1)


def _keyid(party: str) -> bytes:
    return sha256(spki_of(party_key(party))).digest()
