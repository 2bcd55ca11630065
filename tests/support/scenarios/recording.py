# SPDX-License-Identifier: Apache-2.0
"""What a log records: spellings, dates, and evidence that it names and lacks."""

from keystead.certificate.extension import Method
from keystead.statements.payloads import RevocationReason
from support.history import History
from support.scenarios.scenario import OPEN, SETTLED, Also, Certificate, Expected, Topic

TOPIC = Topic()
scenario = TOPIC.scenario


@scenario(
    "K: an eToken without attestation enrolled twice", 10, {b"etoken": Expected(OPEN, "no-service", "medium")}
)
def etoken_twice(history: History) -> None:
    token = [("manufacturer-serial", "thales/safenetetoken/02a1b2c3")]
    history.certificate("Alpha AB", devices=token, method=Method.SHIPPED_BY_CA)
    history.certificate("Beta GmbH", devices=token, method=Method.SHIPPED_BY_CA)


@scenario("K: a CA garbles the serial number: two devices to everybody", 10)
def garbled(history: History) -> None:
    for value in ("thales/safenetetoken/02a1b2c3", "thales/safenetetoken/02a1b2c8"):
        history.certificate(
            "Alpha AB" if value.endswith("3") else "Beta GmbH",
            devices=[("manufacturer-serial", value)],
            method=Method.SHIPPED_BY_CA,
        )


@scenario(
    "a revocation that is dated back counts from when it was logged",
    8,
    {1: Expected(OPEN, "no-service")},
)
def dated_back(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.day(10)
    history.revoke(second, RevocationReason.CESSATION_OF_OPERATION, on=1)


@scenario(
    "evidence that a certificate names and no log recorded",
    10,
    {},
    Also("weak-evidence", Certificate(1), "medium", "evidence-missing"),
)
@scenario(
    "… until it is recorded",
    30,
    {},
    Also("weak-evidence", Certificate(1), "medium", "evidence-missing", SETTLED, "ended"),
)
def unrecorded(history: History) -> None:
    issued = history.certificate("Alpha AB", serial=1, evidence=False, named_evidence=True)
    history.day(20)
    history.evidence(issued, 1)
