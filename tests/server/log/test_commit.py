# SPDX-License-Identifier: Apache-2.0
"""The order of a commit, and what it refuses to commit."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.tlog.merkle import EMPTY_ROOT
from keystead_server.log.commit import commit_batch
from keystead_server.log.publication import UnfinishedError
from keystead_server.log.stage import parse_stage
from keystead_server.log.steps import POINTS, Moment, Step
from keystead_server.storage.interface import BrokenError, ConflictError, Heads, Row
from keystead_server.storage.memory import MemoryBlobStore, MemoryHeadStore
from support.small_log import KEYS, SmallLog, check_log
from support.store_sites import MemorySite, StorePair

OTHER_ROOT = sha256(b"another root").digest()


class Recorder:
    """Sees the effects on both stores, and the points of a commit, in the order in which they come."""

    def __init__(self, stores: StorePair) -> None:
        self.events: list[str] = []
        assert isinstance(stores.blobs, MemoryBlobStore)
        assert isinstance(stores.heads, MemoryHeadStore)
        stores.blobs.fault = self.effect
        stores.heads.fault = self.effect

    def effect(self, operation: str, name: str) -> None:
        """A `Fault` that never fails."""
        if operation not in {"get", "list"}:
            self.events.append(f"{operation} {name}")

    def point(self, step: Step, moment: Moment) -> None:
        """A `PointHook`."""
        self.events.append(f"{moment} {step}")


@pytest.fixture
def stores(tmp_path: Path) -> StorePair:
    """Stores in memory."""
    return MemorySite(tmp_path).open()


def heads(
    time: int,
    *,
    issuance: tuple[int, bytes] = (0, EMPTY_ROOT),
    statements: tuple[int, bytes] = (0, EMPTY_ROOT),
) -> Heads:
    """Signed heads of any trees."""
    return Heads(KEYS.sign_issuance(*issuance, time), KEYS.sign_statements(*statements), time)


def commit(stores: StorePair, expected: Heads | None, new: Heads) -> None:
    """A commit without entries."""
    commit_batch(stores.blobs, stores.heads, expected=expected, new=new, support={}, objects={}, rows=[])


def test_a_commit_takes_its_steps_in_the_one_order(stores: StorePair) -> None:
    """What is durable at each, and that every point is passed."""
    log = SmallLog(stores)
    recorder = Recorder(stores)
    log.hook = recorder.point

    log.append([b"an entry"], [b"a statement"], {"evidence/1": b"evidence", "issuance/issuer/1": b"issuer"})

    assert log.heads is not None
    stage = f"stage/{log.heads.digest.hex()}"
    assert recorder.events == [
        "before support",
        "put evidence/1",
        "put issuance/issuer/1",
        "after support",
        "before stage",
        f"put {stage}",
        "after stage",
        "before heads",
        "commit before",
        "commit after",
        "after heads",
        "before objects",
        "put issuance/tile/0/000.p/1",
        "put statements/tile/0/000.p/2",
        "put issuance/tile/data/000.p/1",
        "put statements/tile/entries/000.p/2",
        "after objects",
        "before issuance",
        "publish issuance/checkpoint",
        "after issuance",
        "before statements",
        "publish statements/checkpoint",
        "after statements",
        "before drop",
        f"delete {stage}",
        "after drop",
    ]
    assert [event for event in recorder.events if event.split()[0] in set(Moment)] == [
        f"{moment} {step}" for step, moment in POINTS
    ]


def test_the_stage_holds_what_the_commit_publishes(stores: StorePair) -> None:
    """The digest of both signed checkpoints, both sizes, all tiles and bundles; not what was durable before."""
    log = SmallLog(stores)
    found: list[bytes] = []

    def hook(step: Step, moment: Moment) -> None:
        if (step, moment) == (Step.HEADS, Moment.BEFORE):
            assert log.heads is not None
            (path,) = stores.blobs.list("stage/")
            data = stores.blobs.get(path)
            assert data is not None
            found.append(data)

    log.hook = hook
    log.append([b"an entry"], [], {"evidence/1": b"evidence"})

    stage = parse_stage(found[0])
    assert log.heads is not None
    assert stage.heads == log.heads.digest
    assert (stage.issuance_size, stage.statements_size) == (1, 1)
    assert sorted(stage.objects) == ["issuance/tile/0/000.p/1", "issuance/tile/data/000.p/1"]


def test_many_batches_make_one_whole_log(stores: StorePair) -> None:
    """Of all sizes, over the edges of tiles, with either log idle."""
    log = SmallLog(stores)
    number = 0
    for count in (1, 255, 0, 1, 300, 5, 0, 700):
        entries = [b"entry %d" % (number + offset) for offset in range(count)]
        statements = [b"statement %d" % number] if count % 2 else []
        log.append(entries, statements, {f"evidence/{number}": b"x"})
        number += count or 1

    checked = check_log(stores)
    assert len(checked.issuance) == 1262
    assert len(checked.statements) == 1 + 4


def test_a_batch_without_entries_signs_the_same_trees_anew(stores: StorePair) -> None:
    """As an idle log does every hour."""
    log = SmallLog(stores)
    log.append([b"an entry"])
    before = log.heads
    root = log.issuance.root

    log.append([])

    assert log.heads is not None
    assert before is not None
    assert log.heads.issuance != before.issuance
    assert log.issuance.root == root
    assert check_log(stores).time == before.time + 1


@pytest.mark.parametrize(
    ("new", "text"),
    [
        (heads(5, issuance=(2, OTHER_ROOT)), "does not come after"),
        (heads(4, issuance=(2, OTHER_ROOT)), "does not come after"),
        (heads(6, issuance=(0, EMPTY_ROOT), statements=(2, OTHER_ROOT)), "contradict the one of 1 "),
        (
            heads(6, issuance=(1, sha256(b"x").digest()), statements=(2, OTHER_ROOT)),
            "contradict the one of 1 ",
        ),
        (heads(6, issuance=(1, OTHER_ROOT), statements=(1, OTHER_ROOT)), "contradict the one of 2 "),
        (
            heads(6, issuance=(1, OTHER_ROOT), statements=(2, sha256(b"x").digest())),
            "contradict the one of 2 ",
        ),
        (Heads(KEYS.sign_statements(7, OTHER_ROOT), KEYS.sign_statements(7, OTHER_ROOT), 6), "cannot follow"),
        (Heads(b"", KEYS.sign_statements(7, OTHER_ROOT), 6), "no checkpoints"),
        (Heads(KEYS.sign_issuance(1, OTHER_ROOT, 6), b"junk\n", 6), "no checkpoints"),
    ],
)
def test_a_checkpoint_that_does_not_follow_the_last_is_not_committed(
    stores: StorePair, new: Heads, text: str
) -> None:
    """Whatever the sequencer thinks: a time that stands still, a tree that shrinks or changes."""
    first = heads(5, issuance=(1, OTHER_ROOT), statements=(2, OTHER_ROOT))
    stores.heads.take_over()
    commit(stores, None, first)
    before = dict(stores.blobs.objects) if isinstance(stores.blobs, MemoryBlobStore) else {}

    with pytest.raises(StoreError, match=text) as caught:
        commit(stores, first, new)

    assert type(caught.value) is StoreError
    assert stores.heads.heads() == first
    assert stores.blobs.objects == before  # type: ignore[attr-defined]


def failing(operation: str, name: str, error: StoreError) -> Callable[[str, str], None]:
    """A fault at one effect."""

    def fault(happening: str, at: str) -> None:
        if happening == operation and at.startswith(name):
            raise error

    return fault


@pytest.mark.parametrize(("operation", "name"), [("put", "evidence/"), ("put", "stage/")])
def test_a_failure_before_the_commit_is_nothing_that_happened(
    stores: StorePair, operation: str, name: str
) -> None:
    """The error is as it came; the next batch succeeds without recovery."""
    log = SmallLog(stores)
    assert isinstance(stores.blobs, MemoryBlobStore)
    stores.blobs.fault = failing(operation, name, StoreError("the disk is full"))
    before = stores.heads.heads()
    with pytest.raises(StoreError, match="full") as caught:
        log.append([b"lost"], [], {"evidence/1": b"evidence"})
    assert not isinstance(caught.value, BrokenError)
    assert stores.heads.heads() == before

    stores.blobs.fault = None
    log.append([b"kept"])

    assert check_log(stores).issuance == [b"kept"]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("put", "issuance/tile/0"),
        ("put", "issuance/tile/data"),
        ("publish", "issuance/checkpoint"),
        ("publish", "statements/checkpoint"),
        ("delete", "stage/"),
        ("list", "stage/"),
    ],
)
def test_a_failure_after_the_commit_says_that_it_is_unfinished(
    stores: StorePair, operation: str, name: str
) -> None:
    """Whatever the error was; recovery then finds the batch committed, and finishes it."""
    log = SmallLog(stores)
    assert isinstance(stores.blobs, MemoryBlobStore)
    stores.blobs.fault = failing(operation, name, StoreError("the disk is full"))
    with pytest.raises(UnfinishedError, match=r"not yet published.*full"):
        log.append([b"kept"])
    stores.blobs.fault = None

    SmallLog(stores)

    assert check_log(stores).issuance == [b"kept"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_of_unknown_outcome_is_unfinished(stores: StorePair, moment: str) -> None:
    """Recovery finds out, and the log goes on either way."""
    log = SmallLog(stores)
    assert isinstance(stores.heads, MemoryHeadStore)
    stores.heads.fault = failing("commit", moment, BrokenError("the disk is gone"))
    with pytest.raises(UnfinishedError, match="nobody knows"):
        log.append([b"perhaps"])
    stores.heads.fault = None

    log = SmallLog(stores)
    log.append([b"more"])

    assert check_log(stores).issuance == [b"perhaps", b"more"][moment == "before" :]


def test_a_row_that_contradicts_the_database_stops_the_batch(stores: StorePair) -> None:
    """A sequencer that forgot a duplicate cannot log it again."""
    log = SmallLog(stores)
    log.append([b"an entry"])
    with pytest.raises(StoreError, match="another value"):
        log.append([b"an entry"])

    log.append([b"another"])

    assert check_log(stores).issuance == [b"an entry", b"another"]


def test_a_log_that_was_taken_over_commits_nothing(tmp_path: Path) -> None:
    """The first to notice is the lock database."""
    site = MemorySite(tmp_path)
    old = SmallLog(site.open())
    new = SmallLog(site.open())
    with pytest.raises(ConflictError):
        old.append([b"old"])
    new.append([b"new"])

    assert check_log(new.stores).issuance == [b"new"]


@pytest.mark.parametrize("step", [Step.OBJECTS, Step.ISSUANCE, Step.STATEMENTS, Step.DROP])
def test_a_log_that_is_taken_over_during_a_commit_publishes_nothing_more(tmp_path: Path, step: Step) -> None:
    """It would roll back what the other has published since; the batch itself is in the log."""
    site = MemorySite(tmp_path)

    def hook(at: Step, moment: Moment) -> None:
        if (at, moment) == (step, Moment.BEFORE):
            other = SmallLog(site.open())
            other.append([b"theirs"])

    old = SmallLog(site.open())
    old.hook = hook
    with pytest.raises(ConflictError):
        old.append([b"ours"])

    assert check_log(site.open()).issuance == [b"ours", b"theirs"]


def test_what_a_test_raises_at_a_point_comes_out(stores: StorePair) -> None:
    """Before the commit as it is; after it, as the cause of an `UnfinishedError`."""

    def hook(step: Step, moment: Moment) -> None:
        if (step, moment) in {(Step.STAGE, Moment.AFTER), (Step.HEADS, Moment.AFTER)}:
            raise RuntimeError(step)

    log = SmallLog(stores)
    log.hook = hook
    with pytest.raises(RuntimeError, match="stage"):
        log.append([b"entry"])
    log.hook = lambda step, moment: hook(step, moment) if step is Step.HEADS else None
    with pytest.raises(UnfinishedError) as caught:
        log.append([b"entry"])

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_rows_are_written_by_the_commit_and_by_nothing_else(stores: StorePair) -> None:
    """A row of a batch that was not committed is not there."""
    stores.heads.take_over()
    first = heads(5)
    with pytest.raises(ConflictError):
        commit_batch(
            stores.blobs,
            stores.heads,
            expected=heads(4),
            new=first,
            support={},
            objects={},
            rows=[Row(9, b"key", b"value")],
        )
    assert stores.heads.get(9, b"key") is None

    commit_batch(
        stores.blobs,
        stores.heads,
        expected=None,
        new=first,
        support={},
        objects={},
        rows=[Row(9, b"key", b"value")],
    )
    assert stores.heads.get(9, b"key") == b"value"
