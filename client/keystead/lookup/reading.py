# SPDX-License-Identifier: Apache-2.0
"""What gathering needs of a log: histories, and the entries that they list, all proven under one head.

A `Snapshot` is one. Others add what lies after the head, or read what was proven long ago from a record.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.index.kinds import Subject
from keystead.lookup.paging import History
from keystead.lookup.proven import ProvenEntry, ProvenStatement

__all__ = ["Reading"]


class Reading(Protocol):
    """One log, read under one head."""

    @property
    def trust(self) -> Trust:
        """What is known of the log beforehand."""

    @property
    def fetcher(self) -> Fetcher:
        """Brings policies and evidence."""

    @property
    def issuance_size(self) -> int:
        """Issuance entries that can be read."""

    async def history(self, subject: Subject, *, newest: int | None = None) -> History:
        """A history, or the newest part of it."""
        ...

    def each_entry(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenEntry, None]:
        """Issuance entries in ascending order; with `subject`, each found to be listed rightly."""
        ...

    def each_statement(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenStatement, None]:
        """Statements, likewise."""
        ...
