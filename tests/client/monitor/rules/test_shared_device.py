# SPDX-License-Identifier: Apache-2.0
"""`shared-device` on every scenario of the table: exactly the expected findings."""

from pathlib import Path

import pytest

from keystead.certificate.device_identifier import device_id
from keystead.monitor.findings import Finding
from support.history import History
from support.scenarios import SCENARIOS, Expected, Scenario

_NAMED = {
    b"world": device_id("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8"),
    b"etoken": device_id("manufacturer-serial", "thales/safenetetoken/02a1b2c3"),
}


def _expected(scenario: Scenario) -> dict[bytes, Expected]:
    return {_NAMED.get(device, device): found for device, found in scenario.expected.items()}


def _seen(finding: Finding) -> Expected:
    return Expected(
        finding.state,
        finding.reason or "",
        finding.severity.text,
        None if finding.settlement is None else finding.settlement.how.value,
        len(finding.exposures),
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_findings_are_those_expected(scenario: Scenario, tmp_path: Path) -> None:
    """As of the scenario's day, with all that the history tells: no finding more, none less."""
    history = History()
    scenario.tell(history)

    report = await history.monitor(tmp_path, scenario.day + 1000, at=scenario.day)

    assert [log.error for log in report.logs] == [None]
    assert {finding.device: _seen(finding) for finding in report.findings} == _expected(scenario)
    for finding in report.findings:
        _check_form(finding)


def _check_form(finding: Finding) -> None:
    """What holds for every finding of this rule, whatever the history."""
    document = finding.to_json()
    assert document["rule"] == "shared-device"
    assert len(document["subscribers"]) >= 2
    assert len(document["entries"]) >= 2
    assert document["summary"].endswith(".")
    assert bool(document["would_settle"]) == (document["state"] == "open")
    assert document["statements"] == [name["index"] for name in document["statement_entries"]]
    assert document["exposures"][-1]["until"] is None or document["state"] == "settled"
