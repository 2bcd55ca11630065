# SPDX-License-Identifier: Apache-2.0
"""Results on stdout: tables for people, JSON for programs, never both."""

import io
import json
import re
import sys

import pytest

from keystead.cli.output import Output

HOSTILE = "[bold red]Evil[/] \x1b]0;title\x07 \u202egpj.exe :smile:"


def test_a_table_shows_hostile_text_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup, emoji names and control characters in a cell are shown, not obeyed."""
    Output(as_json=False).table(["subject"], [[HOSTILE]])

    out = capsys.readouterr().out
    assert "[bold red]Evil[/] \\1b]0;title\\07 \\e2\\80\\aegpj.exe :smile:" in out
    assert "\x1b" not in out


def test_headings_and_pairs_are_safe_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    """No way to write goes around the escaping."""
    output = Output(as_json=False)
    output.heading(HOSTILE)
    output.pairs(("name", HOSTILE))
    output.text(HOSTILE)

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("[bold red]Evil[/]") == 3


def test_a_wide_table_loses_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Two hashes side by side are whole where stdout is no terminal."""
    first, second = "ab" * 32, "cd" * 32
    Output(as_json=False).table(["one", "two"], [[first, second]])

    out = capsys.readouterr().out
    assert first in out
    assert second in out


def test_json_is_one_ascii_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, what is for people is silent and a document is one line of ASCII."""
    output = Output(as_json=True)
    output.heading("heading")
    output.text("text")
    output.pairs(("a", "b"))
    output.table(["c"], [["d"]])
    output.document({"name": HOSTILE})

    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == {"name": HOSTILE}


def test_people_get_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json a document is not written."""
    Output(as_json=False).document({"name": "x"})

    assert capsys.readouterr().out == ""


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets no progress bar."""
    with Output(as_json=False).progress("working", 3) as progress:
        progress.aim(4)
        progress.advance()

    written = capsys.readouterr()
    assert written.out == written.err == ""


class _Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_progress_shows_how_many_of_how_many_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal: what is done, the steps, and the rate."""
    watched = _Terminal()
    monkeypatch.setattr(sys, "stderr", watched)
    monkeypatch.setenv("TERM", "xterm")
    with Output(as_json=True).progress("following") as progress:
        progress.aim(40)
        for _ in range(40):
            progress.advance()

    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", watched.getvalue())
    assert "following" in shown
    assert "40/40" in shown
    assert re.search(r"[0-9,]+/s", shown)
