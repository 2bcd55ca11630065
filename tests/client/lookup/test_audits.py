# SPDX-License-Identifier: Apache-2.0
"""Audited then, audited now: of a device whether it is covered, of anything else whether its service is audited."""

from collections.abc import Callable

import pytest

from keystead.lookup.audits import AuditStanding
from keystead.lookup.questions import Question, QuestionKind
from keystead.statements.audit_scheme import AuditScheme
from support.audited_history import AuditedHistory
from support.history import Issued, Operated, milliseconds, yubikey
from support.looked_up import answer

Tell = Callable[[AuditedHistory, Operated], None]


def _unaudited(history: AuditedHistory, service: Operated) -> None:
    pass


def _not_qualifying(history: AuditedHistory, service: Operated) -> None:
    history.audit(service, scheme=AuditScheme.SOC2)
    history.devices(service, join=[1])


def _not_enrolled(history: AuditedHistory, service: Operated) -> None:
    history.audit(service)


def _covered(history: AuditedHistory, service: Operated) -> None:
    history.audit(service)
    history.devices(service, join=[1])


def _lapsed(history: AuditedHistory, service: Operated) -> None:
    history.audit(service, days=(0, 20))
    history.devices(service, join=[1])


def _withdrawn(history: AuditedHistory, service: Operated) -> None:
    withdrawal = history.audit(service)
    history.devices(service, join=[1])
    history.day(20)
    history.withdraw(withdrawal, 20)


async def _standings(
    history: AuditedHistory, kind: QuestionKind, issued: Issued
) -> tuple[AuditStanding, AuditStanding]:
    value = yubikey(1) if kind is QuestionKind.DEVICE else issued.certificate_id
    report = await answer(history, Question(kind, value))
    ((_, certificate),) = report.certificates
    return certificate.then, certificate.now


@pytest.mark.parametrize(
    ("tell", "device_now", "service_now"),
    [
        (_unaudited, "unaudited", "unaudited"),
        (_not_qualifying, "not-qualifying", "not-qualifying"),
        (_not_enrolled, "not-enrolled", "in-force"),
        (_covered, "covered", "in-force"),
        (_lapsed, "lapsed", "lapsed"),
        (_withdrawn, "withdrawn", "withdrawn"),
    ],
)
async def test_then_and_now(tell: Tell, device_now: str, service_now: str) -> None:
    """Before anything was said the service was not audited, as far as anybody could know; now it is as it is."""
    history = AuditedHistory()
    service = history.service()
    issued = history.certificate("Alpha AB", serial=1, service=service)
    history.day(10)
    tell(history, service)
    history.day(30)
    then, now = await _standings(history, QuestionKind.DEVICE, issued)
    assert now.code == device_now
    assert now.good == (device_now == "covered")
    # A device joins when that is logged, while an audit is in force from the date that it states.
    assert not then.good
    then, now = await _standings(history, QuestionKind.CERTIFICATE, issued)
    assert now.code == service_now
    assert (now.service, now.name) == (service.id, None if tell is _unaudited else service.name)


async def test_no_service() -> None:
    """A certificate that names none is not covered, and shown so."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    for kind in (QuestionKind.DEVICE, QuestionKind.CERTIFICATE):
        for standing in await _standings(history, kind, issued):
            assert (standing.code, standing.text, standing.service) == ("no-service", "-", None)


async def test_in_words_and_for_programs() -> None:
    """Until when, by whom, and where that is logged."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service, days=(0, 200))
    history.devices(service, join=[1])
    history.day(1)
    issued = history.certificate("Alpha AB", serial=1, service=service)
    _, now = await _standings(history, QuestionKind.DEVICE, issued)
    assert now.text == "covered until 2026-07-20, Auditor"
    assert now.to_json() == {
        "at": now.to_json()["at"],
        "standing": "covered",
        "audited": True,
        "service": service.id.hex(),
        "auditor": "Auditor",
        "until": "2026-07-20T00:00:00Z",
        "statement": {"origin": history.origin, "index": 1},
    }
    assert now.until_ms == milliseconds(200)


async def test_the_best_of_several_services() -> None:
    """A certificate that is bound to a second service is audited if either is."""
    history = AuditedHistory()
    one, other = history.service(), history.service("Other Service", "Other Operator")
    issued = history.certificate("Alpha AB", serial=1, service=one)
    history.audit(other)
    history.bind(issued, service=other)
    history.day(1)
    _, now = await _standings(history, QuestionKind.CERTIFICATE, issued)
    assert (now.code, now.service) == ("in-force", other.id)
