# SPDX-License-Identifier: Apache-2.0
"""Who is whom: when certificates are of one subscriber, perhaps of one, or of two."""

from support.history import History
from support.scenarios.scenario import OPEN, Expected, Topic

TOPIC = Topic()
scenario = TOPIC.scenario


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
