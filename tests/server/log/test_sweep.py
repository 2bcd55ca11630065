# SPDX-License-Identifier: Apache-2.0
"""Partial tiles go when they have been replaced for long enough, and nothing else ever goes."""

import pytest

from keystead.errors import StoreError
from keystead_server.log.sweep import PartialTileSweeper
from keystead_server.storage.memory import MemoryBlobStore
from support.small_log import SmallLog, check_log
from support.store_sites import MemorySite, StorePair

HOUR = 3_600_000


def sizes(log: SmallLog) -> dict[str, int]:
    """What is published."""
    return {"issuance/": log.issuance.size, "statements/": log.statements.size}


def entries(first: int, count: int) -> list[bytes]:
    """Entries that differ."""
    return [b"entry %d" % number for number in range(first, first + count)]


def partials(stores: StorePair) -> set[str]:
    """The partial tiles and bundles in the store."""
    return {path for path in stores.blobs.list("") if ".p/" in path}


@pytest.fixture
def stores(tmp_path_factory: pytest.TempPathFactory) -> StorePair:
    """Stores in memory."""
    return MemorySite(tmp_path_factory.getbasetemp()).open()


def test_partial_tiles_go_once_the_full_one_is_published_long_enough(stores: StorePair) -> None:
    """Hash tiles of every level and bundles, of both logs; the ones at the edge stay."""
    log = SmallLog(stores)
    sweeper = PartialTileSweeper(stores.blobs, HOUR)
    assert sweeper.sweep(sizes(log), 0) == 0
    log.append(entries(0, 100), entries(0, 200))
    log.append(entries(100, 100))
    assert sweeper.sweep(sizes(log), 1000) == 0
    log.append(entries(200, 100), entries(200, 100))
    old = {
        "issuance/tile/0/000.p/100",
        "issuance/tile/0/000.p/200",
        "issuance/tile/data/000.p/100",
        "issuance/tile/data/000.p/200",
        "statements/tile/0/000.p/1",
        "statements/tile/0/000.p/201",
        "statements/tile/entries/000.p/1",
        "statements/tile/entries/000.p/201",
    }
    before = set(stores.blobs.list(""))
    assert old < before

    assert sweeper.sweep(sizes(log), 2000) == 0
    assert sweeper.sweep(sizes(log), 2000 + HOUR - 1) == 0
    assert set(stores.blobs.list("")) == before
    assert sweeper.sweep(sizes(log), 2000 + HOUR) == len(old)

    assert before - set(stores.blobs.list("")) == old
    assert len(check_log(stores).issuance) == 300
    assert sweeper.sweep(sizes(log), 10 * HOUR) == 0


def test_what_a_restart_left_is_found_and_its_age_counts_anew(stores: StorePair) -> None:
    """A new process does not know when a full tile was published."""
    log = SmallLog(stores)
    for number in range(6):
        log.append(entries(number * 50, 50))
    sweeper = PartialTileSweeper(stores.blobs, HOUR)

    assert sweeper.sweep(sizes(log), HOUR) == 0
    assert sweeper.sweep(sizes(log), 2 * HOUR - 1) == 0
    assert sweeper.sweep(sizes(log), 2 * HOUR) == 10

    assert partials(stores) == {
        "issuance/tile/0/001.p/44",
        "issuance/tile/1/000.p/1",
        "issuance/tile/data/001.p/44",
        "statements/tile/0/000.p/1",
        "statements/tile/entries/000.p/1",
    }
    check_log(stores)


def test_upper_levels_are_swept_too() -> None:
    """A tile of level 1 that became full, by the sizes alone."""
    blobs = MemoryBlobStore()
    full = {"issuance/tile/1/000": bytes(8192)}
    partial = {f"issuance/tile/1/000.p/{width}": bytes(32 * width) for width in (1, 100, 255)}
    edge = {"issuance/tile/2/000.p/1": bytes(32), "issuance/tile/1/001.p/1": bytes(32)}
    blobs.put({**full, **partial, **edge})
    sweeper = PartialTileSweeper(blobs, 0)

    assert sweeper.sweep({"issuance/": 65_535}, 0) == 0
    assert sweeper.sweep({"issuance/": 65_536}, 0) == 3

    assert set(blobs.objects) == {*full, *edge}


def test_a_partial_tile_stays_where_its_full_one_is_missing(stores: StorePair) -> None:
    """Then it is all there is."""
    log = SmallLog(stores)
    log.append(entries(0, 100))
    log.append(entries(100, 200))
    stores.blobs.delete("issuance/tile/0/000")
    before = partials(stores)

    assert PartialTileSweeper(stores.blobs, 0).sweep(sizes(log), 0) == 1

    assert before - partials(stores) == {"issuance/tile/data/000.p/100"}


def test_a_full_tile_that_is_stored_and_not_published_replaces_nothing(stores: StorePair) -> None:
    """The published size decides, not what lies in the store."""
    log = SmallLog(stores)
    log.append(entries(0, 100))
    log.append(entries(100, 200))
    before = partials(stores)
    sweeper = PartialTileSweeper(stores.blobs, 0)

    assert sweeper.sweep({"issuance/": 100, "statements/": 1}, 0) == 0

    assert partials(stores) == before


def test_nothing_else_is_touched(stores: StorePair) -> None:
    """Whatever it looks like."""
    log = SmallLog(stores)
    log.append(entries(0, 300))
    strange = {
        "issuance/tile/data/000.p/256": b"",
        "issuance/tile/data/000.p/01": b"",
        "issuance/tile/data/000.p/1/2": b"",
        "issuance/tile/names/000.p/1": b"",
        "issuance/tile/data/0.p/1": b"",
        "other/tile/data/000.p/1": b"",
        "evidence/000.p/1": b"",
    }
    stores.blobs.put(strange)
    sweeper = PartialTileSweeper(stores.blobs, 0)
    sweeper.sweep(sizes(log), 0)

    assert set(strange) <= set(stores.blobs.list(""))


def test_a_clock_that_jumps_back_only_makes_partial_tiles_stay(stores: StorePair) -> None:
    """And one failing store call loses nothing from the queue."""
    log = SmallLog(stores)
    sweeper = PartialTileSweeper(stores.blobs, HOUR)
    sweeper.sweep(sizes(log), 5 * HOUR)
    log.append(entries(0, 100))
    log.append(entries(100, 200))
    sweeper.sweep(sizes(log), 5 * HOUR)
    assert sweeper.sweep(sizes(log), 0) == 0

    def fault(operation: str, name: str) -> None:
        if operation == "delete":
            raise StoreError("not now")

    assert isinstance(stores.blobs, MemoryBlobStore)
    stores.blobs.fault = fault
    with pytest.raises(StoreError, match="not now"):
        sweeper.sweep(sizes(log), 6 * HOUR)
    stores.blobs.fault = None
    assert sweeper.sweep(sizes(log), 6 * HOUR) == 2
