# SPDX-License-Identifier: Apache-2.0
"""What a log finds when it is opened: finished, put right, or refused with the reason."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.tlog.cosignature import sign_cosignature
from keystead.tlog.note import SignedNote, parse_note
from keystead_server.log.publication import UnfinishedError
from keystead_server.log.recovery import recover
from keystead_server.log.steps import Moment, Step
from support.small_log import KEYS, LogKeyPair, SmallLog, check_log
from support.store_sites import MemorySite

STRANGER = LogKeyPair.from_seed(b"a stranger")


def entries(first: int, count: int) -> list[bytes]:
    """Entries that differ."""
    return [b"entry %d" % number for number in range(first, first + count)]


@pytest.fixture
def site(tmp_path: Path) -> MemorySite:
    """A log of 300 entries, at rest."""
    site = MemorySite(tmp_path)
    log = SmallLog(site.open())
    log.append(entries(0, 300), [b"a statement"])
    return site


def cut_short(site: MemorySite, step: Step, moment: Moment) -> None:
    """A batch of five entries whose process ends at a point."""

    def hook(at: Step, when: Moment) -> None:
        if (at, when) == (step, moment):
            raise KeyboardInterrupt

    log = SmallLog(site.open())
    log.hook = hook
    with pytest.raises(KeyboardInterrupt):
        log.append(entries(300, 5), [b"another statement"])


def test_a_store_without_a_log_is_told_from_one_with(tmp_path: Path) -> None:
    """Nothing committed and nothing published: the log is still to be created."""
    stores = MemorySite(tmp_path).open()

    assert recover(stores.blobs, stores.heads, KEYS.issuance, KEYS.statements) is None
    assert stores.heads.held()


def test_a_log_at_rest_is_left_as_it_is(site: MemorySite) -> None:
    """Not one object is written, and the trees stand where the heads are."""
    before = dict(site.objects)
    points: list[tuple[Step, Moment]] = []
    stores = site.open()
    found = recover(
        stores.blobs,
        stores.heads,
        KEYS.issuance,
        KEYS.statements,
        hook=lambda step, moment: points.append((step, moment)),
    )

    assert found is not None
    assert found.heads == stores.heads.heads()
    assert (found.issuance.size, found.statements.size) == (300, 2)
    assert site.objects == before
    assert {step for step, _ in points} == {Step.DROP}


@pytest.mark.parametrize("step", [Step.SUPPORT, Step.STAGE])
@pytest.mark.parametrize("moment", Moment)
def test_a_batch_that_was_not_committed_never_was(site: MemorySite, step: Step, moment: Moment) -> None:
    """Its stage is dropped, its entries are not in the log, and may be submitted again."""
    cut_short(site, step, moment)

    log = SmallLog(site.open())
    assert len(check_log(site.open()).issuance) == 300
    log.append(entries(300, 5))
    assert check_log(site.open()).issuance == entries(0, 305)


@pytest.mark.parametrize(
    ("step", "moment"),
    [(Step.HEADS, Moment.AFTER)]
    + [
        (step, moment)
        for step in (Step.OBJECTS, Step.ISSUANCE, Step.STATEMENTS, Step.DROP)
        for moment in Moment
    ],
)
def test_a_batch_that_was_committed_is_finished(site: MemorySite, step: Step, moment: Moment) -> None:
    """From its stage, without the process that began it."""
    cut_short(site, step, moment)

    SmallLog(site.open())

    checked = check_log(site.open())
    assert checked.issuance == entries(0, 305)
    assert checked.statements == [b"the first policy", b"a statement", b"another statement"]


@pytest.mark.parametrize("kept", range(5))
def test_objects_that_were_written_in_part_are_completed(site: MemorySite, kept: int) -> None:
    """Whichever of the batch's objects there are."""
    before = set(site.objects)
    cut_short(site, Step.OBJECTS, Moment.AFTER)
    new = sorted(path for path in set(site.objects) - before if not path.startswith("stage/"))
    assert len(new) == 4
    for path in new[kept:]:
        del site.objects[path]

    SmallLog(site.open())

    assert check_log(site.open()).issuance == entries(0, 305)


def test_a_recovery_that_is_cut_short_is_begun_anew(site: MemorySite) -> None:
    """At each of its points."""
    cut_short(site, Step.HEADS, Moment.AFTER)
    at_rest = dict(site.objects)
    for step in (Step.OBJECTS, Step.ISSUANCE, Step.STATEMENTS, Step.DROP):
        for moment in Moment:
            site.objects.clear()
            site.objects.update(at_rest)
            passed: list[tuple[Step, Moment]] = []

            def hook(
                at: Step,
                when: Moment,
                stop: tuple[Step, Moment] = (step, moment),
                passed: list[tuple[Step, Moment]] = passed,
            ) -> None:
                passed.append((at, when))
                if (at, when) == stop:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                SmallLog(site.open(), hook)
            assert passed[-1] == (step, moment)
            SmallLog(site.open())
            assert check_log(site.open()).issuance == entries(0, 305)


@pytest.mark.parametrize("path", ["issuance/checkpoint", "statements/checkpoint"])
def test_a_checkpoint_that_went_missing_is_published_again(site: MemorySite, path: str) -> None:
    """The tiles are there, and lead to the committed root."""
    good = site.objects.pop(path)

    SmallLog(site.open())

    assert site.objects[path] == good


def test_an_earlier_checkpoint_is_replaced_by_the_committed_one(site: MemorySite) -> None:
    """As when an old copy of the file was put back, without a stage to go on from."""
    old = dict(site.objects)
    SmallLog(site.open()).append(entries(300, 5), [b"another"])
    site.objects["issuance/checkpoint"] = old["issuance/checkpoint"]
    site.objects["statements/checkpoint"] = old["statements/checkpoint"]

    SmallLog(site.open())

    assert check_log(site.open()).issuance == entries(0, 305)


def test_cosignatures_on_the_published_checkpoint_are_kept(site: MemorySite) -> None:
    """It says all that the committed one does, and more."""
    committed = site.objects["issuance/checkpoint"]
    note = parse_note(committed)
    line = sign_cosignature(note.text, "witness.example", STRANGER.note, 1_700_000_000)
    cosigned = SignedNote(note.text, (*note.signatures, line)).encode()
    site.objects["issuance/checkpoint"] = cosigned

    SmallLog(site.open())

    assert site.objects["issuance/checkpoint"] == cosigned


def refused(site: MemorySite, text: str) -> None:
    """Recovery refuses, says why, and changes nothing."""
    before = dict(site.objects)
    with pytest.raises(StoreError, match=text):
        SmallLog(site.open())
    assert site.objects == before


def test_a_published_checkpoint_that_is_newer_than_the_lock_database_is_refused(site: MemorySite) -> None:
    """The database is an old copy: going on would sign a second history."""
    old = site.database.heads
    SmallLog(site.open()).append(entries(300, 5))
    site.database.heads = old

    refused(site, r"305 entries.*300 entries.*old copy")


def test_a_tree_head_that_is_later_than_the_lock_database_is_refused(site: MemorySite) -> None:
    """Also when the tree is the same: tree heads never go back in time."""
    old = site.database.heads
    SmallLog(site.open()).append([])
    site.database.heads = old

    refused(site, "old copy")


@pytest.mark.parametrize("path", ["issuance/checkpoint", "statements/checkpoint"])
def test_another_root_of_the_same_size_is_refused(site: MemorySite, path: str) -> None:
    """Two histories are signed: a person has to look, and keep both."""
    root = sha256(b"another history").digest()
    site.objects[path] = (
        KEYS.sign_issuance(300, root, 1) if path.startswith("issuance") else KEYS.sign_statements(2, root)
    )

    refused(site, "two roots of")


def test_an_earlier_checkpoint_of_another_history_is_refused(site: MemorySite) -> None:
    """It is not a prefix of the committed tree."""
    site.objects["issuance/checkpoint"] = KEYS.sign_issuance(299, sha256(b"another history").digest(), 1)

    refused(site, "299 entries.*another history")


def test_a_published_checkpoint_by_other_keys_is_refused(site: MemorySite) -> None:
    """The folder's keys and its objects are of different logs."""
    site.objects["issuance/checkpoint"] = STRANGER.sign_issuance(1, sha256(b"x").digest(), 1)

    refused(site, r"issuance/checkpoint is not by the keys of log\.example/issuance")


def test_junk_in_place_of_a_checkpoint_is_refused(site: MemorySite) -> None:
    """It is not ours to overwrite."""
    site.objects["statements/checkpoint"] = b"junk"

    refused(site, "statements/checkpoint is not by the keys")


def test_a_lock_database_by_other_keys_is_refused(site: MemorySite) -> None:
    """The keys in the folder are not this log's."""
    stores = site.open()
    with pytest.raises(StoreError, match="in the lock database is not by the keys"):
        recover(stores.blobs, stores.heads, STRANGER.issuance, STRANGER.statements)


def test_a_new_lock_database_beside_a_published_log_is_refused(site: MemorySite) -> None:
    """It was lost, and a new one would start a second history."""
    site.database.heads = None

    refused(site, "the lock database is new")


def test_the_two_logs_of_a_store_cannot_be_exchanged(site: MemorySite) -> None:
    """Each checkpoint must be of its own origin."""
    site.objects["issuance/checkpoint"], site.objects["statements/checkpoint"] = (
        site.objects["statements/checkpoint"],
        site.objects["issuance/checkpoint"],
    )

    refused(site, "issuance/checkpoint is not by the keys")


def altered(data: bytes) -> bytes:
    """The same length, another last byte."""
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize("change", [altered, lambda data: data[:-1], lambda data: b""])
def test_a_stage_that_was_altered_is_refused(site: MemorySite, change: Callable[[bytes], bytes]) -> None:
    """The batch is committed, and what it publishes is not to be trusted."""
    cut_short(site, Step.HEADS, Moment.AFTER)
    (path,) = (path for path in site.objects if path.startswith("stage/"))
    site.objects[path] = change(site.objects[path])

    refused(site, "stage of the last batch cannot be read")


def test_another_batchs_stage_in_its_place_is_refused(site: MemorySite) -> None:
    """It says itself what heads it leads to."""
    cut_short(site, Step.STAGE, Moment.AFTER)
    (other,) = (data for path, data in site.objects.items() if path.startswith("stage/"))
    SmallLog(site.open())
    cut_short_differently(site)
    (path,) = (path for path in site.objects if path.startswith("stage/"))
    site.objects[path] = other

    refused(site, "of another batch")


def cut_short_differently(site: MemorySite) -> None:
    """Another batch on the same log, committed and not published."""

    def hook(step: Step, moment: Moment) -> None:
        if (step, moment) == (Step.OBJECTS, Moment.BEFORE):
            raise RuntimeError

    log = SmallLog(site.open())
    log.hook = hook
    with pytest.raises(UnfinishedError):
        log.append([b"something else"])


def test_a_committed_batch_whose_stage_is_gone_is_refused(site: MemorySite) -> None:
    """Its tiles are nowhere: they must come from a backup or a mirror."""
    cut_short(site, Step.HEADS, Moment.AFTER)
    for path in [path for path in site.objects if path.startswith("stage/")]:
        del site.objects[path]

    refused(site, "is missing: restore")


@pytest.mark.parametrize(
    "path", ["issuance/tile/0/001.p/44", "issuance/tile/1/000.p/1", "statements/tile/0/000.p/2"]
)
@pytest.mark.parametrize("missing", [True, False])
def test_an_edge_that_does_not_lead_to_the_signed_root_is_refused(
    site: MemorySite, path: str, missing: bool
) -> None:
    """Missing or altered, in either tree, at any level."""
    if missing:
        del site.objects[path]
    else:
        site.objects[path] = altered(site.objects[path])

    refused(site, "restore")


def test_recovering_takes_the_log_over(site: MemorySite) -> None:
    """Whoever had it before can commit no more, and its half-made batch is gone for good."""
    old = SmallLog(site.open())

    def hook(step: Step, moment: Moment) -> None:
        if (step, moment) == (Step.HEADS, Moment.BEFORE):
            assert any(path.startswith("stage/") for path in site.objects)
            SmallLog(site.open())
            assert not any(path.startswith("stage/") for path in site.objects)

    old.hook = hook
    with pytest.raises(StoreError, match="taken this log over"):
        old.append(entries(300, 5))

    assert len(check_log(site.open()).issuance) == 300
