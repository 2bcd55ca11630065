# SPDX-License-Identifier: Apache-2.0
"""What strangers wrote cannot act on a terminal."""

import unicodedata
from contextlib import redirect_stderr
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.cli.terminal import print_error, print_note


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller & Söhne 株式会社", "Müller & Söhne 株式会社"),
        ("\x1b[31mred", "\\1b[31mred"),
        ("a\u202eb", "a\\e2\\80\\aeb"),
        ("line\nbreak\ttab\x7f", "line\\0abreak\\09tab\\7f"),
    ],
)
def test_what_acts_on_a_terminal_is_escaped(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    """Controls and bidirectional characters are shown as octets; letters of any script as they are."""
    print_note(text)

    assert capsys.readouterr().err == f"{shown}\n"


@given(st.text())
def test_no_text_can_break_out_of_its_line(text: str) -> None:
    """Whatever goes in, nothing comes out that moves a cursor, hides, or reverses the reading order."""
    with redirect_stderr(StringIO()) as written:
        print_error(text)

    line = written.getvalue()
    assert line.endswith("\n")
    assert line.startswith("keystead: ")
    assert not {unicodedata.category(character) for character in line[:-1]} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
