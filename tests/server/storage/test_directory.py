# SPDX-License-Identifier: Apache-2.0
"""The directory store beyond what all stores promise: system calls, their failures, and what is on disk."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead_server.storage import directory, durable
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.interface import BrokenError
from support.watched_os import PowerCut, WatchedOS

OBJECTS = {
    "issuance/tile/0/000.p/2": bytes(64),
    "issuance/tile/data/000.p/2": b"entries" * 1000,
    "evidence/00ff": b"evidence",
}


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> WatchedOS:
    """The `os` module as the store sees it. Fsyncs run one after the other, so that calls have an order."""
    watched = WatchedOS()
    monkeypatch.setattr(durable, "os", watched)
    monkeypatch.setattr(directory, "os", watched)
    monkeypatch.setattr(durable, "_SYNC_THREADS", 1)
    return watched


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_missing_root_is_refused_by_name(tmp_path: Path) -> None:
    """A store never makes its own root: a typing error must not start an empty log."""
    with pytest.raises(StoreError, match="absent"):
        DirectoryBlobStore(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        DirectoryBlobStore(tmp_path / "file")


def test_objects_are_plain_files_that_a_web_server_can_read(tmp_path: Path) -> None:
    """Mode 0644 in directories of mode 0755, at their own paths, and nothing else but the hidden folder."""
    before = os.umask(0o022)
    try:
        store = DirectoryBlobStore(tmp_path)
        store.put(OBJECTS)
        store.publish("issuance/checkpoint", b"text")
        store.close()
    finally:
        os.umask(before)

    found = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*")}
    files = {name for name, path in found.items() if path.is_file()}
    assert files == {*OBJECTS, "issuance/checkpoint"}
    assert {stat.S_IMODE(found[name].stat().st_mode) for name in files} == {0o644}
    folders = found.keys() - files - {".tmp"}
    assert {stat.S_IMODE(found[name].stat().st_mode) for name in folders} == {0o755}


def test_the_calls_of_a_put_come_in_the_order_that_the_module_states(
    tmp_path: Path, watched: WatchedOS
) -> None:
    """All bytes synced, then names given, then directories synced, then temporary names removed."""
    store = DirectoryBlobStore(tmp_path)
    store.put({"a/1": b"x", "a/2": b"y"})
    watched.calls.clear()

    store.put({"a/3": b"x", "a/4": b"y"})

    calls = [call for call in watched.calls if call not in {"open", "close"}]
    assert calls == ["write", "write", "fsync", "fsync", "link", "link", "fsync", "unlink", "unlink"]
    store.close()


def test_the_calls_of_a_publication(tmp_path: Path, watched: WatchedOS) -> None:
    """The new bytes are synced before the name moves to them, and the directory after."""
    store = DirectoryBlobStore(tmp_path)
    store.publish("a/checkpoint", b"1")
    watched.calls.clear()

    store.publish("a/checkpoint", b"2")

    calls = [call for call in watched.calls if call not in {"open", "close"}]
    assert calls == ["write", "fsync", "rename", "fsync", "unlink"]
    store.close()


def test_what_was_put_or_published_survives_a_power_cut(tmp_path: Path, watched: WatchedOS) -> None:
    """The bytes, and the names all the way down from the root, also of directories just made."""
    watched.power_cut = PowerCut(tmp_path)
    store = DirectoryBlobStore(tmp_path)
    store.put(OBJECTS)
    store.publish("issuance/checkpoint", b"1")
    store.publish("issuance/checkpoint", b"2")
    store.put({"issuance/tile/0/000.p/3": bytes(96), "top": b""})

    assert all(watched.power_cut.survives(path) for path in [*OBJECTS, "issuance/checkpoint", "top"])
    assert watched.power_cut.survives("issuance/tile/0/000.p/3")
    store.close()


def test_what_another_process_left_is_made_durable_when_it_is_found(
    tmp_path: Path, watched: WatchedOS
) -> None:
    """It may have been killed between naming a file and syncing the directory."""
    for path, data in OBJECTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    watched.power_cut = PowerCut(tmp_path)
    store = DirectoryBlobStore(tmp_path)
    assert not any(watched.power_cut.survives(path) for path in OBJECTS)

    store.put(OBJECTS)

    assert all(watched.power_cut.survives(path) for path in OBJECTS)
    store.close()


def test_a_directory_that_was_swept_away_is_made_again(tmp_path: Path, watched: WatchedOS) -> None:
    """Its name, known to be durable before, is made durable anew."""
    watched.power_cut = PowerCut(tmp_path)
    store = DirectoryBlobStore(tmp_path)
    store.put({"tile/0/000.p/1": bytes(32)})
    store.delete("tile/0/000.p/1")
    assert not (tmp_path / "tile/0/000.p").exists()

    store.put({"tile/0/000.p/1": bytes(32)})

    assert watched.power_cut.survives("tile/0/000.p/1")
    store.close()


def test_a_directory_that_somebody_else_removed_is_made_again(tmp_path: Path, watched: WatchedOS) -> None:
    """With those above it; the store does not go on believing that it is there."""
    watched.power_cut = PowerCut(tmp_path)
    store = DirectoryBlobStore(tmp_path)
    store.put({"a/b/c/1": b"1"})
    shutil.rmtree(tmp_path / "a")

    store.put({"a/b/c/2": b"2"})

    assert watched.power_cut.survives("a/b/c/2")
    store.close()


def test_files_left_by_a_killed_process_are_cleared_away(tmp_path: Path) -> None:
    """Nothing leads to them, and a store does not grow with each kill; reading alone clears nothing."""
    (tmp_path / ".tmp").mkdir()
    (tmp_path / ".tmp" / "left").write_bytes(b"half an obj")
    store = DirectoryBlobStore(tmp_path)
    assert list(store.list("")) == []
    assert (tmp_path / ".tmp" / "left").exists()

    store.put({"a": b"1"})

    assert list((tmp_path / ".tmp").iterdir()) == []
    store.close()


def test_short_writes_are_continued(tmp_path: Path, watched: WatchedOS) -> None:
    """A write may take less than it was given."""
    watched.largest_write = 3
    store = DirectoryBlobStore(tmp_path)
    store.put(OBJECTS)
    store.publish("issuance/checkpoint", b"0123456789")

    assert {path: store.get(path) for path in OBJECTS} == OBJECTS
    assert store.get("issuance/checkpoint") == b"0123456789"
    store.close()


def test_a_write_that_takes_nothing_is_an_error(tmp_path: Path, watched: WatchedOS) -> None:
    """It must not be tried for ever."""
    watched.largest_write = 0
    store = DirectoryBlobStore(tmp_path)
    with pytest.raises(BrokenError, match="took nothing"):
        store.put({"a": b"x"})

    assert store.get("a") is None
    store.close()


def error_of(work: Callable[[], None]) -> StoreError | None:
    """The `StoreError` that a piece of work ends in, if it does; any other error comes out."""
    try:
        work()
    except StoreError as error:
        return error
    return None


def failing_at(number: int, code: int) -> Callable[..., None]:
    """A hook that fails one call."""

    def before(count: int, name: str, *args: object) -> None:
        if count == number and name != "close":
            raise OSError(code, os.strerror(code))

    return before


def calls_of(folder: Path, watched: WatchedOS, work: Callable[[DirectoryBlobStore], None]) -> list[str]:
    """The watched calls of one piece of work on a fresh store."""
    folder.mkdir()
    store = DirectoryBlobStore(folder)
    watched.before = None
    watched.calls.clear()
    work(store)
    calls = list(watched.calls)
    store.close()
    return calls


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EINTR, errno.EROFS, errno.EDQUOT])
def test_each_failing_call_of_a_put_leaves_objects_whole_or_absent(
    tmp_path: Path, watched: WatchedOS, code: int
) -> None:
    """The error is a `StoreError`, nothing is left open, reads go on, and a fresh store finishes the work."""
    total = len(calls_of(tmp_path / "counted", watched, lambda store: store.put(OBJECTS)))
    assert total > 20
    failed = 0
    for number in range(total):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        store = DirectoryBlobStore(folder)
        store.publish("issuance/checkpoint", b"old")
        watched.calls.clear()
        watched.before = failing_at(number, code)
        open_before = descriptors()
        error = error_of(lambda: store.put(OBJECTS))  # noqa: B023 - called at once
        watched.before = None
        if error is not None:
            failed += 1
            broken = code == errno.EIO or watched.calls[number] == "fsync"
            assert isinstance(error, BrokenError) == broken
            # Where what is on disk is unknown, the store takes nothing more.
            assert isinstance(error_of(lambda: store.put({"other": b"1"})), BrokenError) == broken  # noqa: B023
            assert isinstance(error_of(lambda: store.publish("more", b"1")), BrokenError) == broken  # noqa: B023
        # The temporary folder may have been opened, once for the life of the store.
        assert descriptors() <= open_before + 1
        assert all(store.get(path) in {None, data} for path, data in OBJECTS.items())
        assert store.get("issuance/checkpoint") == b"old"
        store.close()

        again = DirectoryBlobStore(folder)
        again.put({**OBJECTS, "new": b"1"})
        assert {path: again.get(path) for path in OBJECTS} == OBJECTS
        assert list((folder / ".tmp").iterdir()) == []
        again.close()
    assert failed > total // 2


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EINTR])
def test_each_failing_call_of_a_publication_leaves_the_old_or_the_new(
    tmp_path: Path, watched: WatchedOS, code: int
) -> None:
    """Whole, and the store is broken if the name may have moved without being durable."""

    def work(store: DirectoryBlobStore) -> None:
        store.publish("issuance/checkpoint", b"new" * 100)

    total = len(calls_of(tmp_path / "counted", watched, work))
    for number in range(total):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        store = DirectoryBlobStore(folder)
        store.publish("issuance/checkpoint", b"old")
        watched.calls.clear()
        watched.before = failing_at(number, code)
        error = error_of(lambda: work(store))  # noqa: B023 - called at once
        watched.before = None
        moved = store.get("issuance/checkpoint") != b"old"
        assert error is None or isinstance(error, BrokenError) or not moved
        assert store.get("issuance/checkpoint") in {b"old", b"new" * 100}
        store.close()


def test_a_failing_deletion_is_an_error_of_its_own(tmp_path: Path, watched: WatchedOS) -> None:
    """The object stays, and the store goes on."""
    store = DirectoryBlobStore(tmp_path)
    store.put({"stage/a": b"1"})
    watched.calls.clear()
    watched.before = failing_at(0, errno.EROFS)
    with pytest.raises(StoreError, match="Read-only"):
        store.delete("stage/a")
    watched.before = None

    assert store.get("stage/a") == b"1"
    store.delete("stage/a")
    assert store.get("stage/a") is None
    store.close()


def test_an_unreadable_object_is_an_error_and_not_absent(tmp_path: Path, watched: WatchedOS) -> None:
    """Only a path where nothing is answers None."""
    store = DirectoryBlobStore(tmp_path)
    store.put({"a": b"1"})
    watched.calls.clear()
    watched.before = failing_at(0, errno.EIO)
    with pytest.raises(StoreError, match="cannot be read"):
        store.get("a")
    watched.before = None
    store.close()


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    """Neither to read what lies elsewhere, nor to write there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    store = DirectoryBlobStore(root)

    with pytest.raises(StoreError):
        store.get("link")
    with pytest.raises(StoreError):
        store.put({"link": b"mine"})
    with pytest.raises(StoreError):
        store.put({"folder/new": b"mine"})
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    store.close()


def test_a_closed_store_writes_nothing(tmp_path: Path) -> None:
    """It says so instead of failing on a number that may be another file's by now."""
    store = DirectoryBlobStore(tmp_path)
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.put({"a": b"1"})
    assert list(tmp_path.iterdir()) == []


def test_reading_what_is_no_object_leaves_nothing_open(tmp_path: Path) -> None:
    """A directory, a missing file, a path through a file."""
    store = DirectoryBlobStore(tmp_path)
    store.put({"a/b": b"1"})
    before = descriptors()
    for _ in range(10):
        assert [store.get(path) for path in ("a", "c", "a/b/c")] == [None, None, None]

    assert descriptors() == before
    store.close()
