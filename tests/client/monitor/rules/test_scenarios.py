# SPDX-License-Identifier: Apache-2.0
"""All rules on every scenario of the table: exactly the expected findings, no more and no less."""

from collections.abc import Mapping
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from keystead.monitor.findings import Finding
from support import scenarios
from support.history import History
from support.scenarios import SCENARIOS
from support.scenarios.abuse_table import ABUSE, NEAR_MISSES
from support.scenarios.scenario import Also, Expected, Scenario, subject_of

_SHARED = "shared-device"
_RULES = {
    "sequential-reuse",
    "outside-service",
    "contested-enrolment",
    "same-key-two-subscribers",
    "same-key-two-devices",
    "tainted-device",
    "repeat-offender",
    "weak-evidence",
    "undecodable",
    "log-misbehaviour",
}
_Seen = dict[tuple[str, bytes], Expected | Also]


def _expected(scenario: Scenario, history: History) -> _Seen:
    shared: _Seen = {
        (_SHARED, subject_of(device, history)): found for device, found in scenario.shared.items()
    }
    return shared | {(also.rule, subject_of(also.about, history)): also for also in scenario.also}


def _seen(findings: tuple[Finding, ...], expected: _Seen) -> _Seen:
    return {(found.rule, found.subject): _form(found, expected) for found in findings}


def _form(finding: Finding, expected: _Seen) -> Expected | Also:
    how = None if finding.settlement is None else finding.settlement.how.value
    if finding.rule == _SHARED:
        severity, reason = finding.severity.text, finding.reason or ""
        return Expected(finding.state, reason, severity, how, len(finding.exposures))
    known = expected.get((finding.rule, finding.subject))
    about = known.about if isinstance(known, Also) else finding.subject
    return Also(finding.rule, about, finding.severity.text, finding.reason, finding.state, how)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_findings_are_those_expected(scenario: Scenario, tmp_path: Path) -> None:
    """As of the scenario's day, with all that the history tells: no finding more, none less."""
    history = History()
    given: Mapping[str, Any] = scenario.tell(history) or {}

    report = await history.monitor(tmp_path, scenario.day + 1000, at=scenario.day, **given)

    assert [log.error for log in report.logs] == [None]
    expected = _expected(scenario, history)
    assert len(expected) == len(scenario.shared) + len(scenario.also), "a scenario names a finding twice"
    assert _seen(report.findings, expected) == expected
    for finding in report.findings:
        _check_form(finding)


def test_every_topic_is_told() -> None:
    """A module beside the others is in the table, and no two scenarios have one name."""
    topics = {module.name for module in iter_modules(scenarios.__path__)} - {"scenario", "abuse_table"}
    assert {scenario.tell.__module__.rpartition(".")[2] for scenario in SCENARIOS} == topics
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("row", [*ABUSE.items(), *NEAR_MISSES.items()], ids=lambda row: row[0])
def test_every_row_of_the_table_is_told(row: tuple[str, tuple[str, ...]]) -> None:
    """Each kind of abuse and each near miss has its scenarios."""
    for beginning in row[1]:
        assert any(scenario.name.startswith(beginning) for scenario in SCENARIOS), beginning


async def test_a_shared_device_lists_the_cas(tmp_path: Path) -> None:
    """One finding for the device, with every certificate and who issued it; the sentence names them."""
    history = History()
    cas = (history.north, history.south, history.east)
    for number in range(5):
        history.certificate(f"Customer {number} Ltd", serial=1, ca=cas[number % 3])

    (finding,) = (await history.monitor(tmp_path, 10)).findings

    assert len(finding.certificates) == 5
    assert {one.issuer for one in finding.certificates} == {ca.organization for ca in cas}
    assert all(ca.organization in finding.summary for ca in cas)


def test_every_rule_has_scenarios() -> None:
    """One that opens and, but for what the log signed, one that is settled."""
    found = [also for scenario in SCENARIOS for also in scenario.also]
    assert {also.rule for also in found if also.state.value == "open"} == _RULES
    assert {also.rule for also in found if also.state.value == "settled"} == _RULES - {"log-misbehaviour"}


def _check_form(finding: Finding) -> None:
    """What holds for every finding, whatever the history."""
    document = finding.to_json()
    if finding.rule == "log-misbehaviour":
        assert document["proofs"]
        return
    # An entry that is no certificate has no subscriber.
    assert document["subscribers"] or finding.rule == "undecodable"
    assert document["entries"]
    assert document["summary"].endswith(".")
    assert document["severity_why"]
    assert bool(document["would_settle"]) == (document["state"] == "open")
    assert (document["settlement"] is None) == (document["state"] == "open")
    assert document["statements"] == [name["index"] for name in document["statement_entries"]]
    assert document["exposures"][-1]["until"] is None or document["state"] == "settled"
    assert document["exposures"][-1]["from"] == document["since"]
    assert all(exposure["subscribers"] or finding.rule == "undecodable" for exposure in document["exposures"])
    if finding.rule in {_SHARED, "sequential-reuse", "same-key-two-subscribers"}:
        assert len(document["subscribers"]) >= 2
        assert len(document["entries"]) >= 2
