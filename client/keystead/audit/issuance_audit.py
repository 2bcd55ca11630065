# SPDX-License-Identifier: Apache-2.0
"""The issuance log, read whole: its tree, and what each entry states.

Entries of a data tile are checked by `issuance.read_data_tile`, in other processes where there are some; here bundles
are put in order, times are compared across them, and facts are kept.
"""

from keystead.audit.chains import split_chain
from keystead.audit.data_tile import split_data_tile
from keystead.audit.device_index.heads import HeadCheck
from keystead.audit.device_index.listing import LOST
from keystead.audit.files import LogFiles
from keystead.audit.heads import Heads, known_head
from keystead.audit.issuance import EntryFacts, TileJob, TileResult, read_data_tile
from keystead.audit.issuers import Issuers
from keystead.audit.problem import Problem
from keystead.audit.progress import Progress
from keystead.audit.state import ISSUANCE, AuditState
from keystead.audit.tree_reader import BundleReading, ReadBundle, StoredBundle, TreeReader
from keystead.client.trust import IssuanceTrust
from keystead.client.workers import Workers
from keystead.errors import ParseError
from keystead.tlog.checkpoint import VerifiedCheckpoint
from keystead.tlog.merkle import HASH_SIZE
from keystead.tlog.tiles import TILE_WIDTH

__all__ = ["IssuanceAudit"]


class IssuanceAudit:
    """The audit of one issuance log.

    Args:
        files: of the log.
        trust: its keys.
        state: the facts so far, which entries are added to.
        index: what entries are listed under is told to it.
        workers: where entries are checked.
        progress: is told of each entry.
        hashes_only: hash entries, and do not read them.

    Attributes:
        issuers: the certificates above the entries.
        problems: what is wrong.
    """

    def __init__(
        self,
        files: LogFiles,
        trust: IssuanceTrust,
        state: AuditState,
        index: HeadCheck,
        workers: Workers,
        progress: Progress,
        *,
        hashes_only: bool,
    ) -> None:
        self.issuers = Issuers(files, trust.key.origin)
        self.problems: list[Problem] = []
        self._files = files
        self._origin = trust.key.origin
        self._state = state
        self._index = index
        self._workers = workers
        self._progress = progress
        self._hashes_only = hashes_only
        self._old_size = state.edge(ISSUANCE).size
        old = known_head(state, ISSUANCE, trust.key)
        self._old_time = -1 if old is None or old.timestamp is None else old.timestamp
        self._last_time = state.number("issuance_time")
        self._last_index = -1

    async def run(self, heads: Heads, head: VerifiedCheckpoint) -> bool:
        """Read every new entry under a checkpoint; whether the tree was reached whole.

        Args:
            heads: that were read.
            head: the later issuance checkpoint of them.
        """
        reader = TreeReader(
            self._files,
            "issuance",
            "data",
            head.checkpoint,
            self._read,
            start=self._state.edge(ISSUANCE),
            ahead=4 + 2 * self._workers.jobs,
        )
        async for bundle in reader.bundles():
            self._keep(bundle, heads.first)
            self._progress.advance(bundle.start + bundle.width - max(bundle.start, self._old_size))
        edge = reader.finish()
        self.problems += reader.problems
        if head.timestamp is not None and head.timestamp < self._last_time:
            sentence = f"the tree head is dated before entry {self._last_index}, which is under it"
            self._problem("tree-head-too-early", sentence, self._last_index)
        self._state.set_number("issuance_time", max(self._last_time, 0))
        if edge is not None:
            self._state.set_tree(ISSUANCE, head.raw, edge)
        return edge is not None

    async def _read(self, stored: StoredBundle) -> BundleReading[TileResult]:
        start = stored.index * TILE_WIDTH
        issuers = None if self._hashes_only else await self._issuers_of(stored, start)
        job = TileJob(start, stored.data, stored.stored, stored.width, issuers, self._index.wanted)
        result = await self._workers.run(read_data_tile, job)
        return BundleReading(result.hashes, result.error, result)

    async def _issuers_of(self, stored: StoredBundle, start: int) -> dict[bytes, bytes]:
        try:
            spans = split_data_tile(stored.data, stored.stored)[: stored.width]
        except ParseError:
            return {}  # which the reading complains about
        found: dict[bytes, bytes] = {}
        chains = {span.chain: start + at for at, span in reversed(list(enumerate(spans)))}
        for chain, index in chains.items():
            found |= await self.issuers.find(split_chain(chain), f"entry {index}", index)
        return found

    def _keep(self, bundle: ReadBundle[TileResult], first: VerifiedCheckpoint | None) -> None:
        result = bundle.content
        new = range(max(bundle.start, self._old_size), bundle.start + bundle.width)
        good = [index for index in new if index - bundle.start not in bundle.doubtful] if result else []
        if result is not None:
            for index in good:
                self._judge_time(index, result.times[index - bundle.start], first)
            known = set(good)
            for flaw in result.flaws:
                if bundle.start + flaw.at in known:
                    self._problem(flaw.code, flaw.sentence, bundle.start + flaw.at, signed=flaw.signed)
        if self._hashes_only:
            return
        facts: dict[int, EntryFacts] = {}
        if result is not None:
            facts = {index: result.facts[index - bundle.start] for index in good}
        self._state.add_entries([(index, facts.get(index)) for index in new])
        if not self._index.wanted:
            return
        self._index.list_entries(
            new.start,
            [LOST if result is None or at not in facts else result.listed[at - bundle.start] for at in new],
            b"" if result is None else result.hashes[(new.start - bundle.start) * HASH_SIZE :],
        )

    def _judge_time(self, index: int, time: int, first: VerifiedCheckpoint | None) -> None:
        if time < self._last_time:
            self._problem("time-goes-back", f"entry {index} is dated before the one before it", index)
        elif time <= self._old_time or _contradicts(first, index, time):
            sentence = (
                f"entry {index} is not dated later than a tree head that was signed before it was there"
            )
            self._problem("batch-not-later", sentence, index)
        if time >= self._last_time:
            self._last_time, self._last_index = time, index

    def _problem(self, code: str, sentence: str, index: int, *, signed: bool = True) -> None:
        self.problems.append(Problem(code, self._origin, sentence, index, signed=signed))


def _contradicts(first: VerifiedCheckpoint | None, index: int, time: int) -> bool:
    """Whether an entry is dated as early as a tree head that does not have it."""
    if first is None or first.timestamp is None or index < first.checkpoint.size:
        return False
    return time <= first.timestamp
