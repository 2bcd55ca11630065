# SPDX-License-Identifier: Apache-2.0
"""How verbs speak: results on stdout, as tables for people or as JSON for programs; progress on stderr.

Invariants:

* everything shown passes `printable()`, and rich never reads markup in it;
* JSON is ASCII, one document a line, and never goes through rich;
* progress is on stderr and only where that is a terminal, so that stdout can be piped.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from rich import box
from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keystead.cli.terminal import printable

__all__ = ["Output", "Progress"]

_PIPE_WIDTH = 200
"""Columns where stdout is no terminal: wide enough that no hash is folded."""


class Progress(Protocol):
    """How far a long work is."""

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""

    def aim(self, total: int) -> None:
        """Say how many there are in all, as soon as that is known."""


class _Silent:
    def advance(self, steps: int = 1) -> None:
        """Nobody watches."""

    def aim(self, total: int) -> None:
        """Nobody watches."""


class _Bar:
    def __init__(self, shown: bars.Progress, task: bars.TaskID) -> None:
        self._shown = shown
        self._task = task

    def advance(self, steps: int = 1) -> None:
        self._shown.advance(self._task, steps)

    def aim(self, total: int) -> None:
        self._shown.update(self._task, total=total)


class _Rate(bars.ProgressColumn):
    """How many steps a second."""

    def render(self, task: bars.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


class Output:
    """Where a verb's results go.

    Args:
        as_json: for programs: `document` writes, and what is for people is silent. Otherwise the reverse.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def width(self) -> int:
        """Columns that a line may have."""
        return _console(sys.stdout).width

    def document(self, value: dict[str, Any]) -> None:
        """One JSON document on a line of its own."""
        if self.as_json:
            # Escaping all but ASCII also keeps a terminal safe on which JSON happens to be shown.
            sys.stdout.write(
                json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"
            )
            sys.stdout.flush()

    def text(self, *lines: str) -> None:
        """Lines for people."""
        if not self.as_json:
            for line in lines:
                sys.stdout.write(f"{printable(line)}\n")
            sys.stdout.flush()

    def heading(self, line: str) -> None:
        """A line that stands out."""
        if not self.as_json:
            _console(sys.stdout).print(Text(printable(line), style="bold"))

    def pairs(self, *rows: tuple[str, str]) -> None:
        """Names and values in two columns."""
        if not self.as_json:
            width = max((len(name) for name, _ in rows), default=0)
            self.text(*(f"{name:<{width}}  {value}" for name, value in rows))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; cells fold where the terminal is narrow, and nothing is cut off."""
        if self.as_json:
            return
        console = _console(sys.stdout)
        table = Table(box=box.ROUNDED if console.is_terminal else box.ASCII2)
        for column in columns:
            table.add_column(Text(column), overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
        console.print(table)

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Progress]:
        """A bar on stderr while the body runs, where stderr is a terminal."""
        if not sys.stderr.isatty():
            yield _Silent()
            return
        with bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            _Rate(),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            console=_console(sys.stderr),
            transient=True,
        ) as shown:
            yield _Bar(shown, shown.add_task(printable(what), total=total))


def _console(stream: TextIO) -> Console:
    return Console(
        file=stream,
        width=None if stream.isatty() else _PIPE_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )
