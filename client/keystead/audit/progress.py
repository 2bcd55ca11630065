# SPDX-License-Identifier: Apache-2.0
"""How an audit tells how far it is."""

from typing import Protocol

__all__ = ["SILENT", "Progress"]


class Progress(Protocol):
    """Somebody who watches."""

    def advance(self, steps: int = 1) -> None:
        """So many more entries were read."""

    def aim(self, total: int) -> None:
        """So many there are in all."""


class _Silent:
    def advance(self, steps: int = 1) -> None:
        """Nobody watches."""

    def aim(self, total: int) -> None:
        """Nobody watches."""


SILENT: Progress = _Silent()
"""Nobody."""
