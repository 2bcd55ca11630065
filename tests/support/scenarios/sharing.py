# SPDX-License-Identifier: Apache-2.0
"""Who shares a device: tokens, modules, worlds and clouds."""

from keystead.certificate.extension import Method
from support.history import YEAR, History
from support.scenarios.scenario import OPEN, SETTLED, Also, Expected, Key, Topic, weak

TOPIC = Topic()
scenario = TOPIC.scenario


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
    "G: two modules of one world, attested by both",
    10,
    {b"attested world": Expected(OPEN, "no-service")},
)
def one_attested_world(history: History) -> None:
    history.policy(vendor_anchors=tuple(history.vendor.anchors()))
    for subscriber, esn in (("Alpha AB", "1111-1075-88BB"), ("Beta GmbH", "2222-1075-88BB")):
        issued = history.certificate(subscriber)
        history.record_evidence(issued, history.vendor.nshield(esn).attest(issued.key.spki))
        history.log.publish()


@scenario(
    "C: a reseller's HSM under five subscribers at three CAs, attested to some of them",
    10,
    {b"luna": Expected(OPEN, "no-service")},
)
def reseller_hsm(history: History) -> None:
    history.policy(vendor_anchors=tuple(history.vendor.anchors()))
    cas = (history.north, history.south, history.east)
    for number in range(5):
        device = ("luna-serial", "123456")
        issued = history.certificate(
            f"Customer {number} Ltd", ca=cas[number % 3], devices=[device], method=Method.WITNESSED_CREATION
        )
        if number < 3:
            history.record_evidence(issued, history.vendor.luna(123456).attest(issued.key.spki))
            history.log.publish()


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
