# SPDX-License-Identifier: Apache-2.0
"""Compromised keys: the other keys of the device, and who had them."""

from keystead.certificate.extension import Method
from keystead.statements.payloads import RevocationReason
from support.history import History
from support.scenarios.scenario import SETTLED, Also, Certificate, Expected, Subscriber, Topic

TOPIC = Topic()
scenario = TOPIC.scenario


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


@scenario(
    "one subject at two CAs, perhaps one subscriber: one finding, whose severity counts the keys of each",
    30,
    {},
    Also("repeat-offender", Subscriber(1), "medium"),
)
def offenders_of_one_subject(history: History) -> None:
    for day, serials in ((0, (1, 2)), (20, (3, 4))):
        history.day(max(day, 0.5))
        for serial, ca in zip(serials, (history.north, history.south), strict=True):
            history.certificate("Alpha AB", serial=serial, ca=ca, country="SE", valid=(day, 300))
        if day == 0:
            history.day(10)
            for issued in history.issued:
                history.revoke(issued)


@scenario("a certificate that was logged before the compromise is not new", 30)
def not_new(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=2)
    history.day(10)
    history.revoke(first)
