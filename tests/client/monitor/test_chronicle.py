# SPDX-License-Identifier: Apache-2.0
"""What happened to make a finding, told in order."""

from pathlib import Path

import pytest

from keystead.monitor.acknowledgements import told
from keystead.monitor.chronicle import Event
from keystead.monitor.findings import Finding
from keystead.monitor.reading import read_chronicle
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import RevocationReason
from support.history import YEAR, History
from support.random_history import RandomHistory


async def _told(history: History, folder: Path, rule: str) -> list[str]:
    report = await history.monitor(folder, 100)
    (finding,) = [found for found in report.findings if found.rule == rule]
    events = read_chronicle(folder, history.anchors, finding)
    _check_complete(finding, events)
    return [event.sentence for event in events]


def _check_complete(finding: Finding, events: tuple[Event, ...]) -> None:
    """Every entry and every statement that a finding names is told, once, in order."""
    assert sorted(event.name for event in events) == sorted([*finding.entries, *finding.statements])
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
    assert all(event.sentence and not event.sentence.endswith(".") for event in events)


async def test_an_audit_and_an_enrolment_are_told(tmp_path: Path) -> None:
    """What was audited by whom and whether that qualifies; which device joined, and who bound what."""
    history = History()
    service = history.service()
    history.certificate("Alpha AB", serial=1, service=service)
    second = history.certificate("Beta GmbH", serial=1, ca=history.south, precertificate=True)
    history.audit(service, scheme=AuditScheme.SOC2)
    history.day(3)
    history.audit(service, days=(3, YEAR))
    history.devices(service, join=[1, 2])
    history.bind(second, serials=[1], service=service)

    sentences = await _told(history, tmp_path, "shared-device")

    assert any(one.startswith("a certificate of Alpha AB, by North CA (serial ") for one in sentences)
    assert any(one.startswith("a precertificate of Beta GmbH, by South CA") for one in sentences)
    assert sum("for the certificate of Beta GmbH; it verifies again here" in one for one in sentences) == 1
    assert any(
        "South CA bound the certificate of Beta GmbH to 1 device and the service" in one for one in sentences
    )
    assert any(
        "in force from 2026-01-04T00:00:00Z" in one and one.endswith("it qualifies") for one in sentences
    )
    assert "Operator Ltd stated that the device joins its service from 2026-01-04T00:00:00Z" in sentences


async def test_an_audit_that_does_not_qualify_says_why(tmp_path: Path) -> None:
    """The first rule that it breaks."""
    history = History()
    service = history.service()
    history.audit(service, scheme=AuditScheme.SOC2)
    for name in ("Alpha AB", "Beta GmbH"):
        history.certificate(name, serial=1, service=service)

    sentences = await _told(history, tmp_path, "shared-device")

    assert any("it does not qualify: the policy in force does not list" in one for one in sentences)


async def test_endings_are_told(tmp_path: Path) -> None:
    """Revocations and transfers, each with who said so."""
    history = History()
    first = history.certificate("Alpha AB", serial=1, valid=(0, 10))
    history.day(20)
    second = history.certificate("Beta GmbH", serial=1, valid=(20, 300), ca=history.south)
    history.transfer(1, first, second)
    third = history.certificate("Beta Holding GmbH", serial=1, valid=(20, 300), ca=history.south)
    history.revoke(third, RevocationReason.SUPERSEDED)

    sentences = await _told(history, tmp_path, "sequential-reuse")

    assert "South CA stated that the device went from one subscriber to another" in sentences
    assert "South CA stated that the certificate of Beta Holding GmbH is revoked (superseded)" in sentences


@pytest.mark.parametrize("seed", range(1, 7))
async def test_every_finding_can_be_told(seed: int, tmp_path: Path) -> None:
    """Whatever the history, nothing that a finding names is left out."""
    *_, history = RandomHistory(seed, wild=True).steps(30)
    report = await history.monitor(tmp_path, 100)

    assert report.findings
    for finding in told(report.findings, {}, report.at_ms):
        _check_complete(finding, read_chronicle(tmp_path, history.anchors, finding))
