# SPDX-License-Identifier: Apache-2.0
"""A log's index at one head, and what lies after the head: all that the log shows at one moment.

A head covers what was logged when it was made. Who decides something on an answer reads the rest itself: the entries
and statements from there up to the newest checkpoints, each looked at for what an index would list it under.

Invariants:

* a history is that of the index, and behind it those of the two tails that name its subject;
* everything that was read is remembered, for a record.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing

from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.index.kinds import Subject
from keystead.index.verification import VerifiedHead
from keystead.lookup.paging import History
from keystead.lookup.proven import ProvenEntry, ProvenStatement
from keystead.lookup.snapshot import Snapshot
from keystead.tlog.checkpoint import VerifiedCheckpoint

__all__ = ["LiveLog", "WholeLog"]


class WholeLog(ABC):
    """One log, read at one moment: `lookup.reading.Reading`.

    Args:
        snapshot: its index at one head.

    Attributes:
        entries, statements: all that was read, by index.
        entry_tail, statement_tail: what lies after the head, by index.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.entries: dict[int, ProvenEntry] = {}
        self.statements: dict[int, ProvenStatement] = {}
        self.entry_tail: dict[int, ProvenEntry] = {}
        self.statement_tail: dict[int, ProvenStatement] = {}
        self._listed: dict[Subject, list[int]] = defaultdict(list)

    # What a log has.

    @property
    @abstractmethod
    def issuance(self) -> VerifiedCheckpoint:
        """The newest checkpoint of the issuance log."""

    @property
    @abstractmethod
    def statement_log(self) -> VerifiedCheckpoint:
        """The newest checkpoint of the statement log."""

    @abstractmethod
    def _read_entries(self, indices: Iterable[int]) -> AsyncGenerator[ProvenEntry, None]:
        """Issuance entries that the head covers, in ascending order."""

    @abstractmethod
    def _read_statements(self, indices: Iterable[int]) -> AsyncGenerator[ProvenStatement, None]:
        """Statements that the head covers, in ascending order."""

    async def _take_tails(
        self, entries: AsyncIterable[ProvenEntry], statements: AsyncIterable[ProvenStatement]
    ) -> None:
        async for entry in entries:
            self.entry_tail[entry.index] = entry
            for subject in entry.subjects:
                self._listed[subject].append(entry.index)
        async for said in statements:
            self.statement_tail[said.index] = said
            for subject in said.subjects:
                self._listed[subject].append(said.index)

    # `Reading`.

    @property
    def trust(self) -> Trust:
        """What is known of the log beforehand."""
        return self.snapshot.trust

    @property
    def fetcher(self) -> Fetcher:
        """Brings policies and evidence."""
        return self.snapshot.fetcher

    @property
    def head(self) -> VerifiedHead:
        """The head of the index."""
        return self.snapshot.head

    @property
    def issuance_size(self) -> int:
        """Issuance entries that can be read."""
        return self.issuance.checkpoint.size

    async def history(self, subject: Subject, *, newest: int | None = None) -> History:
        """A history, the tail included; `newest` counts without the tail."""
        found = await self.snapshot.history(subject, newest=newest)
        after = tuple(self._listed.get(subject, ()))
        return History(subject, found.count + len(after), found.first, found.entries + after)

    async def each_entry(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenEntry, None]:
        """Issuance entries in ascending order."""
        wanted = sorted(set(indices))
        covered = [index for index in wanted if index not in self.entry_tail]
        async with aclosing(self._read_entries(covered)) as found:
            async for entry in found:
                self.entries[entry.index] = entry
                yield _listed_rightly(entry, subject)
        for index in wanted:
            if index in self.entry_tail:
                yield _listed_rightly(self.entry_tail[index], subject)

    async def each_statement(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenStatement, None]:
        """Statements in ascending order."""
        wanted = sorted(set(indices))
        covered = [index for index in wanted if index not in self.statement_tail]
        async with aclosing(self._read_statements(covered)) as found:
            async for said in found:
                self.statements[said.index] = said
                yield _said_rightly(said, subject)
        for index in wanted:
            if index in self.statement_tail:
                yield _said_rightly(self.statement_tail[index], subject)

    @property
    def newest_ms(self) -> int:
        """The latest time that the log shows: nothing that was read is later."""
        times = [self.head.timestamp]
        times += [entry.facts.time_ms for entry in self.entry_tail.values()]
        times += [said.entry.timestamp for said in self.statement_tail.values() if said.entry is not None]
        return max(times)


class LiveLog(WholeLog):
    """A log that is read now."""

    @classmethod
    async def read(cls, snapshot: Snapshot) -> "LiveLog":
        """Go on to the newest checkpoints, and read what lies after the head.

        Raises:
            FetchError, VerificationError: as `Snapshot.renew`, `Snapshot.require_current` and `Snapshot.entries`.
        """
        await snapshot.renew()
        snapshot.require_current()
        log = cls(snapshot)
        async with aclosing(snapshot.issuance_tail()) as entries, aclosing(snapshot.statement_tail()) as said:
            await log._take_tails(entries, said)
        return log

    @property
    def issuance(self) -> VerifiedCheckpoint:
        """The newest checkpoint of the issuance log."""
        return self.snapshot.issuance_tree.checkpoint

    @property
    def statement_log(self) -> VerifiedCheckpoint:
        """The newest checkpoint of the statement log."""
        return self.snapshot.statement_tree.checkpoint

    def _read_entries(self, indices: Iterable[int]) -> AsyncGenerator[ProvenEntry, None]:
        return self.snapshot.each_entry(indices)

    def _read_statements(self, indices: Iterable[int]) -> AsyncGenerator[ProvenStatement, None]:
        return self.snapshot.each_statement(indices)


def _listed_rightly(entry: ProvenEntry, subject: Subject | None) -> ProvenEntry:
    if subject is not None:
        entry.require_listed(subject)
    return entry


def _said_rightly(said: ProvenStatement, subject: Subject | None) -> ProvenStatement:
    if subject is not None:
        said.require_listed(subject)
    return said
