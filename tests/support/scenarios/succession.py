# SPDX-License-Identifier: Apache-2.0
"""One subscriber after another on one device, and transfers."""

from keystead.certificate.extension import Method
from keystead.statements.payloads import RevocationReason
from support.history import History
from support.scenarios.scenario import OPEN, SETTLED, Also, Enrolled, Expected, Topic, keyid_of, weak

TOPIC = Topic()
scenario = TOPIC.scenario


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


@scenario(
    "a transfer between others, where two CAs write one subject for what is perhaps one subscriber",
    160,
    {},
    Also("sequential-reuse", 1, "info"),
)
def transferred_by_namesakes(history: History) -> None:
    others = [history.certificate("Gamma SA", serial=2), history.certificate("Delta SA", serial=3)]
    history.certificate("Alpha Aktiebolag", serial=4)
    history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.day(120)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE", valid=(120, 300))
    history.transfer(1, others[0], others[1], by="North CA")


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
    history.policy(distrusted={keyid_of("South CA"): 0})


@scenario("one after the other in an audited service", 160)
def sequential_covered(history: History) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, 100))
    history.day(120)
    history.certificate("Beta GmbH", serial=1, service=service, valid=(120, 300))


@scenario("a certificate that was never issued is nobody's earlier use", 100)
def sequential_never_issued(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.day(10)
    history.revoke(first, RevocationReason.NOT_ISSUED)
    history.day(20)
    history.certificate("Beta GmbH", serial=1, valid=(20, 300))


@scenario("one that was issued after all is on the device all along", 100, {1: Expected(OPEN, "no-service")})
def sequential_issued_after_all(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.day(10)
    history.revoke(first, RevocationReason.NOT_ISSUED)
    history.day(20)
    history.certificate("Beta GmbH", serial=1, valid=(20, 300))
    history.day(30)
    history.finish(first)


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
