# SPDX-License-Identifier: Apache-2.0
"""What every `HeadStore` promises."""

import threading
from random import Random

import pytest

from keystead.errors import StoreError
from keystead_server.storage.interface import ConflictError, Heads, Row
from support.store_sites import Site, StorePair

FIRST = Heads(b"issuance 1", b"statements 1", 1_700_000_000_000)
SECOND = Heads(b"issuance 2", b"statements 1", 1_700_000_000_001)
THIRD = Heads(b"issuance 3", b"statements 2", 1_700_000_000_002)


def test_a_new_store_has_no_heads(stores: StorePair) -> None:
    """Before the first commit, to whoever asks."""
    assert stores.heads.heads() is None
    assert stores.heads.take_over() is None


def test_a_commit_moves_the_heads_and_writes_the_rows(stores: StorePair) -> None:
    """Both, and seen by another object on the same store."""
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [Row(1, b"key", b"value"), Row(2, b"key", b"other")])

    assert stores.heads.heads() == FIRST
    assert stores.heads.get(1, b"key") == b"value"
    assert stores.heads.get(2, b"key") == b"other"


def test_commits_are_there_when_the_store_is_opened_anew(site: Site) -> None:
    """Nothing is kept in the object that wrote."""
    first = site.open()
    first.heads.take_over()
    first.heads.commit(None, FIRST, [Row(1, b"key", b"value")])
    first.heads.commit(FIRST, SECOND, [])
    first.close()

    second = site.open()

    assert second.heads.take_over() == SECOND
    assert second.heads.get(1, b"key") == b"value"
    second.close()


@pytest.mark.parametrize(
    "expected",
    [
        None,
        SECOND,
        Heads(b"", FIRST.statements, FIRST.time),
        Heads(FIRST.issuance, b"", FIRST.time),
        Heads(FIRST.issuance, FIRST.statements, 0),
    ],
)
def test_a_commit_on_other_heads_changes_nothing(stores: StorePair, expected: Heads | None) -> None:
    """Either checkpoint, the time, and whether there are any: all is compared."""
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [])

    with pytest.raises(ConflictError):
        stores.heads.commit(expected, THIRD, [Row(1, b"key", b"value")])

    assert stores.heads.heads() == FIRST
    assert stores.heads.get(1, b"key") is None


def test_a_first_commit_is_refused_where_none_is_the_first(stores: StorePair) -> None:
    """Expected heads that are not there are a conflict, too."""
    stores.heads.take_over()

    with pytest.raises(ConflictError):
        stores.heads.commit(FIRST, SECOND, [])

    assert stores.heads.heads() is None


def test_only_the_last_to_take_over_can_commit(site: Site) -> None:
    """The one before is told, and asked beforehand says so itself."""
    old, new = site.open(), site.open()
    old.heads.take_over()
    old.heads.commit(None, FIRST, [])
    assert old.heads.held()

    assert new.heads.take_over() == FIRST

    assert not old.heads.held()
    assert new.heads.held()
    with pytest.raises(ConflictError):
        old.heads.commit(FIRST, SECOND, [Row(1, b"key", b"value")])
    assert new.heads.heads() == FIRST
    assert new.heads.get(1, b"key") is None
    new.heads.commit(FIRST, SECOND, [])
    assert old.heads.heads() == SECOND
    old.close()
    new.close()


def test_who_never_took_over_cannot_commit(stores: StorePair) -> None:
    """A front end that only reads holds nothing."""
    assert not stores.heads.held()
    with pytest.raises(ConflictError):
        stores.heads.commit(None, FIRST, [])
    assert stores.heads.heads() is None


def test_a_row_never_changes(stores: StorePair) -> None:
    """The commit that would change it does not happen, with all that is in it."""
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [Row(1, b"key", b"value")])

    with pytest.raises(StoreError, match="another value") as caught:
        stores.heads.commit(FIRST, SECOND, [Row(1, b"new", b"value"), Row(1, b"key", b"changed")])

    assert not isinstance(caught.value, ConflictError)
    assert stores.heads.heads() == FIRST
    assert stores.heads.get(1, b"key") == b"value"
    assert stores.heads.get(1, b"new") is None


def test_a_batch_that_contradicts_itself_is_refused(stores: StorePair) -> None:
    """Two values for one key, in one commit."""
    stores.heads.take_over()

    with pytest.raises(StoreError, match="another value"):
        stores.heads.commit(None, FIRST, [Row(1, b"key", b"a"), Row(1, b"key", b"b")])

    assert stores.heads.heads() is None
    assert stores.heads.get(1, b"key") is None


def test_a_row_may_be_written_again_with_the_same_value(stores: StorePair) -> None:
    """In one commit or in two, and what is new beside it is written."""
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [Row(1, b"key", b"value"), Row(1, b"key", b"value")])
    stores.heads.commit(FIRST, SECOND, [Row(1, b"key", b"value"), Row(1, b"new", b"")])

    assert dict(stores.heads.scan(1)) == {b"key": b"value", b"new": b""}


def test_a_failed_commit_can_be_followed_by_a_good_one(stores: StorePair) -> None:
    """A conflict or a bad row leaves no transaction open."""
    stores.heads.take_over()
    with pytest.raises(ConflictError):
        stores.heads.commit(FIRST, SECOND, [])
    with pytest.raises(StoreError):
        stores.heads.commit(None, FIRST, [Row(1, b"key", b"a"), Row(1, b"key", b"b")])
    stores.heads.commit(None, FIRST, [Row(1, b"key", b"a")])

    assert stores.heads.heads() == FIRST


def test_rows_are_read_one_at_a_time(stores: StorePair) -> None:
    """What is absent is None."""
    random = Random(3)
    rows = [Row(7, random.randbytes(32), random.randbytes(16)) for _ in range(1000)]
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, rows)

    assert all(stores.heads.get(7, row.key) == row.value for row in rows)
    assert stores.heads.get(7, b"absent") is None
    assert stores.heads.get(8, rows[0].key) is None


def test_a_row_and_a_short_list_are_looked_up_together(stores: StorePair) -> None:
    """Each may be absent, both may be of one space, and no neighbour is among them."""
    last = b"\xff" * 32
    listed = [
        Row(5, prefix + end, prefix) for prefix in (b"a" * 32, b"b" * 32, last) for end in (b"", b"1", b"2")
    ]
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [Row(1, b"a" * 32, b"place"), Row(4, b"a" * 33, b""), *listed])

    def rows(prefix: bytes) -> list[tuple[bytes, bytes]]:
        return [(row.key, row.value) for row in listed if row.value == prefix]

    look_up = stores.heads.look_up
    assert look_up(1, b"a" * 32, 5, b"a" * 32) == (b"place", rows(b"a" * 32))
    assert look_up(1, b"b" * 32, 5, b"b" * 32) == (None, rows(b"b" * 32))
    assert look_up(1, b"a" * 32, 5, b"c" * 32) == (b"place", [])
    assert look_up(5, b"a" * 32, 5, last) == (b"a" * 32, rows(last))
    assert look_up(1, b"c" * 32, 6, b"a" * 32) == (None, [])


def test_scanning_gives_the_rows_under_a_prefix_from_a_key_on(stores: StorePair) -> None:
    """Ascending by key as bytes, in one space; pages do not show."""
    random = Random(4)
    keys = {
        bytes((random.choice((0, 1, 255)), random.choice((0, 254, 255)))) + random.randbytes(2)
        for _ in range(1700)
    }
    keys |= {b"", b"\xff", b"\xff\xff", b"\xff\xff\xff", b"\xff" * 300, b"\x00"}
    stores.heads.take_over()
    stores.heads.commit(
        None, FIRST, [Row(1, key, key[::-1]) for key in sorted(keys, key=hash)] + [Row(2, b"\x01", b"")]
    )

    for prefix in (
        b"",
        b"\x00",
        b"\x01",
        b"\x01\xff",
        b"\xff",
        b"\xff\xff",
        b"\xff" * 299,
        b"\x02",
        b"\x01\xfe",
    ):
        expected = [(key, key[::-1]) for key in sorted(keys) if key.startswith(prefix)]
        assert list(stores.heads.scan(1, prefix)) == expected
        for start in (b"\x00\xff", b"\x01\xfe\x80", b"\xff\xff", b"\xff" * 301):
            later = [row for row in expected if row[0] >= start]
            assert list(stores.heads.scan(1, prefix, start)) == later


def test_a_scan_may_be_left_early_and_hides_no_later_commit(stores: StorePair) -> None:
    """No snapshot is held by an iterator that nobody reads on."""
    stores.heads.take_over()
    stores.heads.commit(None, FIRST, [Row(1, bytes((number,)), b"") for number in range(10)])
    scan = stores.heads.scan(1)
    assert next(scan) == (b"\x00", b"")

    stores.heads.commit(FIRST, SECOND, [Row(1, b"\x80", b"")])

    assert stores.heads.get(1, b"\x80") == b""
    assert stores.heads.heads() == SECOND
    assert set(range(1, 10)) <= {key[0] for key, _ in scan}


def test_large_values_and_times_are_kept(stores: StorePair) -> None:
    """A checkpoint with many cosignatures, the greatest time, a value of a megabyte."""
    heads = Heads(Random(5).randbytes(60_000), b"\x00\xff" * 100, 2**63 - 1)
    stores.heads.take_over()
    stores.heads.commit(None, heads, [Row(2**31, b"key", bytes(1 << 20))])

    assert stores.heads.heads() == heads
    assert stores.heads.get(2**31, b"key") == bytes(1 << 20)


def test_other_threads_read_while_one_commits(stores: StorePair) -> None:
    """They see whole commits: a head and the rows that belong to it."""
    stores.heads.take_over()
    stores.heads.commit(None, Heads(b"", b"", 0), [])
    problems: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            heads = stores.heads.heads()
            if (
                heads is not None
                and heads.time
                and stores.heads.get(1, heads.time.to_bytes(8)) != heads.issuance
            ):
                problems.append(f"a commit was seen in part at {heads.time}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    heads = Heads(b"", b"", 0)
    for time in range(1, 60):
        new = Heads(bytes((time,)), b"", time)
        stores.heads.commit(heads, new, [Row(1, time.to_bytes(8), new.issuance)])
        heads = new
    done.set()
    for reader in readers:
        reader.join()

    assert problems == []


def test_of_two_that_race_one_commits(site: Site) -> None:
    """Whatever the interleaving, each pair of heads is followed by one other."""
    pairs = [site.open() for _ in range(2)]
    pairs[0].heads.take_over()
    pairs[0].heads.commit(None, Heads(b"start", b"", 0), [])
    lock = threading.Lock()
    followers: dict[Heads, list[Heads]] = {}

    def work(name: bytes, pair: StorePair) -> None:
        for number in range(40):
            heads = pair.heads.take_over()
            assert heads is not None
            new = Heads(name + str(number).encode(), b"", heads.time + 1)
            try:
                pair.heads.commit(heads, new, [Row(1, new.digest, b"")])
            except ConflictError:
                continue
            with lock:
                followers.setdefault(heads, []).append(new)

    threads = [
        threading.Thread(target=work, args=(name, pair))
        for name, pair in zip((b"a", b"b"), pairs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(len(after) == 1 for after in followers.values())
    assert len(list(pairs[0].heads.scan(1))) == len(followers)
    for pair in pairs:
        pair.close()


def test_heads_are_told_apart_by_their_digest() -> None:
    """What moves from one checkpoint to the other is another pair of heads."""
    digests = {
        heads.digest
        for heads in (
            FIRST,
            SECOND,
            THIRD,
            Heads(b"ab", b"c", 1),
            Heads(b"a", b"bc", 1),
            Heads(b"a", b"bc", 2),
        )
    }

    assert len(digests) == 6
