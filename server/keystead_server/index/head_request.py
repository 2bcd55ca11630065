# SPDX-License-Identifier: Apache-2.0
"""What an indexer asks of the log, and tells its operator."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["HeadAppender", "HeadRequest", "Progress"]

Progress = Callable[[int, int], None]
"""`(entries read, entries to read)`, of both logs, while an index is built."""


class HeadRequest(NamedTuple):
    """What the log is asked to commit to.

    Attributes:
        issued: when it was first asked for, seconds since 1970; asking again says the same.
        issuance_size, statements_size: how much of the logs is covered.
        map_root: the root of the map.
    """

    issued: int
    issuance_size: int
    statements_size: int
    map_root: bytes


class HeadAppender(Protocol):
    """Appends a head to the statement log; asked again, it finds the one that it appended."""

    def __call__(self, request: HeadRequest) -> tuple[int, int]:
        """Leaf index and time (ms) of the head, once it is published.

        Raises:
            RefusedError: the log cannot be written just now, or has ended.
        """
