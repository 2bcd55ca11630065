# SPDX-License-Identifier: Apache-2.0
"""Running the command line in this process, as its entry point does."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from keystead.cli.main import run

__all__ = ["CommandLine", "Ended"]


@dataclass(frozen=True)
class Ended:
    """How one command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """The JSON documents on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        (document,) = self.documents
        return document


class CommandLine:
    """Calls `keystead …` and catches what it writes."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        """Run `keystead` with these arguments."""
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        written = self._capsys.readouterr()
        return Ended(code, written.out, written.err)
