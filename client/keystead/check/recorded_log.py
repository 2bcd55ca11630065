# SPDX-License-Identifier: Apache-2.0
"""A log as a record shows it, with every proof checked again, offline (`specs/check.md`, section 6).

(1) The index's answers are verified under the head, as when they came, and the head was fresh enough then.
(2) Both checkpoints are signed and cosigned as the reader asks. The tail, behind the frontier of what the head covers,
    leads to the root of the checkpoint; on the way it passes the root that the head names, and the checkpoints that the
    answers came with.
(3) Each entry before the tail is proven to be in the tree of the checkpoint.
(4) Issuers, policies and evidence hash to their names.

Invariant: what is asked for and is not in the record, and what is in it and was never asked for, is named.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl, urlsplit

from keystead.check.record import LogRecord, RecordedEntry, RecordedStatement, RecordedTree
from keystead.check.whole_log import WholeLog
from keystead.client.fetcher import MAX_BYTES
from keystead.client.trust import Trust
from keystead.ct.leaf import PRECERT_ENTRY, parse_merkle_tree_leaf
from keystead.ct.tile_leaf import TileLeaf
from keystead.errors import ParseError, VerificationError
from keystead.index.answer import parse_answer
from keystead.index.history import Page
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import Limits, LogIndex
from keystead.lookup.proven import EntrySource, ProvenEntry, ProvenStatement, StatementSource
from keystead.lookup.snapshot import Snapshot
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.merkle import CompactRange, hash_leaf, verify_inclusion

__all__ = ["RecordedLog"]

_NOT_KEPT = b"\x00"
"""Stands for what was submitted of a precertificate, which no hash covers."""

_Recorded = TypeVar("_Recorded", RecordedEntry, RecordedStatement)


class _RecordedObjects:
    """Issuers, policies and evidence out of a record: a `Fetcher`."""

    def __init__(self, record: LogRecord) -> None:
        self._objects: dict[str, bytes | None] = {
            **{f"issuance/issuer/{digest.hex()}": der for digest, der in record.issuers.items()},
            **{f"policy/{digest.hex()}": data for digest, data in record.policies.items()},
            **{f"evidence/{digest.hex()}": data for digest, data in record.evidence.items()},
        }
        self.unused = set(self._objects)

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:  # noqa: ARG002 -- a `Fetcher`
        """As `Fetcher.get`."""
        if path not in self._objects:
            _lacks(path)
        self.unused.discard(path)
        return self._objects[path]


class _RecordedAnswers:
    """The index's answers out of a record: a `Fetcher`."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers: dict[tuple[str, str], list[tuple[int, Page, bytes]]] = {}
        self.unused = set(range(len(answers)))
        for number, raw in enumerate(answers):
            answer = parse_answer(raw)
            subject, page = answer.subject, answer.page
            about = (subject.kind.text, subject.value.hex())
            self._answers.setdefault(about, []).append((number, page, raw))

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:  # noqa: ARG002 -- a `Fetcher`
        """As `Fetcher.get`: the page from a position on, or the last one."""
        parts = urlsplit(path)
        kind, _, value = parts.path.partition("/")
        asked = dict(parse_qsl(parts.query))
        found = self._answers.get((kind, value), [])
        if "from" in asked:
            found = [one for one in found if one[1].first == int(asked["from"])]
        else:
            most = int(asked["limit"])
            found = [one for one in found if len(one[1].entries) == min(most, one[1].count)]
        if not found:
            _lacks(path)
        number, _, raw = found[0]
        self.unused.discard(number)
        return raw


class RecordedLog(WholeLog):
    """A log as a record shows it. Made by `open`."""

    def __init__(
        self, snapshot: Snapshot, record: LogRecord, objects: _RecordedObjects, answers: _RecordedAnswers
    ) -> None:
        super().__init__(snapshot)
        trust = snapshot.trust
        self._record = record
        self._objects = objects
        self._answers = answers
        self._issuance = verify_checkpoint(record.issuance.checkpoint, trust.issuance.key)
        self._statements = verify_checkpoint(record.statements.checkpoint, trust.statements.key)
        self._placed = {_place(entry): entry for entry in record.entries}
        self._said = {_place(said): said for said in record.said}
        self._entry_source = EntrySource(trust.issuance.key.origin, objects)
        self._statement_source = StatementSource(trust.statements.key.origin)

    @classmethod
    async def open(cls, record: LogRecord, trust: Trust) -> "RecordedLog":
        """Check what a record shows: steps (1) and (2).

        Raises:
            VerificationError: something in it is not proven; `check` says what.
            ParseError: something in it cannot be read.
        """
        objects, answers = _RecordedObjects(record), _RecordedAnswers(record.answers)
        index = LogIndex(
            trust,
            objects,
            Limits(record.max_age_ms, record.max_lag),
            clock=lambda: record.asked_ms,
            prefix="",
            answers=answers,
        )
        log = cls(await index.open(POLICIES), record, objects, answers)
        head = log.head.statement
        if len(record.entry_tail) > record.max_lag:
            raise VerificationError(
                f"the record shows a head that does not cover {len(record.entry_tail)} entries, and at most "
                f"{record.max_lag} were accepted",
                check="index-too-far-behind",
            )
        entries = [parse_merkle_tree_leaf(entry.leaf) for entry in record.entry_tail]
        _check_tail(
            record.issuance,
            trust.issuance.key,
            head.issuance_size,
            [entry.leaf_hash() for entry in entries],
            log._issuance,
            [(head.issuance_size, head.issuance_root), _named(log.head.issuance)],
        )
        _check_tail(
            record.statements,
            trust.statements.key,
            head.statements_size,
            [hash_leaf(said.entry) for said in record.statement_tail],
            log._statements,
            [_named(log.head.statements)],
        )
        await log._take_tails(log._entry_tail(), log._statement_tail())
        return log

    def check_used(self) -> None:
        """Check that nothing is in the record that nobody asked for.

        Raises:
            VerificationError: `record-unused`.
        """
        unused = [
            *(f"answer {number}" for number in sorted(self._answers.unused)),
            *(f"entry {index}" for index in sorted(self._placed.keys() - self.entries.keys())),
            *(f"statement {index}" for index in sorted(self._said.keys() - self.statements.keys())),
            *sorted(self._objects.unused),
        ]
        if unused:
            raise VerificationError(
                f"the record holds what the question does not need: {', '.join(unused[:5])}",
                check="record-unused",
            )

    @property
    def issuance(self) -> VerifiedCheckpoint:
        """The checkpoint of the issuance log."""
        return self._issuance

    @property
    def statement_log(self) -> VerifiedCheckpoint:
        """The checkpoint of the statement log."""
        return self._statements

    async def _read_entries(self, indices: Iterable[int]) -> AsyncGenerator[ProvenEntry, None]:
        for index in sorted(set(indices)):
            found = _at(self._placed, index, "issuance entry")
            entry, tree = parse_merkle_tree_leaf(found.leaf), self._issuance.checkpoint
            verify_inclusion(entry.leaf_hash(), index, tree.size, found.proof, tree.root)  # (3)
            yield await self._entry(index, found)

    async def _read_statements(self, indices: Iterable[int]) -> AsyncGenerator[ProvenStatement, None]:
        tree = self._statements.checkpoint
        for index in sorted(set(indices)):
            found = _at(self._said, index, "statement")
            leaf_hash = hash_leaf(found.entry)
            verify_inclusion(leaf_hash, index, tree.size, found.proof, tree.root)  # (3)
            yield self._statement_source.one(self._statements, index, found.entry, leaf_hash)

    async def _entry(self, index: int, found: RecordedEntry) -> ProvenEntry:
        entry = parse_merkle_tree_leaf(found.leaf)
        submitted = _NOT_KEPT if entry.entry_type == PRECERT_ENTRY else b""
        leaf = TileLeaf(entry, submitted, (found.issuer,) if found.issuer else ())
        return await self._entry_source.one(self._issuance, index, leaf, entry.leaf_hash())

    async def _entry_tail(self) -> AsyncIterator[ProvenEntry]:
        for index, found in enumerate(self._record.entry_tail, self.head.statement.issuance_size):
            yield await self._entry(index, found)

    async def _statement_tail(self) -> AsyncIterator[ProvenStatement]:
        for index, found in enumerate(self._record.statement_tail, self.head.statement.statements_size):
            yield self._statement_source.one(self._statements, index, found.entry, hash_leaf(found.entry))


def _check_tail(
    recorded: RecordedTree,
    key: LogKey,
    size: int,
    leaf_hashes: Sequence[bytes],
    checkpoint: VerifiedCheckpoint,
    passed: Sequence[tuple[int, bytes]],
) -> None:
    """Check that leaves are all that stands between what the head covers and a checkpoint: step (2).

    Args:
        recorded: the frontier.
        key: of the log, for the sentence.
        size: leaves that the head covers.
        leaf_hashes: those of the tail.
        checkpoint: that the tail must lead to.
        passed: (size, root) of trees of which it is known that the checkpoint extends them.
    """
    try:
        tree = CompactRange(size, recorded.frontier)
    except ParseError as error:
        raise VerificationError(f"the record's {error}", check="record-tail") from error
    roots = {tree.size: tree.root()}
    wanted = {passed_size for passed_size, _ in passed}
    for leaf_hash in leaf_hashes:
        tree.append(leaf_hash)
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    roots[tree.size] = tree.root()
    for passed_size, root in (*passed, _named(checkpoint)):
        if roots.get(passed_size) != root:
            raise VerificationError(
                f"the record does not show all of {key.origin} behind the head: its entries do not lead to the root at "
                f"size {passed_size}",
                check="record-tail",
                evidence={"checkpoint": checkpoint.raw},
            )


def _named(checkpoint: VerifiedCheckpoint) -> tuple[int, bytes]:
    return checkpoint.checkpoint.size, checkpoint.checkpoint.root


def _place(found: _Recorded) -> int:
    assert found.index is not None  # noqa: S101 -- `parse_record` makes no other
    return found.index


def _at(found: dict[int, _Recorded], index: int, what: str) -> _Recorded:
    if index not in found:
        _lacks(f"{what} {index}")
    return found[index]


def _lacks(what: str) -> NoReturn:
    raise VerificationError(
        f"the record lacks {what}, which the question needs: it was cut, or its question altered",
        check="record-incomplete",
    )
