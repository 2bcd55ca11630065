# SPDX-License-Identifier: Apache-2.0
"""The README's commands do what it says: every `sh` block is run, in order, in one folder.

A comment with "exit code N" before a command says that it ends so; all others end with 0. `keystead serve` is
left running, on a free port in the place of the default one.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keystead.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"exit code (\d)")
_ADDRESS = "127.0.0.1:8470"
_INSTALL = "python3 -m venv .venv && .venv/bin/pip install -q '.[server]' && .venv/bin/keystead demo"
_TEST = "sh tests/run"

_CURL = f"""#!{sys.executable}
# Stands in on machines without curl: `curl -s URL [-o FILE]`.
import sys, urllib.request
_, _, url, *out = sys.argv
body = urllib.request.urlopen(url).read()
(open(out[1], "wb") if out else sys.stdout.buffer).write(body)
"""


@dataclass(frozen=True)
class Command:
    """One line of a block, and how it must end."""

    line: str
    code: int


def commands() -> list[Command]:
    """Every command of the README's `sh` blocks."""
    found = []
    for block in _BLOCK.findall(README):
        code = 0
        for line in block.splitlines():
            if line.startswith("#"):
                stated = _EXIT_CODE.search(line)
                code = int(stated[1]) if stated else 0
            elif line:
                found.append(Command(line, code))
                code = 0
    return found


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator["Workshop"]:
    """A folder with `keystead` on the PATH; what is left running is stopped at the end."""
    shop = Workshop(tmp_path)
    try:
        yield shop
    finally:
        shop.close()


class Workshop:
    """Where commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.folder.mkdir()
        (self.folder / "tests").symlink_to(ROOT / "tests")
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "keystead"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m keystead.cli.main "$@"\n')
        program.chmod(0o755)
        if shutil.which("curl") is None:
            (programs / "curl").write_text(_CURL)
            (programs / "curl").chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder / "state"),
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._servers: list[subprocess.Popen[str]] = []

    def run(self, command: Command) -> str:
        """Run one command to its end; what it printed."""
        line = command.line.replace(_ADDRESS, self._address)
        line = re.sub(r"^\.venv/bin/python", shlex.quote(sys.executable), line)
        ended = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == command.code, f"{line}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
        return ended.stdout

    def serve(self, command: Command) -> None:
        """Start a server and wait until it says that it is ready."""
        line = f"exec {command.line} --listen {self._address}"
        server = subprocess.Popen(
            ["sh", "-c", line], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        self._servers.append(server)
        assert server.stdout is not None
        for said in server.stdout:
            if said.startswith("Ready"):
                return
        raise AssertionError(f"{line} did not become ready")

    def close(self) -> None:
        """Stop the servers, each with exit code 0."""
        for server in self._servers:
            server.terminate()
            server.communicate(timeout=60)
        assert all(server.returncode == 0 for server in self._servers)


def test_the_readmes_commands_work_in_order(workshop: Workshop) -> None:
    """From the demonstration through CA, monitor and researcher: every line ends as the page says."""
    said: list[tuple[str, str]] = []
    for command in commands():
        if command.line == _INSTALL:
            said.append(("keystead demo", workshop.run(Command("keystead demo", 0))))
        elif command.line == _TEST:
            assert (ROOT / "tests" / "run").is_file()
        elif command.line.startswith("keystead serve "):
            workshop.serve(command)
        else:
            said.append((command.line, workshop.run(command)))

    workshop.run(Command(f".venv/bin/python -m doctest {shlex.quote(str(ROOT / 'README.md'))}", 0))
    assert "settled: covered" in said[0][1]
    before, refused, after = [text for line, text in said if line.startswith("keystead monitor ")]
    assert "1 open, 1 settled" in before
    assert "the word of its auditor is not accepted here" in refused
    assert "1 open, 0 settled" in refused
    (story,) = [text for line, text in said if line.startswith("keystead explain ")]
    assert "Birch Games GmbH" in story
    assert "settled, high" in story
    assert "0 open, 2 settled" in after


def test_the_two_commands_are_there() -> None:
    """One line makes an environment and shows the demonstration, one runs the tests."""
    lines = [command.line for command in commands()]

    assert lines[:2] == [_INSTALL, _TEST]


def test_every_verb_that_is_named_exists() -> None:
    """No `keystead VERB` in the page is of another version."""
    verbs = set(re.findall(r"keystead ([a-z]+)", README))

    assert verbs
    for verb in verbs:
        assert cli.get_command(None, verb) is not None  # type: ignore[arg-type]


def test_every_local_link_leads_somewhere() -> None:
    """Files that the page points at are in the tree."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)

    assert links
    for link in links:
        assert (ROOT / link).exists(), link
