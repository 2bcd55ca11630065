# SPDX-License-Identifier: Apache-2.0
"""One place for errors and exit codes; verbs that are imported when asked for."""

import subprocess
import sys

import click
import pytest

from keystead.cli import main
from keystead.errors import (
    EvidenceError,
    FetchError,
    KeysteadError,
    LogMisbehaviourError,
    ParseError,
    RefusedError,
    StoreError,
    UsageError,
)
from support.command_line import CommandLine


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EvidenceError("no"), 1),
        (LogMisbehaviourError("no"), 1),
        (RefusedError("unknown-root", "no", status=400), 1),
        (RefusedError("quota", "no", status=429, retry_after=3), 2),
        (RefusedError("paused", "no", status=503, retry_after=3), 2),
        (ParseError("no"), 2),
        (FetchError("no"), 2),
        (StoreError("no"), 2),
        (UsageError("no"), 2),
        (KeysteadError("no"), 2),
        (FileNotFoundError(2, "No such file or directory", "x"), 2),
        (RuntimeError("defect"), 2),
    ],
)
def test_every_error_is_a_sentence_and_an_exit_code(
    keystead: CommandLine, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    """What a verb raises ends as one line on stderr, no traceback, and the code that it stands for."""

    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(main.cli, "get_command", lambda ctx, name: failing)
    ended = keystead("identify")

    assert ended.code == code
    assert ended.out == ""
    assert ended.err.startswith("keystead: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["identify", "--nonsense"], ["identify"]]
)
def test_usage_errors_are_2(keystead: CommandLine, arguments: list[str]) -> None:
    """A wrong verb, option or a missing argument is a usage error that points at the help."""
    ended = keystead(*arguments)

    assert ended.code == 2
    assert "--help" in ended.err
    assert ended.err.count("\n") == 1


def test_an_interrupt_is_130(keystead: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with the code that shells expect, and no traceback."""

    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.cli, "get_command", lambda ctx, name: interrupted)
    ended = keystead("identify")

    assert ended.code == 130
    assert ended.err.strip() == "keystead: interrupted"


def test_without_a_verb_the_help_is_shown(keystead: CommandLine) -> None:
    """No arguments: usage error, with everything that can be asked for."""
    ended = keystead()

    assert ended.code == 2
    assert "Verbs:" in ended.err


def test_the_help_names_every_verb(keystead: CommandLine) -> None:
    """Every verb is there, can be imported, and explains itself."""
    ended = keystead("--help")

    assert ended.code == 0
    for verb in main.cli.list_commands(click.Context(main.cli)):
        assert f"\n  {verb} " in ended.out
        assert keystead(verb, "--help").code == 0


def test_the_help_waits_for_no_heavy_package() -> None:
    """`keystead --help` imports neither aiohttp, nor cryptography, nor rich."""
    code = (
        "import sys; from keystead.cli.main import run; run(['--help']);"
        "heavy = {'aiohttp', 'cryptography', 'rich', 'asn1crypto', 'keystead_server'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.endswith("[]\n")


def test_the_version_is_the_packages(keystead: CommandLine) -> None:
    """`keystead --version` says the version and ends well."""
    ended = keystead("--version")

    assert ended.code == 0
    assert "0.1.0" in ended.out
