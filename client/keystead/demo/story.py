# SPDX-License-Identifier: Apache-2.0
"""What a demonstration tells: chapters with a small table each, and commands to go on with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keystead.monitor.findings import Finding

__all__ = ["Chapter", "Ending", "NextStep", "Teller"]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One step, told when it has happened.

    Attributes:
        title: what happens.
        text: plain sentences.
        columns: of the table; none: no table.
        rows: of the table.
        notes: sentences below the table.
    """

    title: str
    text: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The table as a list of objects, by column."""
        return {
            "title": self.title,
            "text": self.text,
            "notes": list(self.notes),
            "table": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command that works on the folder that the demonstration left.

    Attributes:
        why: what it shows.
        arguments: of `keystead`, to be typed as they are.
    """

    why: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a demonstration ended.

    Attributes:
        findings: what the monitor holds at the end, settled ones too.
        next_steps: what to look at.
    """

    findings: tuple[Finding, ...]
    next_steps: tuple[NextStep, ...]


Teller = Callable[[Chapter], None]
"""Is told each chapter as it happens."""
