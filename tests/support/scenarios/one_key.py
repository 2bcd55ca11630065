# SPDX-License-Identifier: Apache-2.0
"""One key for two subscribers, or in two devices."""

from keystead.certificate.extension import Method
from keystead.statements.payloads import RevocationReason
from support.history import YEAR, History
from support.scenarios.scenario import SETTLED, Also, Key, Topic, weak

TOPIC = Topic()
scenario = TOPIC.scenario


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
