# SPDX-License-Identifier: Apache-2.0
"""What a link is worth: attested, vouched for by a CA, or only declared."""

from keystead.certificate.extension import Method
from support.history import History
from support.scenarios.scenario import OPEN, Expected, Topic, weak

TOPIC = Topic()
scenario = TOPIC.scenario


@scenario("K: an eToken that two CAs vouch for", 10, {b"etoken": Expected(OPEN, "no-service", "medium")})
def ca_verified(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.SHIPPED_BY_CA)
    history.certificate("Beta GmbH", devices=token, method=Method.CA_PRESCRIBED_LIBRARY, ca=history.south)


@scenario(
    "K: an eToken that is only declared",
    10,
    {b"etoken": Expected(OPEN, "no-service", "low")},
    weak(1),
    weak(2),
)
def declared(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.DECLARED)
    history.certificate("Beta GmbH", devices=token, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim beside attested use of one's own frames nobody",
    10,
    {1: Expected(OPEN, "no-service", "low")},
    weak(2),
)
def bare_claim(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario(
    "a bare claim hides nothing that two attested ones show",
    10,
    {1: Expected(OPEN, "no-service", "high")},
    weak(3),
)
def bare_claim_beside(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario(
    "perhaps one, and only declared: never below info",
    10,
    {1: Expected(OPEN, "no-service", "info")},
    weak(1),
    weak(2),
)
def perhaps_declared(history: History) -> None:
    history.certificate("Alpha AB", serial=1, evidence=False, method=Method.DECLARED)
    history.certificate(
        "Alpha AB", serial=1, evidence=False, method=Method.DECLARED, ca=history.south, country="SE"
    )


@scenario(
    "attested beside a perhaps and a declared: each pair by itself",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
    weak(3),
)
def mixed_pairs(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE")
    history.certificate("Rival GmbH", serial=1, evidence=False, method=Method.DECLARED, ca=history.south)


@scenario("evidence that comes later makes it certain", 20, {1: Expected(OPEN, "no-service", "high")})
@scenario("before that evidence", 10, {1: Expected(OPEN, "no-service", "high")})
def late_evidence(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    late = history.certificate("Beta GmbH", serial=1, evidence=False, ca=history.south)
    history.day(15)
    history.evidence(late, 1)
