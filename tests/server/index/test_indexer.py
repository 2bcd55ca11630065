# SPDX-License-Identifier: Apache-2.0
"""The indexer, step by step: when a head is due, what it covers, and what is left after a failure at any moment."""

import random
import shutil
from pathlib import Path

import pytest

from keystead.errors import ParseError, RefusedError, StoreError
from keystead.index.kinds import IndexKind, Subject
from keystead_server.index import replica as replica_module
from keystead_server.index import versions as versions_module
from keystead_server.index.head_request import HeadRequest
from keystead_server.index.indexer import IDLE_MS
from keystead_server.index.versions import RETENTION_MS, Versions
from support.memory_index import MemoryIndex
from support.statements import digest

SEEDS = range(6)


@pytest.fixture
def index(tmp_path: Path) -> MemoryIndex:
    """A log with one statement, and an indexer that has not begun."""
    return MemoryIndex(tmp_path)


def _said(name: str) -> Subject:
    return Subject(IndexKind.CERTIFICATE_STATEMENTS, digest(name))


def test_the_first_head(index: MemoryIndex) -> None:
    """A new log gets a head over what is there, and nothing is answered before."""
    indexer = index.open()
    with pytest.raises(RefusedError) as refused:
        index.find(_said("the first"))
    assert (refused.value.code, refused.value.status) == ("index-unavailable", 503)
    assert indexer.step()
    (head,) = index.heads().values()
    assert (head[1].issuance_size, head[1].statements_size) == (0, 1)
    assert index.find(_said("the first")).page.entries == (0,)
    index.check()


def test_a_head_is_due_for_entries_and_not_for_heads(index: MemoryIndex) -> None:
    """An entry of either log makes one due; the head itself does not."""
    indexer = index.open()
    assert indexer.step()
    assert not indexer.step()
    assert not indexer.step()
    index.add_entry("a")
    index.log.publish()
    assert indexer.step()
    assert not indexer.step()
    index.add_statement("b")
    index.log.publish()
    assert indexer.step()
    assert not indexer.step()
    assert len(index.heads()) == 3
    index.check()


def test_what_is_not_published_is_not_covered(index: MemoryIndex) -> None:
    """An entry counts once a checkpoint covers it."""
    indexer = index.open()
    indexer.step()
    index.add_entry("a")
    assert not indexer.step()
    index.log.publish()
    assert indexer.step()


def test_an_idle_log_has_a_head_every_ten_minutes(index: MemoryIndex) -> None:
    """So that its age says something."""
    indexer = index.open()
    indexer.step()
    index.log.advance(IDLE_MS - 2)
    assert not indexer.step()
    index.log.advance(2)
    assert indexer.step()
    assert not indexer.step()
    assert [head.statements_size for _, head in index.heads().values()] == [1, 2]
    index.check()


def test_heads_are_kept_for_ten_minutes(index: MemoryIndex) -> None:
    """From the moment when the next one took their place."""
    indexer = index.open()
    indexer.step()
    (first,) = index.heads()
    index.log.advance(5 * RETENTION_MS)
    assert index.find(_said("the first"), leaf=first).page.count == 1
    index.add_statement("b")
    index.log.publish()
    indexer.step()
    index.log.advance(RETENTION_MS - 5)
    assert index.find(_said("b"), leaf=first).page.count == 0
    index.log.advance(10)
    with pytest.raises(RefusedError) as refused:
        index.find(_said("b"), leaf=first)
    assert refused.value.code == "head-not-held"
    assert index.find(_said("b")).page.count == 1


def _grow(index: MemoryIndex, chance: random.Random) -> None:
    """Log a few entries, some of them of what is there already."""
    for _ in range(chance.choice([1, 1, 3, 20])):
        name = f"certificate {chance.randrange(40)}"
        (index.add_entry if chance.random() < 0.5 else index.add_statement)(name)
    index.log.advance(chance.choice([1, 1000, 20_000]))
    index.log.publish()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_history_of_a_log(index: MemoryIndex, seed: int) -> None:
    """Every head is what its entries lead to, by definition, and every history is found whole under it."""
    chance = random.Random(seed)
    indexer = index.open()
    for _ in range(30):
        _grow(index, chance)
        assert indexer.step()
    index.check()
    indexer.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_after_any_step(index: MemoryIndex, seed: int) -> None:
    """Whenever the indexer is killed, a new one goes on, serves the log's last head and those before it."""
    chance = random.Random(seed)
    indexer = index.open()
    for _ in range(25):
        _grow(index, chance)
        indexer.step()
        if chance.random() < 0.4:
            indexer = index.open()
            assert indexer.served is not None
            assert indexer.served.leaf == max(index.heads())
            assert not indexer.step()
    index.check()


class _KilledError(Exception):
    """Where a test ends the indexer."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_around_the_append(index: MemoryIndex, seed: int, moment: str) -> None:
    """Killed before its head is logged, or before it knows: no head is lost, none is there twice, none is wrong."""
    chance = random.Random(seed)

    def fail(at: str) -> None:
        if at == moment:
            raise _KilledError

    for _ in range(8):
        indexer = index.open()
        for _ in range(chance.randrange(3)):
            _grow(index, chance)
            indexer.step()
        _grow(index, chance)
        index.fail = fail
        with pytest.raises(_KilledError):
            indexer.step()
        index.fail = lambda _: None
    indexer = index.open()
    indexer.step()
    index.check()
    covered = [(head.issuance_size, head.statements_size) for _, head in index.heads().values()]
    assert len(set(covered)) == len(covered)


@pytest.mark.parametrize("function", ["extend", "update_map", "add_head", "make_durable"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_inside_a_step(
    index: MemoryIndex, seed: int, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the histories, the map, the head and the mark on disk: the next start finds its way."""
    chance = random.Random(seed)
    places = {
        "extend": (replica_module.Histories, "extend"),
        "update_map": (replica_module, "update_map"),
        "add_head": (replica_module.IndexDatabase, "add_head"),
        "make_durable": (versions_module.Versions, "make_durable"),
    }
    place, name = places[function]
    real = getattr(place, name)

    for _ in range(6):
        indexer = index.open()
        for _ in range(chance.randrange(4)):
            _grow(index, chance)
            indexer.step()
        _grow(index, chance)
        if function == "make_durable":
            index.log.advance(61_000)
            index.log.publish()

        def killed(*arguments: object) -> object:
            if chance.random() < 0.5:
                real(*arguments)
            raise _KilledError

        with monkeypatch.context() as patch:
            patch.setattr(place, name, killed)
            with pytest.raises(_KilledError):
                indexer.step()
    index.open().step()
    index.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_cut(index: MemoryIndex, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not synced may be gone: the map's files are as the last mark left them, the database is newer."""
    chance = random.Random(seed)
    synced = index.folder.parent / "synced"
    real = Versions.make_durable

    def make_durable(versions: Versions) -> None:
        real(versions)
        shutil.rmtree(synced, ignore_errors=True)
        shutil.copytree(index.folder, synced)

    monkeypatch.setattr(Versions, "make_durable", make_durable)
    for _ in range(5):
        indexer = index.open()
        for _ in range(8):
            _grow(index, chance)
            indexer.step()
        for path in index.folder.iterdir():
            if path.name.startswith(("inner-", "leaves-")):
                path.write_bytes((synced / path.name).read_bytes())
    index.open()
    index.check()


def test_built_from_nothing(index: MemoryIndex) -> None:
    """With the log alone there is the same index, and progress is told."""
    chance = random.Random(1)
    indexer = index.open()
    for _ in range(10):
        _grow(index, chance)
        indexer.step()
    indexer.close()
    shutil.rmtree(index.folder)
    index.progress.clear()
    indexer = index.open()
    assert index.progress
    assert all(done <= total for done, total in index.progress)
    assert not indexer.step()
    assert indexer.served is not None
    assert indexer.served.leaf == max(index.heads())
    index.check()


def test_a_build_that_is_cut_short_goes_on(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is not read again, and the result is the same."""
    monkeypatch.setattr(replica_module, "_CHUNK", 50)
    indexer = index.open()
    for number in range(400):
        index.add_entry(f"certificate {number % 70}")
        index.add_statement(f"certificate {number % 30}")
    index.log.publish()
    indexer.step()
    indexer.close()
    shutil.rmtree(index.folder)
    for kills in range(3):
        index.progress.clear()
        calls = 0

        def progress(done: int, total: int, kills: int = kills) -> None:
            nonlocal calls
            calls += 1
            if calls == 2 + kills:
                raise _KilledError

        index.progress = type("Telling", (list,), {"append": lambda _, told: progress(*told)})()
        with pytest.raises(_KilledError):
            index.open()
    index.progress = []
    index.open()
    assert index.progress[0][0] > 300
    index.check()


@pytest.mark.parametrize("damage", ["foreign", "lost", "map lost", "map cut", "map altered"])
def test_files_that_are_damaged_are_built_again(index: MemoryIndex, damage: str) -> None:
    """The database, or a file of the map, is gone, cut or altered: nothing is lost but time."""
    indexer = index.open()
    for number in range(20):
        index.add_entry(f"certificate {number}")
    index.log.publish()
    indexer.step()
    indexer.close()
    database = index.folder / "index.sqlite"
    (inner,) = index.folder.glob("inner-*")
    (leaves,) = index.folder.glob("leaves-*")
    if damage == "foreign":
        database.write_bytes(b"no database at all" * 100)
    elif damage == "lost":
        database.unlink()
    elif damage == "map lost":
        inner.unlink()
    elif damage == "map cut":
        leaves.write_bytes(b"")
    else:
        inner.write_bytes(bytes(inner.stat().st_size))
    indexer = index.open()
    index.check()
    assert not indexer.step()


def test_a_wrong_head_in_the_log(index: MemoryIndex, caplog: pytest.LogCaptureFixture) -> None:
    """It is reported, not served as if it were right, and a right one follows."""
    indexer = index.open()
    indexer.step()
    index.add_statement("b")
    index.log.publish()
    index.add_head(HeadRequest(index.now_ms // 1000, 0, 2, digest("a lie")))
    indexer = index.open()
    assert "wrong index" in caplog.text
    assert indexer.step()
    assert not indexer.step()
    *_, (_, last) = index.heads().values()
    assert last.map_root == index.expected_root(last.issuance_size, last.statements_size)
    assert index.find(_said("b")).page.entries == (2,)


@pytest.mark.parametrize("log", ["issuance", "statements"])
def test_entries_that_are_not_the_signed_ones(index: MemoryIndex, log: str) -> None:
    """A store that was altered stops the index; put right, it goes on."""
    indexer = index.open()
    indexer.step()
    index.add_entry("a")
    index.add_statement("a")
    index.log.publish()

    def alter(path: str, answer: bytes | None) -> bytes | None:
        kind = "data" if log == "issuance" else "entries"
        if answer is not None and path.startswith(f"{log}/tile/{kind}/"):
            return answer.replace(b"a", b"b", 1) if log == "issuance" else answer[:-1] + b"!"
        return answer

    index.log.hooks.append(alter)
    with pytest.raises((StoreError, ParseError)):
        indexer.step()
    index.log.hooks.clear()
    index.open().step()
    index.check()


def test_a_missing_bundle(index: MemoryIndex) -> None:
    """Nothing is left out in silence."""
    indexer = index.open()
    indexer.step()
    index.add_entry("a")
    index.log.publish()
    index.log.hooks.append(lambda path, answer: None if "/tile/data/" in path else answer)
    with pytest.raises(StoreError, match="missing"):
        indexer.step()


def test_a_log_that_takes_nothing(index: MemoryIndex) -> None:
    """What was computed is kept, and the same head is asked for again."""
    indexer = index.open()
    indexer.step()
    index.add_entry("a")
    index.log.publish()

    def refuse(_: str) -> None:
        raise RefusedError("log-unavailable", "not now", status=503, retry_after=5)

    index.fail = refuse
    for _ in range(3):
        index.log.advance(1500)
        with pytest.raises(RefusedError):
            indexer.step()
    index.add_entry("b")
    index.log.publish()
    index.fail = lambda _: None
    assert indexer.step()
    assert [head.issuance_size for _, head in index.heads().values()] == [0, 1]
    assert indexer.step()
    index.check()


def test_slots_are_used_again(index: MemoryIndex) -> None:
    """The map's files do not grow with the number of heads, only with what is kept for ten minutes."""
    indexer = index.open()
    for number in range(100):
        index.add_entry(f"certificate {number}")
    for _ in range(40):
        index.add_statement("the first")
        index.log.advance(RETENTION_MS)
        index.log.publish()
        indexer.step()
    nodes = indexer._versions.nodes
    assert nodes.leaves.unused < 130
    assert nodes.inner.unused < 200
    indexer = index.open()
    for _ in range(40):
        index.add_statement("the first")
        index.log.advance(RETENTION_MS)
        index.log.publish()
        indexer.step()
    assert indexer._versions.nodes.inner.unused < 300
    index.check()
