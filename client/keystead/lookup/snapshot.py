# SPDX-License-Identifier: Apache-2.0
"""Several answers of an index under one head, and both logs under the checkpoints that came with it.

What is decided from several answers is decided at one head: the first answer chooses it, each further one is asked for
under it and must be.

Invariants:

* every answer has the very head of the first one: a log that signed two at one place is reported with both;
* entries are below what the head covers, so they are in the trees of the first answer's checkpoints, and read there;
* memory is for one page, and for the answers where they are kept.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

from keystead.client.fetcher import Fetcher
from keystead.client.log_reader import LogReader, check_extends
from keystead.client.trust import Trust
from keystead.client.verified_tree import VerifiedTree
from keystead.errors import LogMisbehaviourError, VerificationError
from keystead.index.answer import MAX_PAGE
from keystead.index.kinds import Subject
from keystead.index.verification import VerifiedAnswer, VerifiedHead
from keystead.lookup.paging import History, Wanted, check_page, first_position
from keystead.lookup.proven import EntrySource, ProvenEntry, ProvenStatement, StatementSource

if TYPE_CHECKING:
    from keystead.lookup.log_index import LogIndex

__all__ = ["Snapshot"]


class Snapshot:
    """One log's index at one head.

    Args:
        index: asks.
        subject: what was asked about first.
        limit: entries of the page that was asked for.
        answer: what came, verified.
        raw: the same as it came.
        asked_ms: the reader's clock then.
        keep: keep answers as they come.

    Attributes:
        index: of which log.
        head: the head; `head.lag` entries lie behind it.
        asked_ms: the reader's clock when it was found fresh.
        documents: the answers as they came, where they are kept.
        issuance_tree, statement_tree: the logs under the checkpoints of the first answer, or of `renew`.
    """

    def __init__(
        self,
        index: "LogIndex",
        subject: Subject,
        limit: int,
        answer: VerifiedAnswer,
        raw: bytes,
        *,
        asked_ms: int,
        keep: bool = True,
    ) -> None:
        self.index = index
        self.head: VerifiedHead = answer.head
        self.asked_ms = asked_ms
        self.documents: list[bytes] = []
        self._head_entry = answer.answer.head_entry
        self._keep = keep
        self._first = (subject, limit, answer)
        self._kept(raw)
        self.issuance_tree = VerifiedTree(index.fetcher, "issuance", self.head.issuance)
        self.statement_tree = VerifiedTree(index.fetcher, "statements", self.head.statements)
        self._entries = EntrySource(index.trust.issuance.key.origin, index.fetcher)
        self._statements = StatementSource(index.trust.statements.key.origin)

    @property
    def trust(self) -> Trust:
        """What is known of the log beforehand."""
        return self.index.trust

    @property
    def fetcher(self) -> Fetcher:
        """Reads below the log's base."""
        return self.index.fetcher

    @property
    def issuance_size(self) -> int:
        """Issuance entries that can be read."""
        return self.issuance_tree.size

    @property
    def age_ms(self) -> int:
        """How old the head was when it was asked for; negative where the log's clock runs ahead."""
        return self.asked_ms - self.head.timestamp

    # Histories.

    async def page(self, subject: Subject, first: int, limit: int = MAX_PAGE) -> VerifiedAnswer:
        """The page of a history from a position on, verified, and what was asked for; past the end it is empty."""
        wanted = Wanted(first, limit)
        answer = await self._ask(subject, wanted, limit)
        check_page(answer.answer.page, wanted, answer.answer.page.count)
        return answer

    async def pages(
        self, subject: Subject, *, newest: int | None = None
    ) -> AsyncGenerator[VerifiedAnswer, None]:
        """A history page by page, in its order; at least one page, so that absence is proven, too.

        Args:
            subject: whose history.
            newest: only that many of its newest entries; None for all.
        """
        limit = MAX_PAGE if newest is None else min(newest, MAX_PAGE)
        last = await self._newest_page(subject, limit)
        page = last.answer.page
        position, begun = first_position(page.count, newest), page.bounds[0]
        while position < begun:
            wanted = Wanted(position, min(MAX_PAGE, begun - position))
            answer = await self._ask(subject, wanted, wanted.limit)
            position = check_page(answer.answer.page, wanted, page.count)
            yield answer
        yield last

    async def history(self, subject: Subject, *, newest: int | None = None) -> History:
        """A history, or the newest part of it, in memory."""
        entries: list[int] = []
        count = 0
        async with aclosing(self.pages(subject, newest=newest)) as pages:
            async for answer in pages:
                entries += answer.answer.page.entries
                count = answer.answer.page.count
        return History(subject, count, count - len(entries), tuple(entries))

    async def _newest_page(self, subject: Subject, limit: int) -> VerifiedAnswer:
        # What came first is not asked for again.
        known, asked, answer = self._first
        if known == subject and (asked == limit or answer.answer.page.count <= min(asked, limit)):
            return answer
        return await self._ask(subject, None, limit)

    async def _ask(self, subject: Subject, wanted: Wanted | None, limit: int) -> VerifiedAnswer:
        answer, raw = await self.index.ask(subject, wanted, limit, self.head.index, None)
        if answer.answer.head_entry != self._head_entry:
            # Both are proven under a signed checkpoint, at one place.
            raise LogMisbehaviourError(
                f"{self.head.statements.checkpoint.origin} has two heads of its index at {self.head.index}",
                check="fork",
                evidence={
                    "one": self._head_entry,
                    "one_checkpoint": self.head.statements.raw,
                    "other": answer.answer.head_entry,
                    "other_checkpoint": answer.head.statements.raw,
                },
            )
        self._kept(raw)
        return answer

    def _kept(self, raw: bytes) -> None:
        if self._keep:
            self.documents.append(raw)

    # Entries.

    async def entries(self, indices: Iterable[int], subject: Subject | None = None) -> list[ProvenEntry]:
        """Issuance entries, each hashed to the signed root; with `subject`, each found to be listed rightly."""
        return [one async for one in self.each_entry(indices, subject)]

    def each_entry(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenEntry, None]:
        """The same one by one, in ascending order."""
        return self._entries.read(self.issuance_tree, indices, subject)

    async def statements(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> list[ProvenStatement]:
        """Statement entries, each hashed to the signed root; with `subject`, each found to be listed rightly."""
        return [one async for one in self.each_statement(indices, subject)]

    def each_statement(
        self, indices: Iterable[int], subject: Subject | None = None
    ) -> AsyncGenerator[ProvenStatement, None]:
        """The same one by one, in ascending order."""
        return self._statements.read(self.statement_tree, indices, subject)

    # What lies after the head.

    async def renew(self) -> None:
        """Go on to the newest checkpoints of both logs, which must extend those of the answer.

        One that is older than the answer's is of a cache, or of a server that has not followed yet: it must be of a
        part of the same tree, and is no news.

        Raises:
            LogMisbehaviourError: `fork`: they contradict those of the answer.
        """
        trust, fetcher = self.index.trust, self.index.fetcher
        # The issuance log first: a statement about one of its entries is published after the entry.
        issuance = LogReader(fetcher, "issuance", trust.issuance.key)
        statements = LogReader(fetcher, "statements", trust.statements.key)
        self.issuance_tree = await _newer(issuance, self.issuance_tree)
        self.statement_tree = await _newer(statements, self.statement_tree)

    @property
    def lag(self) -> int:
        """Issuance entries that the head does not cover, by the newest checkpoint that is known."""
        return self.issuance_tree.size - self.head.statement.issuance_size

    def require_current(self) -> None:
        """Check that the head does not lie too far behind the newest checkpoint that is known.

        Raises:
            VerificationError: `index-too-far-behind`.
        """
        most = self.index.limits.max_lag
        if self.lag > most:
            raise VerificationError(
                f"the index is {self.lag} entries behind its log, and at most {most} are accepted: what it does not "
                "know of cannot be told",
                check="index-too-far-behind",
                evidence={"head": self._head_entry, "checkpoint": self.issuance_tree.checkpoint.raw},
            )

    def issuance_tail(self) -> AsyncGenerator[ProvenEntry, None]:
        """The issuance entries that the head does not cover, up to the checkpoint."""
        indices = range(self.head.statement.issuance_size, self.issuance_tree.size)
        return self._entries.read(self.issuance_tree, indices, None)

    def statement_tail(self) -> AsyncGenerator[ProvenStatement, None]:
        """The statements that the head does not cover, up to the checkpoint; heads are among them."""
        indices = range(self.head.statement.statements_size, self.statement_tree.size)
        return self._statements.read(self.statement_tree, indices, None)


async def _newer(reader: LogReader, known: VerifiedTree) -> VerifiedTree:
    """The tree of the log's newest checkpoint, or the known one where that is newer."""
    tree = reader.tree(await reader.checkpoint())
    if tree.size < known.size:
        await check_extends(known, tree.checkpoint)
        return known
    await check_extends(tree, known.checkpoint)
    return tree
