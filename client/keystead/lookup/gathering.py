# SPDX-License-Identifier: Apache-2.0
"""Gathering everything that one log has about a question, under one head, with every proof checked.

(1) The history of issuance entries that is asked for, and the history of statements; each entry is read out of the
    verified tree and found to be listed rightly.
(2) For each certificate found: what is said about it, and where else it is logged; for a statement about a certificate
    that is not listed itself, the certificate. So bindings and evidence join in what no extension says.
(3) For each service that is named: its audits, withdrawals, devices and keys. All policies of the log.
(4) The policies and the evidence themselves, which hash to the digests that name them.

Invariants:

* nothing is left out but what was told to be: `newest` bounds the histories of (1), and those alone;
* what a service's history says about certificates that nobody asked for is passed over.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import aclosing

from keystead.audit.progress import SILENT, Progress
from keystead.client.prefetch import in_order
from keystead.devices.evidence import MAX_EVIDENCE_BYTES
from keystead.errors import FetchError
from keystead.index.answer import MAX_PAGE
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import Gathered
from keystead.lookup.log_index import LogIndex
from keystead.lookup.paging import History
from keystead.lookup.proven import ProvenStatement
from keystead.lookup.questions import Question
from keystead.lookup.reading import Reading
from keystead.lookup.snapshot import Snapshot
from keystead.monitor.named_objects import fetch_named
from keystead.statements.payloads import AuditWithdrawal, ServiceAudit, ServiceDevices
from keystead.statements.policy import MAX_POLICY_BYTES

__all__ = ["Gathering", "gather"]

_AHEAD = 8
# Questions to the index that are under way at once.


class Gathering:
    """One log, being gathered from.

    Args:
        reading: its index at one head.
        progress: is told how many questions, entries and statements there are, and how many of them are done.

    Attributes:
        found: what is here.
    """

    def __init__(self, reading: Reading, progress: Progress = SILENT) -> None:
        self.reading = reading
        self.found = Gathered(reading.issuance_size)
        self._progress = progress
        self._aim = 0

    async def take(self, subject: Subject, *, newest: int | None = None) -> History:
        """Look a history up and read what it lists: step (1).

        Args:
            subject: of whatever kind.
            newest: only that many of its newest entries.
        """
        (history,) = await self.take_all([subject], newest=newest)
        return history

    async def take_all(
        self, subjects: Iterable[Subject], *, newest: int | None = None, follow: bool = True
    ) -> list[History]:
        """The same for several subjects, several at once.

        Args:
            subjects: of whatever kind.
            newest: only that many of the newest entries of each.
            follow: keep what the history of a service says about certificates.
        """

        async def look_up(subject: Subject) -> History:
            return await self.reading.history(subject, newest=newest)

        asked = list(dict.fromkeys(subjects))
        self._expect(len(asked))
        histories: list[History] = []
        async with aclosing(in_order(look_up, asked, _AHEAD)) as found:
            async for history in found:
                histories.append(history)
                self._progress.advance()
        await self._read(histories, follow=follow)
        return histories

    async def complete(self) -> Gathered:
        """Gather all that is needed to judge what is here: steps (2) to (4).

        Raises:
            FetchError: the log does not serve a policy, without which nothing can be judged.
        """
        while True:
            await self._read_entries(self.found.missing_entries())
            subjects = self.found.missing_histories()
            if not subjects:
                break
            await self.take_all(subjects, follow=False)
        policies, evidence = self.found.missing_objects()
        await self._fetch("policy", policies, MAX_POLICY_BYTES)
        for digest in policies:
            if self.found.objects[digest] is None:
                raise FetchError(
                    f"{self.reading.trust.name} does not serve its policy {digest.hex()}, without which nothing "
                    "that was said can be judged",
                    url=f"policy/{digest.hex()}",
                    status=404,
                )
        await self._fetch("evidence", evidence, MAX_EVIDENCE_BYTES)
        return self.found

    async def _read(self, histories: Sequence[History], *, follow: bool) -> None:
        """Read what histories list, each bundle once, and find it listed rightly.

        Args:
            histories: under the snapshot's head.
            follow: keep what the history of a service says about certificates.
        """
        entries, statements = (
            _by_index(histories, of_statements=False),
            _by_index(histories, of_statements=True),
        )
        await self._read_entries(entries.keys() - self.found.entries.keys())
        for index, subjects in entries.items():
            for subject in subjects:
                self.found.entries[index].require_listed(subject)
        wanted = statements.keys() - self.found.statements.keys()
        self._expect(len(wanted))
        async with aclosing(self.reading.each_statement(wanted)) as said:
            async for one in said:
                self._keep(one, statements[one.index], follow=follow)
                self._progress.advance()
        for index in statements.keys() - wanted:
            self._keep(self.found.statements[index], statements[index], follow=follow)
        self.found.histories.update((history.subject, history) for history in histories)

    def _keep(self, said: ProvenStatement, subjects: list[Subject], *, follow: bool) -> None:
        for subject in subjects:
            said.require_listed(subject)
        others = [subject for subject in subjects if subject.kind is not IndexKind.SERVICE_STATEMENTS]
        if follow or others or isinstance(said.statement, ServiceAudit | AuditWithdrawal | ServiceDevices):
            self.found.statements[said.index] = said

    async def _read_entries(self, indices: Collection[int]) -> None:
        self._expect(len(indices))
        async with aclosing(self.reading.each_entry(indices)) as entries:
            async for entry in entries:
                self.found.entries[entry.index] = entry
                self._progress.advance()

    async def _fetch(self, folder: str, digests: set[bytes], limit: int) -> None:
        self.found.objects.update(await fetch_named(self.reading.fetcher, folder, digests, limit))

    def _expect(self, steps: int) -> None:
        self._aim += steps
        self._progress.aim(self._aim)


def _by_index(histories: Sequence[History], *, of_statements: bool) -> dict[int, list[Subject]]:
    """What each entry of some histories is listed under."""
    listed: dict[int, list[Subject]] = {}
    for history in histories:
        if history.subject.kind.of_statements is of_statements:
            for index in history.entries:
                listed.setdefault(index, []).append(history.subject)
    return listed


async def gather(
    index: LogIndex,
    question: Question,
    *,
    newest: int | None = None,
    keep: bool = True,
    progress: Progress = SILENT,
) -> tuple[Snapshot, Gathered]:
    """Everything that a log has about a question.

    Args:
        index: of the log.
        question: what is asked.
        newest: only that many of the newest entries of each of its two histories; None for all.
        keep: keep the answers as they came.
        progress: is told how far it is.
    """
    limit = MAX_PAGE if newest is None else min(newest, MAX_PAGE)
    snapshot = await index.open(question.certificates, limit=limit, keep=keep)
    # An index that stands still gives old answers with old checkpoints: the log's own say how far it has gone.
    await snapshot.renew()
    snapshot.require_current()
    gathering = Gathering(snapshot, progress)
    await gathering.take(question.certificates, newest=newest)
    if question.statements is not None:
        await gathering.take(question.statements, newest=newest)
    return snapshot, await gathering.complete()
