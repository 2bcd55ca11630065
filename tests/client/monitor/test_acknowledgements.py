# SPDX-License-Identifier: Apache-2.0
"""Acknowledged, until when, why, by whom; and when that does not stand any more."""

import json
from pathlib import Path

import pytest

from keystead.errors import ParseError, StoreError
from keystead.monitor.acknowledgements import (
    FILE,
    Acknowledgement,
    AcknowledgementFile,
    acknowledge,
    parse_acknowledgements,
)
from keystead.monitor.findings import Finding, State
from keystead.monitor.run import Report
from keystead.monitor.severity import Severity
from keystead.monitor.store import DATABASE
from support.history import YEAR, History, seconds


def _only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


def _known(folder: Path, finding: Finding, day: float = 10, until: float = 100) -> Acknowledgement:
    made = acknowledge(
        finding, at=seconds(day), until=seconds(until), by="Ada <ada@ca.example>", why="in ticket 7"
    )
    AcknowledgementFile(folder).add([made])
    return made


def _shared() -> History:
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, valid=(0, 150))
    return history


async def test_an_acknowledged_finding_is_not_open_until_its_time_is_over(tmp_path: Path) -> None:
    """It says by whom, why and until when; before it was acknowledged, and afterwards, it is open."""
    history = _shared()
    _known(tmp_path, _only(await history.monitor(tmp_path, 10)))

    states = {day: _only(await history.monitor(tmp_path, day)).state for day in (9, 10, 99, 100)}

    assert states == {9: State.OPEN, 10: State.ACKNOWLEDGED, 99: State.ACKNOWLEDGED, 100: State.OPEN}
    report = await history.monitor(tmp_path, 50)
    assert report.open == ()
    assert _only(report).to_json()["acknowledgement"] == {
        "by": "Ada <ada@ca.example>",
        "at": "2026-01-11T00:00:00Z",
        "until": "2026-04-11T00:00:00Z",
        "why": "in ticket 7",
        "lapsed": None,
    }
    after = _only(await history.monitor(tmp_path, 100)).acknowledgement
    assert after is not None
    assert after.lapsed == "its time is over"


async def test_it_survives_restarts_and_a_state_that_is_built_again(tmp_path: Path) -> None:
    """The database goes, the acknowledgement stays."""
    history = _shared()
    _known(tmp_path, _only(await history.monitor(tmp_path, 10)))
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"{DATABASE}{suffix}").unlink(missing_ok=True)

    assert _only(await history.monitor(tmp_path, 20)).state is State.ACKNOWLEDGED


async def test_another_subscriber_is_news(tmp_path: Path) -> None:
    """What was acknowledged was two; three are another matter."""
    history = _shared()
    _known(tmp_path, _only(await history.monitor(tmp_path, 10)))
    history.day(20)
    history.certificate("Gamma SA", serial=1, valid=(20, YEAR))

    finding = _only(await history.monitor(tmp_path, 21))

    assert finding.state is State.OPEN
    assert finding.acknowledgement is not None
    assert finding.acknowledgement.lapsed == "it concerns another subscriber, too"


async def test_what_becomes_more_serious_is_news(tmp_path: Path) -> None:
    """A word that was only declared, and is attested now."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    other = history.certificate("Beta GmbH", serial=1, evidence=False)
    finding = _only(await history.monitor(tmp_path, 10))
    assert finding.severity is Severity.MEDIUM
    _known(tmp_path, finding)
    history.day(20)
    history.evidence(other, 1)

    assert _only(await history.monitor(tmp_path, 21)).state is State.OPEN


async def test_what_comes_back_is_open_again(tmp_path: Path) -> None:
    """Settled meanwhile, then exposed anew: reopened, and not covered by what was said before."""
    history = _shared()
    _known(tmp_path, _only(await history.monitor(tmp_path, 10)), until=400)
    settled = _only(await history.monitor(tmp_path, 200))
    history.day(210)
    history.certificate("Beta GmbH", serial=1, valid=(210, 300))

    report = await history.monitor(tmp_path, 211)
    (again,) = [finding for finding in report.findings if finding.rule == "shared-device"]

    assert settled.state is State.SETTLED
    assert (again.id, again.state, again.reopened) == (settled.id, State.OPEN, True)
    assert again.acknowledgement is not None
    assert again.acknowledgement.lapsed == "the finding was settled and came back"


async def test_it_can_be_withdrawn(tmp_path: Path) -> None:
    """By a later one that ends when it is made."""
    history = _shared()
    finding = _only(await history.monitor(tmp_path, 10))
    _known(tmp_path, finding)
    _known(tmp_path, finding, day=20, until=20)

    assert _only(await history.monitor(tmp_path, 21)).state is State.OPEN


def test_the_last_one_counts_whatever_the_order(tmp_path: Path) -> None:
    """Merging two files in either order gives the same file."""
    finding = Finding("rule", b"", Severity.HIGH, "", State.OPEN, 0, "")
    made = [
        acknowledge(finding, at=at, until=at + 9, by="a", why=why)
        for at, why in ((1, "x"), (5, "y"), (5, "z"))
    ]
    files = []
    for name, order in (("forth", made), ("back", made[::-1])):
        for one in order:
            AcknowledgementFile(tmp_path / name).add([one])
        files.append((tmp_path / name / FILE).read_bytes())

    assert files[0] == files[1]
    assert [one.why for one in parse_acknowledgements(files[0])] == ["z"]
    assert AcknowledgementFile(tmp_path / "forth").add(made) == 0


@pytest.mark.parametrize(
    "damage",
    [
        b"not JSON",
        b"[]",
        b"{}",
        lambda document: {**document, "severity": "grave"},
        lambda document: {**document, "finding": "12"},
        lambda document: {**document, "why": "\x1b[2J"},
        lambda document: {**document, "more": 1},
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: object) -> None:
    """An acknowledgement that is not understood must not silence anything, nor be lost."""
    finding = Finding("rule", b"", Severity.HIGH, "", State.OPEN, 0, "")
    line = acknowledge(finding, at=1, until=2, by="a", why="b").encode()
    data = json.dumps(damage(json.loads(line))).encode() if callable(damage) else damage
    assert isinstance(data, bytes)
    (tmp_path / FILE).write_bytes(line + b"\n" + data + b"\n")
    file = AcknowledgementFile(tmp_path)

    with pytest.raises(ParseError, match=FILE):
        file.read()
    with pytest.raises(ParseError):
        file.add([])
    assert (tmp_path / FILE).read_bytes() == line + b"\n" + data + b"\n"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One clear sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        AcknowledgementFile(tmp_path / "file" / "state").add([])
