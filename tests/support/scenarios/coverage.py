# SPDX-License-Identifier: Apache-2.0
"""What an audited signing service covers, and from when to when."""

from keystead.certificate.extension import Method
from keystead.statements.audit_scheme import AuditScheme
from support.history import YEAR, History, party_key
from support.scenarios.scenario import OPEN, SETTLED, Also, Enrolled, Expected, Topic

TOPIC = Topic()
scenario = TOPIC.scenario


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
