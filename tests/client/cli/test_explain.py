# SPDX-License-Identifier: Apache-2.0
"""`keystead explain` and `keystead acknowledge`, on the state of a monitor."""

import asyncio
import getpass
import json
import shutil
import time
from pathlib import Path

import pytest

from keystead.monitor.run import MonitoredLog, monitor_once
from keystead.monitor.store import Store
from support.command_line import CommandLine
from support.history import EAST, SOUTH, History
from support.revocation_lists import encode_list


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two subscribers on one device since long ago, one of them in two spellings that an alias makes one."""
    history = History(begin=-400)
    valid = (-400, 2000)
    history.certificate("Alpha AB", serial=1, valid=valid)
    renamed = history.certificate("Alpha Holding AB", serial=2, valid=valid)
    history.certificate("Beta GmbH", serial=1, ca=history.south, valid=valid)
    history.alias(history.issued[0], renamed)
    folder = tmp_path / "state"
    now_ms = time.time_ns() // 1_000_000
    log = MonitoredLog(history.log.trust, history.log)
    report = asyncio.run(monitor_once(folder, [log], history.vendor.anchors(), now_ms=now_ms))
    assert [finding.rule for finding in report.open] == ["shared-device"]
    return folder


def _finding(keystead: CommandLine, state: Path) -> str:
    ended = keystead("monitor", "--once", "--all", "--state", state, "--json")
    return str(ended.document["id"])


def test_a_finding_is_told_whole(keystead: CommandLine, state: Path) -> None:
    """By its id or the beginning of it: when it held, for whom, who says what, and where that is logged."""
    finding = _finding(keystead, state)

    told = keystead("explain", finding[:10], "--state", state)
    as_json = keystead("explain", finding, "--state", state, "--json")

    assert (told.code, as_json.code) == (0, 0)
    assert as_json.document["id"] == finding
    for part in ("Alpha AB", "Beta GmbH", "ca-verified", "log.example/statements", "When it held", finding):
        assert part in told.out
    assert "Why it matters: A device that holds keys of several subscribers is a signing service" in told.out
    assert "North CA says so in the certificate (keyAttestation)" in told.out
    # What happened, in order: the device was shared once the third certificate was logged.
    events = as_json.document["events"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert "a certificate of Beta GmbH, by South CA" in events[-3]["what"]
    assert "recorded evidence (yubikey-piv) for the certificate of Beta GmbH" in events[-2]["what"]
    assert events[-1]["what"] == "North CA stated that 2 subscriber ids are one subscriber"


def test_a_subscriber_is_explained_by_what_joined_it(keystead: CommandLine, state: Path) -> None:
    """By name or id: the certificates of the group, and who said that they are one."""
    by_name = keystead("explain", "ALPHA aktiebolag", "--state", state, "--json").document

    (group,) = by_name["subscribers"]
    assert group["names"] == ["Alpha AB", "Alpha Holding AB"]
    assert [join["kind"] for join in group["joined_by"]] == ["alias"]
    assert group["joined_by"][0]["value"] == "stated by North CA"
    assert group["joined_by"][0]["statement"]["origin"] == "log.example/statements"
    assert len(group["certificates"]) == 2
    by_id = keystead("explain", group["ids"][0], "--state", state)
    assert "Joined by alias stated by North CA" in by_id.out
    # What concerns it is named with it.
    assert group["findings"] == [_finding(keystead, state)]
    assert f"open, high: finding {group['findings'][0][:16]}" in by_id.out


def test_a_subscriber_is_explained_on_the_terms_of_the_monitor(keystead: CommandLine, state: Path) -> None:
    """Whose word the last round did not accept joins nobody here."""
    keystead("monitor", "--once", "--state", state, "--distrust-party", "North CA")

    explained = keystead("explain", "Alpha AB", "--state", state, "--json").document

    assert [group["joined_by"] for group in explained["subscribers"]] == [[]]
    assert explained["subscribers"][0]["names"] == ["Alpha AB"]


def test_what_is_not_known_is_an_input_error(keystead: CommandLine, state: Path, tmp_path: Path) -> None:
    """An id of nothing, a name of nobody, a folder without a state."""
    for what in ("00" * 32, "Nobody Ltd", "12345678"):
        ended = keystead("explain", what, "--state", state)
        assert (ended.code, ended.out) == (2, "")
    assert "did you mean 'Alpha Holding AB'?" in keystead("explain", "holding", "--state", state).err
    ended = keystead("explain", "Alpha AB", "--state", tmp_path)
    assert ended.code == 2
    assert "monitor" in ended.err


def test_a_running_monitor_is_in_nobodys_way(keystead: CommandLine, state: Path) -> None:
    """Explaining and acknowledging read what is committed while it holds the state."""
    finding = _finding(keystead, state)
    with Store(state) as store:
        with store.transaction():
            store.set_meta("half", 1)
            assert keystead("explain", finding, "--state", state).code == 0
        until = ("--until", "2099-01-01", "--why", "known")
        assert keystead("acknowledge", finding, "--state", state, *until).code == 0


def test_acknowledged_findings_are_known_until_then(keystead: CommandLine, state: Path) -> None:
    """The monitor is content, says how many, and lists them with --all; withdrawn, they are open again."""
    finding = _finding(keystead, state)
    say = ("acknowledge", finding[:12], "--state", state)

    ended = keystead(*say, "--until", "2099-01-01", "--why", "ticket 7", "--by", "Ada", "--json")

    assert ended.document == {
        "finding": finding,
        "until": "2099-01-01T00:00:00Z",
        "by": "Ada",
        "why": "ticket 7",
    }
    quiet = keystead("monitor", "--once", "--state", state)
    assert quiet.code == 0
    assert "0 open, 1 acknowledged, 0 settled" in quiet.out
    listed = keystead("monitor", "--once", "--all", "--state", state)
    assert "Acknowledged by Ada" in listed.out
    assert "ticket 7" in listed.out
    assert keystead(*say, "--withdraw").code == 0
    assert keystead("monitor", "--once", "--state", state).code == 1


def test_acknowledgements_are_exported_and_imported(
    keystead: CommandLine, state: Path, tmp_path: Path
) -> None:
    """From one monitor to another; what is there already adds nothing."""
    finding = _finding(keystead, state)
    keystead("acknowledge", finding, "--state", state, "--until", "2099-01-01", "--why", "known")
    other, file = tmp_path / "other", tmp_path / "known.jsonl"
    other.mkdir()

    assert keystead("acknowledge", "--state", state, "--export", file, "--json").document == {"exported": 1}
    for expected in (1, 0):
        moved = keystead("acknowledge", "--state", other, "--import", file, "--json")
        assert moved.document == {"imported": expected}
    assert (other / "acknowledgements.jsonl").read_bytes() == file.read_bytes()


def test_an_acknowledgement_that_is_yet_to_be_made_is_refused(
    keystead: CommandLine, state: Path, tmp_path: Path
) -> None:
    """It would count as the last: whoever acknowledges the finding would be told so, and the finding stay open."""
    finding, file = _finding(keystead, state), tmp_path / "known.jsonl"
    say = ("acknowledge", finding, "--state", state, "--until", "2099-01-01", "--why", "known")
    keystead(*say)
    kept = state / "acknowledgements.jsonl"
    made = json.loads(kept.read_bytes())
    file.write_text(f"{json.dumps(made)}\n{json.dumps(made | {'at': '2098-01-01T00:00:00Z'})}\n")

    ended = keystead("acknowledge", "--state", state, "--import", file)

    assert ended.code == 2
    assert "known.jsonl" in ended.err
    assert "2098-01-01" in ended.err
    assert json.loads(kept.read_bytes()) == made
    shutil.copyfile(file, kept)
    assert "2098-01-01" in keystead(*say).err


def test_who_has_no_login_name_is_asked_for_one(
    keystead: CommandLine, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user is a bare number."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    say = (
        "acknowledge",
        _finding(keystead, state),
        "--state",
        state,
        "--until",
        "2099-01-01",
        "--why",
        "known",
    )

    ended = keystead(*say)

    assert ended.code == 2
    assert "--by" in ended.err
    assert keystead(*say, "--by", "Ada").code == 0


def test_what_cannot_be_acknowledged(keystead: CommandLine, state: Path, tmp_path: Path) -> None:
    """Each is exit code 2 with one sentence."""
    finding = _finding(keystead, state)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("\n{}\n")
    for arguments, complaint in (
        ((finding,), "--until"),
        ((finding, "--until", "2001-01-01", "--why", "x"), "not in the future"),
        ((finding, "--until", "2099-01-01", "--why", "\x1b[2J"), "not allowed"),
        (("ab" * 32, "--until", "2099-01-01", "--why", "x"), "no finding"),
        ((), "say which finding"),
        (("--import", wrong), "wrong.jsonl: line 2"),
        ((finding, "--import", wrong), "for all acknowledgements"),
    ):
        ended = keystead("acknowledge", *arguments, "--state", state)
        assert ended.code == 2, arguments
        assert complaint in ended.err


def test_the_monitor_is_told_what_to_accept_and_what_to_tell(
    keystead: CommandLine, state: Path, tmp_path: Path
) -> None:
    """Watch lists, parties whose word settles nothing, clouds, and revocation lists that do not concern anybody."""
    monitor = ("monitor", "--once", "--all", "--state", state, "--json")
    watch, wrong, lists = tmp_path / "watch.toml", tmp_path / "wrong.toml", tmp_path / "lists"
    watch.write_text('[watch]\nsubscribers = ["Alpha Holding"]\n')
    wrong.write_text("[watch]\n")
    lists.mkdir()
    (lists / "south.crl").write_bytes(encode_list(SOUTH, 1, []))
    (lists / "readme.txt").write_text("not a list")

    assert len(keystead(*monitor).documents) == 1
    assert keystead(*monitor, "--watch", watch).documents == []
    refused = keystead(*monitor, "--distrust-party", "North CA", "--clouds-too", "--crl", lists)
    assert (refused.code, len(refused.documents)) == (1, 1)
    assert "not used" not in refused.err
    stranger = lists / "stranger.crl"
    stranger.write_bytes(encode_list(EAST, 1, []))
    assert "stranger.crl is not used" in keystead(*monitor, "--crl", stranger).err
    for wrongly in (("--watch", wrong), ("--crl", lists / "readme.txt")):
        ended = keystead(*monitor, *wrongly)
        assert (ended.code, ended.out) == (2, "")
        assert str(wrongly[1]) in ended.err
