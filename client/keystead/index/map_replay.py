# SPDX-License-Identifier: Apache-2.0
"""The map computed again, batch after batch, by whoever compares it with what a log committed to.

Histories are kept as compact ranges: what is needed to append an entry and to know the root, and nothing to read a
page from. They lie where the caller says; the map's nodes lie in memory that the caller gives, and only the newest
version is kept. What is begun again over histories that are there makes their map in one pass, at the first root
that is asked for.

Costs, for each key that a batch changes among N keys of a map: a read and a write of its history, and some
log2(N / batch) + 1.5 hashes of the map, 2 to 3 microseconds each. Memory: 113 bytes a key for the map, and a batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from keystead.index.history import encode_value, hash_history_leaf
from keystead.index.map_build import build_map
from keystead.index.map_nodes import MapNodes, Version
from keystead.index.map_update import update_map
from keystead.tlog.merkle import HASH_SIZE, CompactRange

__all__ = ["HistoryStore", "KeptHistory", "MapReplay"]

_MOST_CHANGED = 1 << 17
# Values that wait for the next root.


class KeptHistory(NamedTuple):
    """What is kept of a history.

    Attributes:
        size: how many entries it has.
        edge: the roots of its maximal complete subtrees, one after the other; of one entry the leaf hash.
    """

    size: int
    edge: bytes

    def value(self) -> bytes:
        """What the map holds for it."""
        root = self.edge if len(self.edge) == HASH_SIZE else _tree(self).root()
        return encode_value(self.size, root)


class HistoryStore(Protocol):
    """Where histories lie, by their keys in the map."""

    def read(self, keys: Sequence[bytes]) -> dict[bytes, KeptHistory]:
        """The histories of those keys that have one; `keys` ascend."""

    def write(self, histories: Mapping[bytes, KeptHistory]) -> None:
        """Keep histories; the keys ascend."""

    def scan(self) -> Iterable[tuple[bytes, KeptHistory]]:
        """Every history, by ascending keys."""


class MapReplay:
    """One map, brought forward.

    Args:
        histories: those so far, which are added to.
        nodes: where the map's nodes will lie; empty.
    """

    def __init__(self, histories: HistoryStore, nodes: MapNodes) -> None:
        self._histories = histories
        self._nodes = nodes
        self._version: Version | None = None
        self._changed: dict[bytes, bytes] = {}

    def extend(self, changes: Mapping[bytes, Sequence[int]]) -> None:
        """Add entries to histories.

        Args:
            changes: by key, indices of entries, which ascend and come after all that the history has.
        """
        keys = sorted(changes)
        known = self._histories.read(keys)
        written: dict[bytes, KeptHistory] = {}
        changed = self._changed
        for key in keys:
            entries = changes[key]
            history = known.get(key)
            if history is None and len(entries) == 1:
                # Most keys are new, and most of them have one entry: the tree is its leaf.
                grown = KeptHistory(1, hash_history_leaf(entries[0]))
            else:
                tree = CompactRange() if history is None else _tree(history)
                tree.extend(map(hash_history_leaf, entries))
                grown = KeptHistory(tree.size, b"".join(tree.hashes))
            written[key] = grown
            changed[key] = grown.value()
        self._histories.write(written)
        if len(changed) >= _MOST_CHANGED:
            self._settle()

    def root(self) -> bytes:
        """The root of the map over all that was added."""
        if self._version is None:
            pairs = ((key, history.value()) for key, history in self._histories.scan())
            self._version = build_map(self._nodes, pairs)
            self._changed.clear()
        self._settle()
        return self._version.root

    def _settle(self) -> None:
        """Bring what changed into the map; before it is made, its histories have it."""
        if self._version is not None and self._changed:
            version = update_map(self._nodes, self._version, self._changed)
            self._nodes.release(version)
            self._version = Version(version.top, version.root)
        self._changed.clear()


def _tree(history: KeptHistory) -> CompactRange:
    edge = history.edge
    return CompactRange(history.size, [edge[at : at + HASH_SIZE] for at in range(0, len(edge), HASH_SIZE)])
