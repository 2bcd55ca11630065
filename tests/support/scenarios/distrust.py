# SPDX-License-Identifier: Apache-2.0
"""Keys that turned bad: what was said with them before the date, and after it."""

from keystead.certificate.extension import Method
from support.history import YEAR, History
from support.scenarios.coverage import bound_later, covered
from support.scenarios.endings import revoked
from support.scenarios.scenario import (
    OPEN,
    SETTLED,
    Also,
    Certificate,
    Enrolled,
    Expected,
    Topic,
    keyid_of,
    weak,
)

TOPIC = Topic()
scenario = TOPIC.scenario


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
    history.policy(distrusted={keyid_of("Auditor"): 0})


@scenario("a revocation by a key that had turned bad ends nothing", 20, {1: Expected(OPEN, "no-service")})
def distrusted_revocation(history: History) -> None:
    revoked(history)
    history.day(15)
    history.policy(distrusted={keyid_of("North CA"): 0})


@scenario(
    "a binding by a key that had turned bad names nothing",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("contested-enrolment", Enrolled(1, 1), "low"),
)
def distrusted_binding(history: History) -> None:
    bound_later(history)
    history.day(15)
    history.policy(distrusted={keyid_of("North CA"): 0, keyid_of("South CA"): 0})


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
    history.policy(distrusted={keyid_of("Operator Ltd"): 0})
