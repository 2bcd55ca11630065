# SPDX-License-Identifier: Apache-2.0
"""Sentences on stderr, safe to show.

Certificate subjects, file names and a log's answers are written by strangers; nothing of theirs reaches a
terminal but through `printable()`.
"""

import sys

from keystead.certificate.name import printable

__all__ = ["print_error", "print_note", "printable"]


def print_error(sentence: str) -> None:
    """Write the one sentence that says why a verb ended."""
    print_note(f"keystead: {sentence}")


def print_note(sentence: str) -> None:
    """Write something worth knowing that is no result."""
    sys.stderr.write(f"{printable(sentence)}\n")
    sys.stderr.flush()
