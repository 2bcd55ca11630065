# SPDX-License-Identifier: Apache-2.0
"""Who is told how far following is."""

from typing import Protocol

__all__ = ["Progress", "Silence"]


class Progress(Protocol):
    """Who wants to know how far following is."""

    def aim(self, total: int) -> None:
        """So many more entries are to be read."""

    def advance(self, steps: int = 1) -> None:
        """So many more were."""


class Silence:
    """Nobody wants to know."""

    def aim(self, total: int) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""
