# SPDX-License-Identifier: Apache-2.0
"""`keystead index`: built from what a public log serves, compared, and served; killed at any instant."""

import json
import random
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystead.index.answer import parse_answer
from keystead.index.kinds import IndexKind, Subject
from keystead.index.verification import verify_answer
from support.audited_history import AuditedHistory, small_history
from support.command_line import CommandLine
from support.history import yubikey
from support.indexed_log import IndexedLog
from support.log_folder import files_of, write_folder
from support.served_log import keystead_command
from support.static_log import static_log

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))


class PublicLog:
    """A log whose files lie on a web server.

    Attributes:
        arguments: what a command line says to mean it.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.history = small_history()
        self.index = IndexedLog(self.history.log)
        self.folder = folder
        self.arguments = ("--log", url, "--trust", folder / "trust.json")

    def publish(self, day: float, **changed: object) -> int:
        """A certificate, and a head with `changed` members; its leaf index."""
        self.history.day(day)
        self.history.certificate(f"Company {day}", serial=1)
        self.index.follow()
        head = self.index.add_head(**changed)
        write_folder(files_of(self.history.log), self.folder)
        return head.index


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PublicLog]:
    """A log with something of everything, and a head."""
    folder = tmp_path / "log"
    folder.mkdir()
    with static_log(folder) as url:
        public = PublicLog(folder, url)
        public.publish(4)
        yield public


def test_once(keystead: CommandLine, log: PublicLog, tmp_path: Path) -> None:
    """What there is, copied, indexed and compared; again, only what is new; a wrong head is named, exit code 1."""
    command = ("index", "--once", "--data", tmp_path / "mirror", *log.arguments)
    ended = keystead(*command, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.document == {
        "ok": True,
        "log": "log.example",
        "issuance_size": 6,
        "statements_size": 11,
        "heads_checked": 1,
        "wrong_heads": [],
        "head": 10,
    }
    log.publish(5)
    wrong = log.publish(6, map_root=bytes(32))
    ended = keystead(*command)
    assert ended.code == 1
    assert f"the head of the index at statement {wrong} is wrong: the logs lead to the map root" in ended.out
    assert "2, 1 of them wrong" in ended.out


def test_served(keystead: CommandLine, log: PublicLog, tmp_path: Path) -> None:
    """It says where it serves, follows, and ends by SIGTERM; answers verify under the log's keys, and `lookup` asks it
    for the index of a log that answers no question itself."""
    arguments = ("index", "--data", tmp_path / "mirror", "--listen", "127.0.0.1:0", "--period", 0.05)
    with subprocess.Popen(
        keystead_command(*arguments, *log.arguments, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        head = log.publish(5)
        while True:
            url = f"{ready['index']}/{DEVICE.kind.text}/{DEVICE.value.hex()}"
            with urllib.request.urlopen(url, timeout=60) as response:
                found = verify_answer(parse_answer(response.read()), DEVICE, log.index.trust, None)
            if found.head.index == head:
                break
        assert list(found.answer.page.entries) == log.index.histories[DEVICE]
        with urllib.request.urlopen(f"{ready['url']}/trust.json", timeout=60) as response:
            (tmp_path / "trust.json").write_bytes(response.read())
        question = ("lookup", "device", "yubico-piv-serial:1", "--max-age", 10**9)
        looked_up = keystead(
            *question,
            *log.arguments[:2],
            "--trust",
            tmp_path / "trust.json",
            "--anchors",
            _anchors(log, tmp_path),
            "--json",
        )
        assert (looked_up.code, looked_up.document["count"]) == (0, 3)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "stopped" in error


def _anchors(log: PublicLog, folder: Path) -> Path:
    (folder / "root.pem").write_text(log.history.vendor.root_pem())
    path = folder / "anchors.toml"
    path.write_text('[[vendor_anchor]]\nname = "test"\ncertificate = "root.pem"\nformats = ["yubikey-piv"]\n')
    return path


@pytest.mark.parametrize("seed", range(2))
def test_killed(keystead: CommandLine, log: PublicLog, tmp_path: Path, seed: int) -> None:
    """Killed at random instants of copying and indexing, it comes to the same end."""
    chance = random.Random(seed)
    with log.history.one_batch():
        _many(log.history, 1500)
    log.publish(5)
    command = ("index", "--once", "--data", tmp_path / "mirror", *log.arguments, "--json")
    for _ in range(6):
        process = subprocess.Popen(
            keystead_command(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(chance.uniform(0.5, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    head = log.publish(6)
    ended = keystead(*command)
    assert ended.code == 0
    assert ended.document["wrong_heads"] == []
    assert ended.document["head"] == head
    audited = keystead("audit", "--folder", tmp_path / "mirror", "--hashes-only", "--json")
    assert audited.document["ok"] is True


def _many(history: AuditedHistory, count: int) -> None:
    leaf = history.log.issuance.leaves[1]
    for _ in range(count):
        history.log.add_leaf(
            leaf.entry.signed,
            leaf.fingerprints,
            precertificate=leaf.precertificate,
            issuer_key_hash=leaf.entry.issuer_key_hash,
        )


def test_a_monitor_that_computes_the_map(keystead: CommandLine, log: PublicLog, tmp_path: Path) -> None:
    """`monitor --check-index` says how many heads it compared, and a wrong one is a finding, exit code 1."""
    command = ("monitor", "--once", "--check-index", "--state", tmp_path / "monitor", *log.arguments)
    assert "1 new heads of its index compared" in keystead(*command).out
    wrong = log.publish(5, map_root=bytes(32))
    ended = keystead(*command, "--json")
    assert ended.code == 1
    (finding,) = [one for one in ended.documents if one.get("rule") == "log-misbehaviour"]
    assert finding["reason"] == "wrong-index-head"
    assert f"statement {wrong}" in finding["summary"]


def test_what_cannot_be_done(keystead: CommandLine, log: PublicLog, tmp_path: Path) -> None:
    """Exit code 2 and one sentence: two logs, a folder of a log, an address that is none."""
    (tmp_path / "own/keys").mkdir(parents=True)
    ended = keystead("index", "--once", "--data", tmp_path / "own", *log.arguments)
    assert ended.code == 2
    assert "is the folder of a log" in ended.err
    ended = keystead("index", "--once", "--data", tmp_path / "mirror", *log.arguments, *log.arguments)
    assert ended.code == 2
    ended = keystead("index", "--data", tmp_path / "mirror", "--listen", "nowhere", *log.arguments)
    assert ended.code == 2
    assert "is no address" in ended.err
