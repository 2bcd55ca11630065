# SPDX-License-Identifier: Apache-2.0
"""Histories and what the monitor must say about them, as a table that people can read and add to.

A scenario is a function that tells a history (days count from 2026-01-01; certificates are valid for a year from day
0 unless it says otherwise), the day that is looked at, and the findings expected on that day, by the serial number of
the YubiKey. Nothing expected means that nothing may be found.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from keystead.certificate.extension import Method
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
class Scenario:
    """A history, a day, and the findings of that day."""

    name: str
    tell: Callable[[History], None]
    day: float
    expected: dict[bytes, Expected] = field(default_factory=dict)


SCENARIOS: list[Scenario] = []


def scenario(
    name: str, day: float, expected: dict[int | bytes, Expected] | None = None
) -> Callable[[Callable[[History], None]], Callable[[History], None]]:
    """Add a scenario; one history may be looked at on several days."""

    def add(tell: Callable[[History], None]) -> Callable[[History], None]:
        by_device = {
            yubikey(device) if isinstance(device, int) else device: found
            for device, found in (expected or {}).items()
        }
        SCENARIOS.append(Scenario(name, tell, day, by_device))
        return tell

    return add


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


@scenario("B: one after the other is not shared use", 400)
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


@scenario("two subscribers with a token each", 10)
def two_tokens(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=2)


@scenario("one key certified for two subscribers is another rule's matter", 10)
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


@scenario("K: an eToken that is only declared", 10, {b"etoken": Expected(OPEN, "no-service", "low")})
def declared(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.DECLARED)
    history.certificate("Beta GmbH", devices=token, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim beside attested use of one's own frames nobody",
    10,
    {1: Expected(OPEN, "no-service", "low")},
)
def bare_claim(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim hides nothing that two attested ones show", 10, {1: Expected(OPEN, "no-service", "high")}
)
def bare_claim_beside(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario("perhaps one, and only declared: never below info", 10, {1: Expected(OPEN, "no-service", "info")})
def perhaps_declared(history: History) -> None:
    history.certificate("Alpha AB", serial=1, evidence=False, method=Method.DECLARED)
    history.certificate(
        "Alpha AB", serial=1, evidence=False, method=Method.DECLARED, ca=history.south, country="SE"
    )


@scenario(
    "attested beside a perhaps and a declared: each pair by itself",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
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


@scenario("one of two certificates names no service", 20, {1: Expected(OPEN, "no-service")})
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
)
@scenario("a binding names from when it is logged", 7, {1: Expected(OPEN, "no-service")})
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


@scenario("who enrolled first holds the device", 20, {1: Expected(OPEN, "not-enrolled")})
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


@scenario("a stranger who enrols a device first does not take it over", 20)
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


@scenario("a CA cannot take back what is attested", 20, {1: Expected(OPEN, "no-service")})
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


@scenario("transfer is not yet known: overlap is overlap", 20, {1: Expected(OPEN, "no-service")})
@scenario(
    "settled, then exposed again: one finding with two exposures",
    300,
    {1: Expected(OPEN, "no-service", exposures=2)},
)
def twice(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, valid=(5, 100))
    history.day(200)
    history.certificate("Gamma SA", serial=1, valid=(200, YEAR))


# --- Keys that turned bad ------------------------------------------------------------------------------------------


@scenario("evidence under a distrusted anchor is only declared", 20, {1: Expected(OPEN, "no-service", "low")})
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


@scenario("a binding by a key that had turned bad names nothing", 20, {1: Expected(OPEN, "no-service")})
def distrusted_binding(history: History) -> None:
    bound_later(history)
    history.day(15)
    history.policy(distrusted={_keyid("North CA"): 0, _keyid("South CA"): 0})


@scenario(
    "a CA whose issuing key was stolen revokes what the thief issued",
    20,
    {1: Expected(SETTLED, "no-service", "low", "revoked")},
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


def _keyid(party: str) -> bytes:
    return sha256(spki_of(party_key(party))).digest()
