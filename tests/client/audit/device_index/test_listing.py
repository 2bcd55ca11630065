# SPDX-License-Identifier: Apache-2.0
"""What entries are listed under comes back as it was kept, entry after entry, and is deleted when it was taken."""

import sqlite3
from hashlib import sha256

import pytest

from keystead.audit.device_index.listing import LOST, SCHEMA, Listing, list_under
from keystead.audit.device_index.position import SCHEMA as POSITION
from keystead.audit.device_index.position import IndexPosition
from keystead.errors import StoreError
from keystead.index.kinds import IndexKind, Subject, index_key

SUBJECTS = [Subject(IndexKind.DEVICE_CERTIFICATES, bytes([number]) * 32) for number in range(3)] + [
    Subject(IndexKind.UNDECODABLE, b"")
]


def database() -> sqlite3.Connection:
    """An empty one."""
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    return db


def test_entries_come_back_in_order() -> None:
    """Whatever the rows in which they were added, entries are taken one by one, from where one stopped."""
    db = database()
    listing = Listing(db, "issuance")
    hashes = [sha256(bytes([number])).digest() for number in range(6)]
    items = [list_under(SUBJECTS[: number % 5], doubtful=number == 4) for number in range(6)]
    listing.add(0, items[:2], b"".join(hashes[:2]))
    listing.add(2, items[2:3], hashes[2])
    listing.add(3, items[3:], b"".join(hashes[3:]))

    first = list(listing.take(1))
    rest = list(listing.take(6))

    assert [one.entry for one in (*first, *rest)] == list(range(6))
    assert [one.leaf_hash for one in (*first, *rest)] == hashes
    for one in (*first, *rest):
        assert one.keys == tuple(map(index_key, SUBJECTS[: one.entry % 5]))
        assert one.doubtful == (one.entry == 4)
    listing.forget()
    assert db.execute("SELECT count(*) FROM listed").fetchone() == (0,)


def test_it_goes_on_where_another_stopped() -> None:
    """A listing that is opened again goes on behind the entries that were taken, in the middle of a row."""
    db = database()
    before = Listing(db, "statements")
    Listing(db, "issuance").add(0, [list_under(SUBJECTS)])
    before.add(0, [list_under(SUBJECTS[:1])] * 3)
    assert len(list(before.take(2))) == 2
    before.forget()

    after = Listing(db, "statements", before.taken)
    after.add(3, [list_under(())])

    assert [(one.entry, one.keys) for one in after.take(4)] == [(2, (index_key(SUBJECTS[0]),)), (3, ())]


def test_entries_that_were_lost() -> None:
    """Of an entry that could not be had it is said that nothing is known."""
    listing = Listing(database(), "statements")
    listing.add(0, [LOST, list_under(())])

    assert [one.keys for one in listing.take(2)] == [None, ()]


@pytest.mark.parametrize("start", [None, 0, 3])
def test_a_damaged_state(start: int | None) -> None:
    """Where rows of the state are missing, that is said, whichever they are."""
    db = database()
    if start is not None:
        Listing(db, "issuance").add(start, [list_under(())])

    with pytest.raises(StoreError, match=r"entry 2 is listed under.*give another file"):
        list(Listing(db, "issuance", 2).take(4))


def test_a_damaged_position() -> None:
    """A position that is none says what to do."""
    db = sqlite3.connect(":memory:")
    db.executescript(POSITION)
    db.execute("INSERT INTO index_position VALUES (1, 3, x'00', 0, 0, 0, 0)")
    with pytest.raises(StoreError, match="give another file"):
        IndexPosition.load(db)
