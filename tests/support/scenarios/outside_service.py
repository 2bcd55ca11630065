# SPDX-License-Identifier: Apache-2.0
"""Certificates outside of the service that their device is enrolled in, and enrolments of others' devices."""

from keystead.certificate.extension import Method
from support.history import YEAR, History, party_key
from support.scenarios.scenario import OPEN, SETTLED, Also, Enrolled, Expected, Topic, weak

TOPIC = Topic()
scenario = TOPIC.scenario


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
