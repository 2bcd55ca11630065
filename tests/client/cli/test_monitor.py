# SPDX-License-Identifier: Apache-2.0
"""`keystead monitor`, on the log that a demonstration left."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keystead.cli import monitor as cli_monitor
from keystead.demo.folder import DemoFolder
from keystead.demo.shared_device import tell_shared_device
from keystead.demo.story import Ending
from keystead.encoding.rfc3339 import format_time, parse_time
from keystead.monitor.back_fill import Start
from keystead.monitor.findings import Finding, State
from keystead.monitor.list_revocations import GivenList
from keystead.monitor.run import Report
from support.command_line import CommandLine
from support.history import History
from support.padding import fill_bundle
from support.served_log import ServedLog, keystead_command

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@dataclass(frozen=True)
class Place:
    """A running log with a history, and what its demonstration's monitor said of it."""

    log: ServedLog
    folder: DemoFolder
    ending: Ending

    @property
    def options(self) -> tuple[object, ...]:
        """Anchors, log and keys."""
        return ("--anchors", self.folder.anchors, "--log", self.log.url, "--trust", self.log.trust)

    def finding(self, state: State) -> Finding:
        """The one finding that is open, or settled."""
        (found,) = [finding for finding in self.ending.findings if finding.state is state]
        return found

    @property
    def flagged_at(self) -> str:
        """The second in which both devices were flagged, as the demonstration's look back names it."""
        (step,) = [step for step in self.ending.next_steps if "--known-at" in step.arguments]
        return step.arguments.split("--known-at ")[1].split()[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The demonstration's log, served again by a process of its own."""
    folder = DemoFolder(tmp_path_factory.mktemp("demo") / "demo")
    ending = asyncio.run(tell_shared_device(folder, lambda chapter: None))
    with ServedLog(folder.log) as log:
        yield Place(log, folder, ending)


def test_once_prints_the_open_findings(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """A new monitor comes to the same: a JSON line with every promised member, and exit code 1."""
    ended = keystead("monitor", "--once", "--state", tmp_path / "state", *place.options, "--json")

    finding = ended.document
    assert ended.code == 1
    assert finding["id"] == place.finding(State.OPEN).id.hex()
    promised = "id rule reason severity state settled_by device key service subscribers entries statements"
    assert {*promised.split(), "since", "summary"} <= finding.keys()
    assert finding["rule"] == "shared-device"
    assert finding["reason"] == "no-service"
    assert all({"origin", "index"} <= entry.keys() for entry in finding["entries"])
    assert all({"ids", "name"} <= subscriber.keys() for subscriber in finding["subscribers"])


def test_all_prints_the_settled_ones_too(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """With --all, the settled finding is there, and says by what."""
    ended = keystead("monitor", "--once", "--all", "--state", tmp_path / "state", *place.options, "--json")

    settled = [finding for finding in ended.documents if finding["state"] == "settled"]
    assert ended.code == 1
    assert [finding["id"] for finding in settled] == [place.finding(State.SETTLED).id.hex()]
    assert settled[0]["settled_by"] == "covered"


def test_people_read_what_and_why(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """The text has the sentence, the certificates, what would settle it, and how far the log was read."""
    ended = keystead("monitor", "--once", "--state", tmp_path / "state", *place.options)

    assert "open, high: shared-device (no-service) on yubico-piv-serial 70000002" in ended.out
    assert "Cedar Tools Ltd" in ended.out
    assert "What would settle it" in ended.out
    assert "1 open, 1 settled" in ended.out


def test_known_at_looks_back(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """As known when both were flagged, both are open; before anything was logged, nothing is."""
    state = tmp_path / "state"
    flagged = place.flagged_at
    before = format_time(parse_time(flagged) - 3600)
    command = ("monitor", "--once", "--all", "--state", state, *place.options, "--json")

    both = keystead(*command, "--known-at", flagged)
    none = keystead(*command, "--known-at", before)

    assert both.code == 1
    assert [finding["state"] for finding in both.documents] == ["open", "open"]
    assert none.code == 0
    assert none.documents == []


def test_at_moves_the_clock(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """Two years on, the certificates have expired and nothing is open: exit code 0."""
    later = format_time(parse_time(place.flagged_at) + 2 * 365 * 86_400)

    ended = keystead(
        "monitor", "--once", "--all", "--state", tmp_path / "state", *place.options, "--at", later, "--json"
    )

    assert ended.code == 0
    assert {finding["state"] for finding in ended.documents} == {"settled"}


def test_without_the_test_vendors_anchor_it_is_the_logs_word(
    keystead: CommandLine, place: Place, tmp_path: Path
) -> None:
    """Evidence under an anchor that only the log knows weighs less: the severity is a step lower."""
    ended = keystead(
        *("monitor", "--once", "--state", tmp_path / "state", "--log", place.log.url),
        *("--trust", place.log.trust, "--json"),
    )

    assert ended.code == 1
    assert ended.document["severity"] == "medium"


def test_what_is_known_is_judged_without_a_log(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """With a state and no --log, nothing is fetched and the findings are the same."""
    state = tmp_path / "state"
    keystead("monitor", "--once", "--state", state, *place.options)

    ended = keystead("monitor", "--once", "--state", state, "--anchors", place.folder.anchors, "--json")

    assert ended.code == 1
    assert ended.document["id"] == place.finding(State.OPEN).id.hex()


def test_an_unreachable_log_is_2_and_what_is_known_is_still_said(
    keystead: CommandLine, place: Place, tmp_path: Path
) -> None:
    """The finding is printed, the log is named on stderr, and the exit code says that not all was read."""
    state = tmp_path / "state"
    keystead("monitor", "--once", "--state", state, *place.options)

    ended = keystead(
        *("monitor", "--once", "--state", state, "--anchors", place.folder.anchors),
        *("--log", NOBODY, "--trust", place.log.trust, "--json"),
    )

    assert ended.code == 2
    assert ended.document["rule"] == "shared-device"
    assert "not followed to its end" in ended.err


def test_a_state_of_something_else_is_refused(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """A database that is none, and a file in the folder's place, are exit code 2 with one sentence."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "monitor.sqlite").write_text("my diary")
    (tmp_path / "file").write_text("x")

    ended = keystead("monitor", "--once", "--state", tmp_path / "state", *place.options)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert (tmp_path / "state" / "monitor.sqlite").read_text() == "my diary"
    assert keystead("monitor", "--once", "--state", tmp_path / "file", *place.options).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--at", "2026-01-01"),
        ("--known-at", "2026-01-01"),
        ("--once", "--at", "noon"),
        ("--every", "0"),
        ("--once", "--from-entry", "-1"),
        ("--once", "--from-entry", "1", "--since", "2026-01-01"),
    ],
)
def test_wrong_options_are_usage_errors(
    keystead: CommandLine, place: Place, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """A moment needs --once and the one spelling of times; a pause is at least a second."""
    assert keystead("monitor", "--state", tmp_path / "state", *place.options, *arguments).code == 2


def test_a_short_log_is_read_whole_wherever_it_is_begun(
    keystead: CommandLine, place: Place, tmp_path: Path
) -> None:
    """What lies in the first bundle is read with it: nothing is left out, and the finding is the same."""
    for number, begin in enumerate((("--from-entry", "3"), ("--since", "2030-01-01"))):
        ended = keystead(
            "monitor", "--once", "--state", tmp_path / str(number), *place.options, *begin, "--json"
        )

        assert ended.document["id"] == place.finding(State.OPEN).id.hex()
        assert ended.document["unread"] == []


def test_people_are_told_what_was_not_read(keystead: CommandLine, tmp_path: Path) -> None:
    """With each finding, and at the end with how to read it."""
    history = History()
    fill_bundle(history)
    history.certificate("Alpha AB", serial=1, valid=(0, 3000))
    history.certificate("Beta GmbH", serial=1, valid=(0, 3000))
    asyncio.run(history.monitor(tmp_path, start=Start(256)))

    ended = keystead("monitor", "--once", "--state", tmp_path)

    assert ended.code == 1
    assert ended.out.count("The first 256 entries of log.example/issuance were not read") == 2
    assert "--from-entry 0" in ended.out
    assert (
        "entries of log.example/issuance were not read"
        in keystead("monitor", "--once", "--state", tmp_path, "--json").err
    )


def test_a_new_monitor_needs_a_log(keystead: CommandLine, tmp_path: Path) -> None:
    """Without a state there is nothing to judge: say which log."""
    ended = keystead("monitor", "--once", "--state", tmp_path / "state")

    assert ended.code == 2
    assert "--log" in ended.err


def test_following_goes_on_until_it_is_stopped(place: Place, tmp_path: Path) -> None:
    """Without --once the open finding is printed once, and SIGTERM ends it with exit code 0."""
    process = subprocess.Popen(
        keystead_command("monitor", "--state", tmp_path / "state", *place.options, "--every", "1", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)

    assert first["id"] == place.finding(State.OPEN).id.hex()
    assert rest == ""
    assert errors == ""
    assert process.returncode == 0


def test_a_list_that_is_not_used_any_more_is_told(
    keystead: CommandLine, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file was replaced by one that no CA in the logs signed: told once, not in every round."""
    used = [True, False, False]

    async def round_(*_: object, **__: object) -> Report:
        report = Report(0, None, (), (), lists=(GivenList("north.crl", used.pop(0), 0),))
        if not used:
            os.kill(os.getpid(), signal.SIGTERM)
        return report

    monkeypatch.setattr(cli_monitor, "monitor_once", round_)
    ended = keystead("monitor", "--state", tmp_path / "state", *place.options, "--every", "1")

    assert ended.code == 0
    assert ended.err.count("north.crl is not used") == 1


def test_the_demonstrations_own_state_goes_on(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """The state that the demonstration left is a monitor's state like any other."""
    state = tmp_path / "state"
    shutil.copytree(place.folder.monitor, state)

    ended = keystead("monitor", "--once", "--state", state, *place.options, "--json")

    assert ended.code == 1
    assert ended.document["id"] == place.finding(State.OPEN).id.hex()
