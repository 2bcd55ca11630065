# SPDX-License-Identifier: Apache-2.0
"""Histories on disk: against a list in memory, however they grow."""

import random
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.index.history import encode_value, hash_history_leaf, page_value
from keystead.tlog.merkle import root_of
from keystead_server.index.database import IndexDatabase
from keystead_server.index.histories import BLOCK, Histories


@pytest.fixture
def database(tmp_path: Path) -> IndexDatabase:
    """An empty one."""
    return IndexDatabase(tmp_path / "index.sqlite", writable=True)


def _key(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def _value(entries: list[int]) -> bytes:
    return encode_value(len(entries), root_of([hash_history_leaf(entry) for entry in entries]))


@pytest.mark.parametrize("seed", range(5))
def test_against_a_list(database: IndexDatabase, seed: int) -> None:
    """Batches of any size, in any number of histories: values, and every page, are those of the list."""
    chance = random.Random(seed)
    histories = Histories(database)
    lists: dict[bytes, list[int]] = {}
    entry = 0
    for _ in range(40):
        changes: dict[bytes, list[int]] = {}
        for _ in range(chance.choice([1, 5, 300])):
            entry += chance.randrange(1, 5)
            changes.setdefault(_key(chance.choice([0, 0, 1, chance.randrange(30)])), []).append(entry)
        for key, entries in changes.items():
            lists.setdefault(key, []).extend(entries)
        with database.transaction():
            values = histories.extend(changes)
        assert values == {key: _value(lists[key]) for key in changes}
    assert dict(histories.values()) == {key: _value(entries) for key, entries in lists.items()}
    assert database.figures().keys == len(lists)
    for key, entries in lists.items():
        for _ in range(10):
            count = chance.randrange(1, len(entries) + 1)
            first, limit = chance.randrange(count + 3), chance.choice([1, 7, 100, 1000])
            page = histories.page(key, count, first, limit)
            assert list(page.entries) == entries[:count][first : first + limit]
            assert page_value(page) == _value(entries[:count])


@pytest.mark.parametrize(
    "length", [1, 2, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1, 1000]
)
def test_entries_that_are_there_already(database: IndexDatabase, length: int) -> None:
    """Reading the logs again changes nothing, and gives the value as of then, though the history is ahead."""
    histories = Histories(database)
    entries = list(range(0, 3 * length, 3))
    with database.transaction():
        histories.extend({_key(0): entries, _key(1): [5]})
    for count in {1, 2, length // 2, length - 1, length} - {0, -1}:
        if count > length:
            continue
        with database.transaction():
            values = histories.extend({_key(0): entries[:count]})
        assert values == {_key(0): _value(entries[:count])}
    assert dict(histories.values()) == {_key(0): _value(entries), _key(1): _value([5])}
    with database.transaction():
        values = histories.extend({_key(0): [*entries[-2:], 3 * length]})
    assert values == {_key(0): _value([*entries, 3 * length])}


def test_memory_and_rows_of_a_long_history(database: IndexDatabase) -> None:
    """An append to a long history writes a row, and now and then a few parts; a page reads some dozens of rows."""
    histories = Histories(database)
    with database.transaction():
        histories.extend({_key(0): range(100_000)})
    written = []
    database.connection.set_trace_callback(written.append)
    with database.transaction():
        histories.extend({_key(0): [100_000]})
    assert len([line for line in written if line.startswith("INSERT")]) <= 3
    written.clear()
    page = histories.page(_key(0), 100_001, 51_234, 1000)
    assert len(written) < 60
    assert page.entries == tuple(range(51_234, 52_234))
    database.connection.set_trace_callback(None)


def test_a_history_that_is_too_short(database: IndexDatabase) -> None:
    """A database that lost something makes no page."""
    histories = Histories(database)
    with database.transaction():
        histories.extend({_key(0): range(1000)})
        database.connection.execute("DELETE FROM part WHERE level = 0 AND position = 3")
    with pytest.raises(StoreError):
        histories.page(_key(0), 1001, 0, 10)
    with pytest.raises(StoreError):
        histories.page(_key(1), 1, 0, 10)
    with pytest.raises(StoreError):
        histories.page(_key(0), 1000, 3 * BLOCK, 10)
