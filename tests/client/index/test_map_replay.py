# SPDX-License-Identifier: Apache-2.0
"""A map brought forward batch after batch has, at every moment, the root of the definition."""

import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

import pytest

from keystead.index import map_replay
from keystead.index.map_nodes import memory_nodes
from keystead.index.map_replay import KeptHistory, MapReplay
from keystead.tlog.merkle import root_of
from support.map_model import map_root


class KeptInMemory:
    """A `HistoryStore`."""

    def __init__(self) -> None:
        self.kept: dict[bytes, KeptHistory] = {}

    def read(self, keys: Sequence[bytes]) -> dict[bytes, KeptHistory]:
        """As the protocol says."""
        assert list(keys) == sorted(keys)
        return {key: self.kept[key] for key in keys if key in self.kept}

    def write(self, histories: Mapping[bytes, KeptHistory]) -> None:
        """As the protocol says."""
        self.kept.update(histories)

    def scan(self) -> Iterator[tuple[bytes, KeptHistory]]:
        """As the protocol says."""
        return iter(sorted(self.kept.items()))


def expected(histories: Mapping[bytes, list[int]]) -> bytes:
    """The root of the map over histories, by definition."""
    return map_root(
        {
            key: len(entries).to_bytes(8)
            + root_of([sha256(b"\x00" + entry.to_bytes(8)).digest() for entry in entries])
            for key, entries in histories.items()
        }
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most_changed", [3, 1 << 17])
def test_every_root(seed: int, most_changed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots asked for after any batches, by replays begun anew at any moment, are those of the definition."""
    monkeypatch.setattr(map_replay, "_MOST_CHANGED", most_changed)
    chance = random.Random(seed)
    keys = [chance.randbytes(32) for _ in range(60)]
    store = KeptInMemory()
    replay = MapReplay(store, memory_nodes())
    histories: dict[bytes, list[int]] = {}
    entry = 0
    for _ in range(60):
        changes: dict[bytes, list[int]] = {}
        for _ in range(chance.randrange(5)):
            for key in chance.sample(keys, chance.choice([1, 1, 4])):
                changes.setdefault(key, []).append(entry)
                histories.setdefault(key, []).append(entry)
            entry += chance.choice([1, 7])
        replay.extend(changes)
        if chance.random() < 0.5:
            assert replay.root() == expected(histories)
        if chance.random() < 0.1:
            replay = MapReplay(store, memory_nodes())
    assert replay.root() == expected(histories)


def test_nothing_at_all() -> None:
    """The map over nothing is the empty one, and grows from there."""
    replay = MapReplay(KeptInMemory(), memory_nodes())
    assert replay.root() == expected({})
    replay.extend({b"k" * 32: [5]})
    assert replay.root() == expected({b"k" * 32: [5]})
