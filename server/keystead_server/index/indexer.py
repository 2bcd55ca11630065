# SPDX-License-Identifier: Apache-2.0
"""The indexer: follows both logs, and has the log commit to the index by one head after another.

A step, when a head is due (`specs/device-index.md`, section 6):

(1) read what is published and not covered yet; it must hash to the published checkpoints;
(2) extend the histories, and compute the next version of the map: its root is predicted;
(3) have the head appended, and wait until it is published;
(4) switch: what is served is the new head from now on.

A crash before (3) leaves histories that are ahead of the map, and nothing that anybody saw. A crash between (3) and (4)
leaves a head in the log that is not served yet: a start goes through it as `replica` does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from keystead.index.map_nodes import Version
from keystead_server.index.head_request import HeadAppender, HeadRequest, Progress
from keystead_server.index.log_tail import LoggedHead, LogTail, Published, is_head
from keystead_server.index.replica import IndexReplica

__all__ = ["IDLE_MS", "Indexer"]

IDLE_MS = 10 * 60 * 1000
"""After so long an idle log has a new head, so that its age says something."""


class _Predicted(NamedTuple):
    """A version that waits for its head."""

    request: HeadRequest
    version: Version


class Indexer(IndexReplica):
    """The index of a log that can be written.

    Args:
        folder, tail, now_ms, progress: as of an `IndexReplica`.
        append: has a head appended.

    Raises:
        StoreError: as `IndexReplica`.
    """

    def __init__(
        self,
        folder: Path,
        tail: LogTail,
        append: HeadAppender,
        now_ms: Callable[[], int],
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        super().__init__(folder, tail, now_ms, progress)
        self._append = append
        self._predicted: _Predicted | None = None
        # Up to here the statement log has nothing but heads that the last head does not cover.
        self._only_heads_up_to = 0

    def step(self) -> bool:
        """Have the next head appended and serve it, if one is due; whether it was.

        Raises:
            StoreError: as `catch_up`.
            RefusedError: the log does not take a head just now; the next step asks again.
        """
        if self._predicted is None:
            published = self._tail.published()
            if not self._due(published):
                return False
            # (1), (2)
            version = self._advance(published.issuance.size, published.statements.size, published)
            if self._position.issuance.root() != published.issuance.root:
                self._altered("issuance")
            if self._position.statements.root() != published.statements.root:
                self._altered("statements")
            request = HeadRequest(
                self._now_ms() // 1000, published.issuance.size, published.statements.size, version.root
            )
            self._predicted = _Predicted(request, version)
        # (3) Whether an append that failed took place or not, asking for the same again finds out.
        request, version = self._predicted
        leaf, logged_ms = self._append(request)
        # (4)
        self._adopt(leaf, logged_ms, version)
        self._predicted = None
        self._mark_in_time()
        return True

    def _other_tree(self, head: LoggedHead) -> None:
        del head
        # The log signed the head from its own tree, so it is the entries that are not those.
        self._altered("issuance")

    def _due(self, published: Published) -> bool:
        served = self.served
        if served is None or served.leaf in self.wrong:
            return True
        if published.issuance.size > served.issuance_size or self._now_ms() - served.time >= IDLE_MS:
            return True
        start = max(served.statements_size, self._only_heads_up_to)
        size = published.statements.size
        for entry in self._tail.statements(start, size, size):
            if not is_head(entry):
                return True
            start += 1
            self._only_heads_up_to = start
        return False
