# SPDX-License-Identifier: Apache-2.0
"""`keystead demo`: what it prints; the story itself is tested beside its modules."""

import shlex
from pathlib import Path

from support.command_line import CommandLine


def test_the_demonstration_tells_its_story(keystead: CommandLine, tmp_path: Path) -> None:
    """Numbered chapters with tables, then commands; the ones that need no server work as printed."""
    folder = tmp_path / "demo"

    ended = keystead("demo", "--dir", folder)

    assert ended.code == 0
    assert ended.err == ""
    assert "3. The monitor flags both devices" in ended.out
    assert "settled: covered" in ended.out
    assert "- yubico-piv-serial 70000002 holds keys of 2 subscribers" in ended.out
    commands = [line for line in ended.out.splitlines() if line.startswith("keystead ")]
    codes = {}
    for command in commands:
        _, verb, *arguments = shlex.split(command)
        if verb != "serve" and "--log" not in arguments:
            codes[verb] = keystead(verb, *arguments).code
    assert codes == {"identify": 0, "extension": 0, "lint": 0, "monitor": 1}


def test_programs_get_one_document(keystead: CommandLine, tmp_path: Path) -> None:
    """With --json: the folder, the chapters, the findings and the commands."""
    ended = keystead("demo", "--dir", tmp_path / "demo", "--json")

    answer = ended.document
    assert ended.code == 0
    assert answer["folder"] == str(tmp_path / "demo")
    assert {finding["state"] for finding in answer["findings"]} == {"open", "settled"}
    assert len(answer["chapters"]) == 7
    assert all(step["command"].startswith("keystead ") for step in answer["next"])


def test_a_folder_in_use_is_refused(keystead: CommandLine, tmp_path: Path) -> None:
    """Nobody's files are mixed with the demonstration's."""
    (tmp_path / "file").write_text("x")

    ended = keystead("demo", "--dir", tmp_path)

    assert ended.code == 2
    assert "not empty" in ended.err


def test_samples_that_are_not_there_are_a_usage_error(keystead: CommandLine, tmp_path: Path) -> None:
    """The sentence says what the folder should hold."""
    ended = keystead("demo", "--dir", tmp_path / "demo", "--samples", tmp_path)

    assert ended.code == 2
    assert "--samples" in ended.err
