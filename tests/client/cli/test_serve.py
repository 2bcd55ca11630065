# SPDX-License-Identifier: Apache-2.0
"""`keystead serve`: a log in a process, from its first start to SIGTERM."""

import json
import stat
import subprocess
import urllib.request
from pathlib import Path

import pytest

from keystead.client.trust import parse_trust
from support.served_log import ServedLog, keystead_command


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command line that must end by itself."""
    return subprocess.run(
        keystead_command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_first_start_makes_the_log_and_sigterm_ends_it(tmp_path: Path) -> None:
    """Keys are the owner's alone, trust.json is what is served, and the exit code is 0."""
    data = tmp_path / "log"
    with ServedLog(data) as log:
        with urllib.request.urlopen(f"{log.url}/trust.json") as answer:
            served = answer.read()
        code, written = log.stop()

    assert code == 0
    assert "Traceback" not in written
    assert parse_trust(served) == parse_trust(log.trust.read_bytes())
    keys = [path for path in data.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_a_second_start_is_the_same_log(tmp_path: Path) -> None:
    """Name and keys stay; the address may change."""
    with ServedLog(tmp_path / "log", None, "--name", "log.example") as log:
        first = parse_trust(log.trust.read_bytes())
    with ServedLog(tmp_path / "log", None, "--url", "https://log.example") as log:
        second = parse_trust(log.trust.read_bytes())

    assert first.name == second.name == "log.example"
    assert first.issuance.key == second.issuance.key
    assert second.issuance.url == "https://log.example/issuance"


def test_two_servers_on_one_folder_is_refused(tmp_path: Path) -> None:
    """The second ends with exit code 2 and a sentence; the first goes on."""
    with ServedLog(tmp_path / "log") as log:
        second = run("serve", "--data", tmp_path / "log", "--listen", "127.0.0.1:0")

        assert log.process.poll() is None
    assert second.returncode == 2
    assert second.stderr.startswith("keystead: ")
    assert second.stderr.count("\n") == 1


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    """A folder with somebody's files in it is left alone."""
    (tmp_path / "thesis.txt").write_text("three years of work")

    ended = run("serve", "--data", tmp_path, "--listen", "127.0.0.1:0")

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"thesis.txt", "lock"}


@pytest.mark.parametrize(
    "options",
    [
        ("--listen", "nonsense"),
        ("--listen", "127.0.0.1:99999"),
        ("--listen", "127.0.0.1:0", "--name", "has spaces"),
        ("--listen", "127.0.0.1:0", "--url", "no-url"),
        ("--listen", "127.0.0.1:0", "--period", "0"),
        ("--listen", "127.0.0.1:0", "--policy", "/no/such/file"),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Exit code 2 and one sentence, and no log is made."""
    ended = run("serve", "--data", tmp_path / "log", *options)

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "log" / "trust.json").exists()


def test_a_wrong_policy_file_is_named(tmp_path: Path) -> None:
    """The sentence says what is wrong in which file."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[issuance]\nrotos = []\n")

    ended = run("serve", "--data", tmp_path / "log", "--listen", "127.0.0.1:0", "--policy", policy)

    assert ended.returncode == 2
    assert "rotos" in ended.stderr
    assert str(policy) in ended.stderr


def test_people_are_told_where_it_is(tmp_path: Path) -> None:
    """Without --json the URLs, the trust file and the missing policy are said in words."""
    command = keystead_command("serve", "--data", tmp_path / "log", "--listen", "127.0.0.1:0")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    while not lines or not lines[-1].startswith("Ready"):
        lines.append(process.stdout.readline())
        assert lines[-1]
    process.terminate()
    process.communicate(timeout=60)

    said = "".join(lines)
    assert process.returncode == 0
    assert "/issuance" in said
    assert "/statements" in said
    assert "trust.json" in said
    assert "accepts no root" in said
    assert json.loads((tmp_path / "log" / "trust.json").read_text())["name"].startswith("localhost:")
