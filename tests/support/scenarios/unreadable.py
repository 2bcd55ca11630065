# SPDX-License-Identifier: Apache-2.0
"""Entries that cannot be read, on a log that admitted them."""

from keystead.statements.payloads import RevocationReason
from support.history import History, seconds
from support.scenarios.scenario import OPEN, SETTLED, Also, Entry, Expected, Topic

TOPIC = Topic()
scenario = TOPIC.scenario

_HALF_AN_EXTENSION = b"\x30\x03\x02\x01\x07"


@scenario(
    "a device extension that cannot be read: what can be read counts",
    10,
    {1: Expected(OPEN, "no-service")},
    Also("undecodable", Entry(1), "low"),
)
@scenario(
    "… until the certificate expires",
    30,
    {1: Expected(OPEN, "no-service")},
    Also("undecodable", Entry(1), "low", None, SETTLED, "expired"),
)
def half_an_extension(history: History) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    broken = {**issued.reissue, "device_extension": _HALF_AN_EXTENSION, "not_after": seconds(20)}
    history._issue(issued.ca, issued.key, broken, precertificate=False)
    history.certificate("Beta GmbH", serial=1)


@scenario(
    "… or is revoked, even before it begins",
    10,
    {},
    Also("undecodable", Entry(1), "low", None, SETTLED, "revoked"),
)
def revoked_before_it_begins(history: History) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    broken = {**issued.reissue, "device_extension": _HALF_AN_EXTENSION, "not_before": seconds(50)}
    unreadable = history._issue(issued.ca, issued.key, broken, precertificate=False)
    history.log.publish()
    history.day(5)
    history.revoke(unreadable, RevocationReason.SUPERSEDED)


@scenario("bytes that are no certificate: for ever", 5000, {}, Also("undecodable", Entry(0), "low"))
def no_certificate(history: History) -> None:
    history.log.add_leaf(_HALF_AN_EXTENSION, [])
    history.log.publish()
