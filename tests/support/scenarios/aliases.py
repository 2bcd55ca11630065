# SPDX-License-Identifier: Apache-2.0
"""Aliases: CAs that say that two subscribers are one."""

from support.history import YEAR, History
from support.scenarios.scenario import OPEN, SETTLED, Also, Expected, Key, Topic, keyid_of

TOPIC = Topic()
scenario = TOPIC.scenario


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
    history.policy(distrusted={keyid_of("North CA"): 0})


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
