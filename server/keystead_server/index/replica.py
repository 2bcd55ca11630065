# SPDX-License-Identifier: Apache-2.0
"""The index of a log, computed from its entries and brought to the log's heads, one after another.

Histories are extended first, then the map, then what is served is switched. A crash leaves histories that are ahead of
the map, and nothing that anybody saw; or a head in the log that is not served yet. So a start brings the map from where
it is on disk to the log's last head, and through every head on the way: what is computed must be what the log committed
to.

Whoever may not write to the log follows it so, on any machine; `indexer` has the log commit to what is computed.

Invariants:

* no head is served that is not in the published statement log, nor one with another root than was computed here;
* the map of a head that is kept is never written to.
"""

import logging
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from keystead.errors import StoreError
from keystead.index.kinds import index_key
from keystead.index.map_build import build_map
from keystead.index.map_nodes import EMPTY_VERSION, Version
from keystead.index.map_update import update_map
from keystead.index.mapping import subjects_of_statement
from keystead.tlog.merkle import CompactRange, hash_leaf
from keystead_server.index.database import HeadRow, IndexDatabase
from keystead_server.index.head_request import Progress
from keystead_server.index.histories import Histories
from keystead_server.index.log_tail import (
    LoggedHead,
    LogTail,
    Position,
    Published,
    decode_edge,
    encode_edge,
)
from keystead_server.index.versions import RETENTION_MS, Versions, new_generation

__all__ = ["DATABASE", "IndexReplica"]

_logger = logging.getLogger(__name__)

DATABASE = "index.sqlite"

_DURABLE_MS = 60 * 1000
# Between two syncs of the map's files: a start after a crash follows the logs from there.

_MOST_WRONG = 100

_CHUNK = 8192
# Entries of each log that are taken in one go.


class IndexReplica:
    """The index of one log. One process at a time may have it; used from one thread.

    Args:
        folder: where its files lie; made where it is absent.
        tail: both logs.
        now_ms: the clock, milliseconds since 1970.
        progress: is told while the index is built or brought up to the log.

    Attributes:
        wrong: what is wrong with heads of the log, by their leaf indices; the last hundred.

    Raises:
        StoreError: the folder cannot be used, or a file of the log is missing or altered.
    """

    def __init__(
        self,
        folder: Path,
        tail: LogTail,
        now_ms: Callable[[], int],
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        self._folder = folder
        self._tail = tail
        self._now_ms = now_ms
        self._progress = progress
        self.wrong: dict[int, str] = {}
        self._spent = 0.0
        self._marked_ms = now_ms()
        self._last_head_is_wrong = False
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder} cannot be made a folder: {error.strerror}") from error
        self._open()

    def _open(self) -> None:
        try:
            self._open_files()
        except StoreError as error:
            # Nothing is lost but time.
            _logger.warning("the index is built again: %s", error)
            self.discard(self._folder)
            self._open_files()

    def _open_files(self) -> None:
        self._database = IndexDatabase(self._folder / DATABASE, writable=True)
        try:
            generation = self._database.generation()
            if generation is None or self._database.durable() is None:
                # No version is on disk: new files for the map. A build that was cut short goes on with its histories.
                nothing = encode_edge(CompactRange())
                progress = (nothing, nothing) if generation is None else self._database.build_progress()
                if progress == (nothing, nothing):
                    self._database.forget_histories()
                self._remove_maps()
                generation = new_generation()
                self._database.write_build(generation, *progress)
            self._versions = Versions(self._folder, self._database, generation)
        except BaseException:
            self._database.close()
            raise
        self._histories = Histories(self._database)
        if self._versions.rows:
            newest = self._versions.rows[-1]
            self._position = Position(decode_edge(newest.issuance), decode_edge(newest.statements))
        else:
            issuance, statements = self._database.build_progress()
            self._position = Position(decode_edge(issuance), decode_edge(statements))

    def _remove_maps(self) -> None:
        for name in ("inner-*", "leaves-*"):
            for path in self._folder.glob(name):
                path.unlink()

    @staticmethod
    def discard(folder: Path) -> None:
        """Delete an index; nobody may have it open for writing."""
        for name in (f"{DATABASE}*", "inner-*", "leaves-*"):
            for path in folder.glob(name):
                path.unlink()

    @property
    def served(self) -> HeadRow | None:
        """The head that is served; None before there is one."""
        return self._versions.rows[-1] if self._versions.rows else None

    def catch_up(self) -> None:
        """Bring the map to the log's last head, through all that are new, and to disk.

        Raises:
            StoreError: a file of the log is missing or altered, or the index's files cannot be written.
        """
        self.follow()
        if self._versions.rows:
            self._versions.make_durable()

    def follow(self) -> int:
        """As `catch_up`, with the disk's turn once a minute; how many heads there were.

        Raises:
            StoreError: as `catch_up`.
        """
        published = self._tail.published()
        served = self.served
        if served is None:
            # A build begins at the oldest head that is still answered under.
            heads = self._tail.heads(-1, RETENTION_MS, published.statements.size)
        else:
            heads = self._tail.heads(served.leaf, None, published.statements.size)
        for head in heads:
            if not self._is_possible(head, published):
                self._report(head, "it covers less than the head before it, or more than the log has")
            elif self.served is None:
                self._build(head, published)
            else:
                self._replay(head, published)
        self._mark_in_time()
        return len(heads)

    def _is_possible(self, head: LoggedHead, published: Published) -> bool:
        statement, position = head.statement, self._position
        return (
            position.issuance.size <= statement.issuance_size <= published.issuance.size
            and position.statements.size <= statement.statements_size <= head.leaf
        )

    def _mark_in_time(self) -> None:
        if not self._versions.rows:
            return
        if self._versions.durable_leaf < 0 or self._now_ms() - self._marked_ms >= _DURABLE_MS:
            self._versions.make_durable()
            self._marked_ms = self._now_ms()

    def _build(self, head: LoggedHead, published: Published) -> None:
        """The first version: histories first, then the map in one pass over them."""
        statement = head.statement
        total = statement.issuance_size + statement.statements_size
        while changes := self._read(statement.issuance_size, statement.statements_size, published):
            with self._database.transaction():
                self._histories.extend(changes)
                self._database.write_build(
                    self._database.generation() or "",
                    encode_edge(self._position.issuance),
                    encode_edge(self._position.statements),
                )
            self._progress(self._position.issuance.size + self._position.statements.size, total)
        if total > _CHUNK:
            _logger.warning("the index's histories are complete: the map over them is being made")
        version = build_map(self._versions.nodes, self._all_values(total))
        self._adopt_logged(head, version)
        # From here on the histories may be ahead of what `build_progress` says.
        self._versions.make_durable()

    def _all_values(self, total: int) -> Iterator[tuple[bytes, bytes]]:
        for number, pair in enumerate(self._histories.values()):
            if number % _CHUNK == 0:
                self._progress(total, total)
            yield pair

    def _replay(self, head: LoggedHead, published: Published) -> None:
        statement = head.statement
        version = self._advance(statement.issuance_size, statement.statements_size, published)
        self._adopt_logged(head, version)

    def _adopt_logged(self, head: LoggedHead, version: Version) -> None:
        if self._position.issuance.root() != head.statement.issuance_root:
            self._other_tree(head)
        if version.root != head.statement.map_root:
            self._report(head, f"the logs lead to the map root {version.root.hex()}")
        # A wrong head is kept as the place from which the next one follows, under the roots that are right: an answer
        # under it does not verify, and none is given.
        self._adopt(head.leaf, head.time, version)

    def _other_tree(self, head: LoggedHead) -> None:
        """The head names another root of the issuance log than its entries have."""
        self._report(head, "it names a root that the issuance log never had")

    def _report(self, head: LoggedHead, why: str) -> None:
        _logger.error("the log committed to a wrong index at statement %d: %s", head.leaf, why)
        self.wrong[head.leaf] = why
        while len(self.wrong) > _MOST_WRONG:
            del self.wrong[min(self.wrong)]

    def _altered(self, log: str) -> NoReturn:
        # What was read went into the histories already.
        self.close()
        self.discard(self._folder)
        raise StoreError(
            f"the entries of {log}/tile do not hash to the signed tree: restore them from a backup or a mirror"
        )

    def _adopt(self, leaf: int, logged_ms: int, version: Version) -> None:
        row = HeadRow(
            leaf,
            logged_ms,
            encode_edge(self._position.issuance),
            encode_edge(self._position.statements),
            version.root,
            version.top,
        )
        self._versions.adopt(row, version, self._now_ms(), self._spent)
        self._spent = 0.0

    def _advance(self, issuance: int, statements: int, published: Published) -> Version:
        """The version that covers so much of the logs, from the newest one that is kept."""
        started = time.perf_counter()
        version = self._versions.version if self._versions.rows else EMPTY_VERSION
        retired_inner, retired_leaves = array("I"), array("I")
        while changes := self._read(issuance, statements, published):
            with self._database.transaction():
                values = self._histories.extend(changes)
            version = update_map(self._versions.nodes, version, values)
            retired_inner += version.retired_inner
            retired_leaves += version.retired_leaves
            self._progress(
                self._position.issuance.size + self._position.statements.size, issuance + statements
            )
        self._spent += time.perf_counter() - started
        return Version(version.top, version.root, retired_inner, retired_leaves)

    def _read(self, issuance: int, statements: int, published: Published) -> dict[bytes, list[int]]:
        """What the next entries are listed under, by map key; empty when there are no more to read."""
        changes: dict[bytes, list[int]] = {}
        while not changes:
            position = self._position
            start = position.issuance.size
            stop = min(issuance, start + _CHUNK)
            for index, leaf in enumerate(self._tail.issuance(start, stop, published.issuance.size), start):
                position.issuance.append(leaf.entry.leaf_hash())
                for subject in self._tail.subjects(leaf):
                    changes.setdefault(index_key(subject), []).append(index)
            first = position.statements.size
            last = min(statements, first + _CHUNK)
            for index, entry in enumerate(
                self._tail.statements(first, last, published.statements.size), first
            ):
                position.statements.append(hash_leaf(entry))
                for subject in subjects_of_statement(entry):
                    changes.setdefault(index_key(subject), []).append(index)
            if start == stop and first == last:
                break
        return changes

    def close(self) -> None:
        """Let go of the files, the newest head brought to disk where that is possible."""
        try:
            if self._versions.rows:
                self._versions.make_durable()
        finally:
            self._versions.close()
            self._database.close()
