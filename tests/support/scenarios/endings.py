# SPDX-License-Identifier: Apache-2.0
"""What ends a link or the validity of a certificate, and when."""

from keystead.certificate.extension import Method
from keystead.statements.payloads import RevocationReason
from support.history import YEAR, History
from support.scenarios.scenario import OPEN, SETTLED, Also, Expected, Key, Topic

TOPIC = Topic()
scenario = TOPIC.scenario


@scenario(
    "a revocation ends it when it is published",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="revoked")},
    Also("tainted-device", 1, "high"),
)
@scenario("before the revocation", 7, {1: Expected(OPEN, "no-service")})
def revoked(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.revoke(second)


@scenario("notIssued settles a race", 20, {1: Expected(SETTLED, "no-service", settled_by="revoked")})
def not_issued(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, precertificate=True)
    history.day(10)
    history.revoke(second, RevocationReason.NOT_ISSUED)


@scenario("notIssued is void once the certificate is logged", 40, {1: Expected(OPEN, "no-service")})
@scenario("… and looking back, it never counted", 20, {1: Expected(OPEN, "no-service")})
def not_issued_then_issued(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, precertificate=True)
    history.day(10)
    history.revoke(second, RevocationReason.NOT_ISSUED)
    history.day(30)
    history.finish(second)


@scenario(
    "a CA corrects its own word: the claim ends when that is logged",
    20,
    {1: Expected(SETTLED, "no-service", "medium", settled_by="ended")},
)
@scenario("until then it stands", 7, {1: Expected(OPEN, "no-service", "medium")})
def corrected(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    wrong = history.certificate("Beta GmbH", serial=1, evidence=False)
    history.day(10)
    history.bind(wrong, serials=[2], method=Method.SHIPPED_BY_CA, supersedes_extension=True)


@scenario(
    "a CA cannot take back what is attested",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("same-key-two-devices", Key(2), "medium"),
)
def attested_stays(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.bind(second, serials=[2], method=Method.SHIPPED_BY_CA, supersedes_extension=True)


@scenario(
    "a binding takes the place of an earlier one", 20, {1: Expected(SETTLED, "no-service", "medium", "ended")}
)
def rebound(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH")
    first = history.bind(second, serials=[1], method=Method.SHIPPED_BY_CA)
    history.day(10)
    history.bind(second, serials=[2], method=Method.SHIPPED_BY_CA, supersedes=first)


@scenario("a binding looks back", 3, {1: Expected(OPEN, "no-service", "medium")})
def bound_looks_back(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH")
    history.day(10)
    history.bind(second, serials=[1], method=Method.SHIPPED_BY_CA)


@scenario("overlap is overlap", 20, {1: Expected(OPEN, "no-service")})
@scenario(
    "settled, then exposed again: one finding with two exposures",
    300,
    {1: Expected(OPEN, "no-service", exposures=2)},
    Also("sequential-reuse", 1, "low"),
)
def twice(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, valid=(5, 100))
    history.day(200)
    history.certificate("Gamma SA", serial=1, valid=(200, YEAR))
