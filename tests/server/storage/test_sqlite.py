# SPDX-License-Identifier: Apache-2.0
"""The SQLite store beyond what all stores promise: its file, its settings, and commits that fail half-way."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead_server.storage.interface import BrokenError, Heads, Row
from keystead_server.storage.sqlite import SQLiteHeadStore

FIRST = Heads(b"issuance 1", b"statements 1", 1)
SECOND = Heads(b"issuance 2", b"statements 2", 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteHeadStore]:
    """A new database, taken over, with one commit."""
    store = SQLiteHeadStore.create(tmp_path / "heads.sqlite")
    store.take_over()
    store.commit(None, FIRST, [Row(1, b"key", b"value")])
    yield store
    store.close()


def setting(path: Path, sql: str) -> object:
    """One value, by a connection of its own."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def test_opening_never_creates(tmp_path: Path) -> None:
    """A typing error in a path must not start a second history."""
    with pytest.raises(StoreError, match=r"absent\.sqlite is missing"):
        SQLiteHeadStore(tmp_path / "absent.sqlite")

    assert list(tmp_path.iterdir()) == []


def test_creating_never_replaces(tmp_path: Path) -> None:
    """Also not a file that is no database."""
    (tmp_path / "heads.sqlite").write_bytes(b"something")

    with pytest.raises(StoreError, match="there already"):
        SQLiteHeadStore.create(tmp_path / "heads.sqlite")
    assert (tmp_path / "heads.sqlite").read_bytes() == b"something"


def test_a_creation_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    """The database has its name only once it is whole."""
    for name in ("heads.sqlite.new", "heads.sqlite.new-journal", "heads.sqlite.new-wal"):
        (tmp_path / name).write_bytes(b"left over")

    SQLiteHeadStore.create(tmp_path / "heads.sqlite").close()

    assert [path.name for path in tmp_path.iterdir()] == ["heads.sqlite"]


def test_creation_in_a_missing_folder_is_an_error_of_ours(tmp_path: Path) -> None:
    """With the path in it."""
    with pytest.raises(StoreError, match="absent/heads"):
        SQLiteHeadStore.create(tmp_path / "absent" / "heads.sqlite")


@pytest.mark.parametrize("content", [b"", b"no database, but long enough to look at" * 100])
def test_a_foreign_or_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is left as it is."""
    path = tmp_path / "heads.sqlite"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"heads\.sqlite"):
        SQLiteHeadStore(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """By its application id."""
    path = tmp_path / "heads.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE log (one)")
    connection.close()

    with pytest.raises(StoreError, match="not the lock database"):
        SQLiteHeadStore(path)


def test_another_version_is_refused(store: SQLiteHeadStore, tmp_path: Path) -> None:
    """The sentence says what to do."""
    store.close()
    connection = sqlite3.connect(tmp_path / "heads.sqlite")
    connection.execute("PRAGMA user_version = 2")
    connection.close()

    with pytest.raises(StoreError, match="version 2"):
        SQLiteHeadStore(tmp_path / "heads.sqlite")


def test_commits_are_durable_and_readers_never_wait(store: SQLiteHeadStore, tmp_path: Path) -> None:
    """The write-ahead log is on, and synced at each commit."""
    assert setting(tmp_path / "heads.sqlite", "PRAGMA journal_mode") == "wal"
    assert store._writer.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_tables_are_strict(store: SQLiteHeadStore, tmp_path: Path) -> None:
    """Text where bytes belong is refused by the database itself."""
    connection = sqlite3.connect(tmp_path / "heads.sqlite")
    for table in ("log", "rows"):
        assert connection.execute(
            "SELECT strict FROM pragma_table_list WHERE name = ?", (table,)
        ).fetchone() == (1,)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO rows VALUES (1, 'text', x'00')")
    connection.close()


def test_readers_cannot_write(store: SQLiteHeadStore) -> None:
    """A thread's own connection is for reading alone."""
    with pytest.raises(StoreError, match="readonly"):
        store._read("DELETE FROM rows")

    assert store.get(1, b"key") == b"value"


CLOSED_WHILE_READ = """
import sys, threading
from pathlib import Path
from keystead.errors import StoreError
from keystead_server.storage.interface import Heads, Row
from keystead_server.storage.sqlite import SQLiteHeadStore

path = Path(sys.argv[1])
store = SQLiteHeadStore.create(path)
store.take_over()
store.commit(None, Heads(b"", b"", 1), [Row(1, bytes((number,)), bytes(100)) for number in range(200)])
store.close()
# Threads change places after each call into SQLite.
sys.setswitchinterval(1e-6)
for _ in range(30):
    store = SQLiteHeadStore(path)
    begun = threading.Barrier(4)

    def read():
        begun.wait()
        try:
            while True:
                store.get(1, bytes((5,)))
                list(store.scan(1))
        except StoreError:
            print("an error of ours")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    begun.wait()
    for _ in range(20):
        store.get(1, bytes((5,)))
    store.close()
    for reader in readers:
        reader.join()
"""


def test_a_store_may_be_closed_while_other_threads_read(tmp_path: Path) -> None:
    """They get an error of ours; closing a connection in use would crash the interpreter."""
    command = [sys.executable, "-c", CLOSED_WHILE_READ, str(tmp_path / "heads.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("an error of ours") == 90


def test_a_closed_store_says_so(store: SQLiteHeadStore) -> None:
    """To readers and writers, in threads old and new."""
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.heads()
    with pytest.raises(StoreError, match="closed"):
        store.commit(FIRST, SECOND, [])
    caught: list[StoreError] = []

    def read() -> None:
        try:
            store.heads()
        except StoreError as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_full_database_refuses_a_commit_and_takes_the_next(store: SQLiteHeadStore) -> None:
    """Nothing of it is kept."""
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full") as caught:
        store.commit(FIRST, SECOND, [Row(1, b"large", bytes(1 << 20))])
    assert not isinstance(caught.value, BrokenError)
    assert store.heads() == FIRST
    assert store.get(1, b"large") is None

    store._writer.execute("PRAGMA max_page_count = 1000000")
    store.commit(FIRST, SECOND, [Row(1, b"large", bytes(1 << 20))])
    assert store.heads() == SECOND


def test_a_commit_that_another_process_holds_up_is_refused_whole(
    store: SQLiteHeadStore, tmp_path: Path
) -> None:
    """It waits for a while, then says why."""
    store._writer.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "heads.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.commit(FIRST, SECOND, [])
    other.close()

    store.commit(FIRST, SECOND, [])
    assert store.heads() == SECOND


FAILING_COMMIT = """
import resource, signal, sys
from pathlib import Path
from keystead_server.storage.interface import BrokenError, Heads, Row
from keystead_server.storage.sqlite import SQLiteHeadStore
from keystead.errors import StoreError

path, room = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
first, second = Heads(b"issuance 1", b"statements 1", 1), Heads(b"issuance 2", b"statements 2", 2)
store = SQLiteHeadStore(path)
store.take_over()
# No file may grow by more than `room` bytes: the kernel fails a write in the middle of the commit.
size = Path(f"{path}-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
try:
    store.commit(first, second, [Row(1, number.to_bytes(2), bytes(1000)) for number in range(64)])
except BrokenError:
    print("broken")
except StoreError:
    print("refused")
else:
    print("committed")
try:
    store.commit(store.heads(), Heads(b"", b"", 3), [])
except BrokenError:
    print("takes nothing more")
except StoreError:
    print("still refused")
else:
    print("goes on")
"""


def test_a_write_that_the_kernel_fails_in_a_commit_leaves_it_whole_or_undone(tmp_path: Path) -> None:
    """Wherever in the write-ahead log it happens; a store that does not know takes nothing more."""
    outcomes = set()
    for room in (0, 100, 4_000, 4_200, 20_000, 60_000, 100_000, 1_000_000):
        folder = tmp_path / f"{room}"
        folder.mkdir()
        path = folder / "heads.sqlite"
        store = SQLiteHeadStore.create(path)
        store.take_over()
        store.commit(None, FIRST, [])
        store.close()

        command = [sys.executable, "-c", FAILING_COMMIT, str(path), str(room)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        outcome, after = done.stdout.split("\n")[:2]
        outcomes.add(outcome)

        store = SQLiteHeadStore(path)
        heads, rows = store.take_over(), dict(store.scan(1))
        assert (outcome, after) in {("broken", "takes nothing more"), ("committed", "goes on")}
        assert (heads, len(rows)) in ([(FIRST, 0)] if outcome == "broken" else [(Heads(b"", b"", 3), 64)])
        store.commit(heads, Heads(b"", b"", 4), [])
        store.close()
    assert outcomes == {"broken", "committed"}
