# SPDX-License-Identifier: Apache-2.0
"""Two processes on one log, with nothing but the stores between them: they never fork it.

`storage.lock` keeps a second server out of a folder. Here that lock is left aside, as on a file system where it
does nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.tlog.checkpoint import parse_checkpoint
from keystead.tlog.note import parse_note
from keystead_server.log.steps import POINTS, Moment, Step
from keystead_server.storage.interface import BlobStore, ConflictError, Heads, HeadStore, Row
from support.small_log import KEYS, SmallLog, check_log
from support.store_sites import SITES, DirectorySite, MemorySite, Site, StorePair

TESTS = str(Path(__file__).parents[2])


class Ledger:
    """Every signed checkpoint that leaves a process: put anywhere, published, or committed."""

    def __init__(self) -> None:
        self.roots: dict[tuple[str, int], set[bytes]] = {}

    def note(self, raw: bytes) -> None:
        """Remember what a checkpoint says."""
        checkpoint = parse_checkpoint(parse_note(raw).text)
        self.roots.setdefault((checkpoint.origin, checkpoint.size), set()).add(checkpoint.root)

    def check(self) -> None:
        """No two roots of one size."""
        forks = {key: roots for key, roots in self.roots.items() if len(roots) > 1}
        assert forks == {}


class WatchedBlobs:
    """A `BlobStore` whose publications are noted."""

    def __init__(self, blobs: BlobStore, ledger: Ledger) -> None:
        self._blobs = blobs
        self._ledger = ledger
        self.get = blobs.get
        self.delete = blobs.delete
        self.list = blobs.list
        self.close = blobs.close

    def put(self, objects: Mapping[str, bytes]) -> None:
        """No object that anyone may read holds a signed checkpoint."""
        assert not any(b"\xe2\x80\x94 log.example" in data for data in objects.values())
        self._blobs.put(objects)

    def publish(self, path: str, data: bytes) -> None:
        """What readers see."""
        self._ledger.note(data)
        self._blobs.publish(path, data)


class WatchedHeads:
    """A `HeadStore` whose commits are noted."""

    def __init__(self, heads: HeadStore, ledger: Ledger) -> None:
        self._heads = heads
        self._ledger = ledger
        self.take_over = heads.take_over
        self.held = heads.held
        self.heads = heads.heads
        self.get = heads.get
        self.look_up = heads.look_up
        self.scan = heads.scan
        self.close = heads.close

    def commit(self, expected: Heads | None, new: Heads, rows: Sequence[Row]) -> None:
        """What the log stands at, once it succeeds."""
        self._heads.commit(expected, new, rows)
        self._ledger.note(new.issuance)
        self._ledger.note(new.statements)


def opened(site: Site, ledger: Ledger) -> StorePair:
    """Stores of one process."""
    pair = site.open()
    return StorePair(WatchedBlobs(pair.blobs, ledger), WatchedHeads(pair.heads, ledger))


class Killed(BaseException):
    """The process is gone: nothing of it runs on, not even what handles errors."""


def work_in_between(site: Site, step: Step, moment: Moment, other: tuple[Step, Moment] | None) -> None:
    """One process commits; at a point, another takes the log over, commits twice, and is perhaps killed in it."""
    ledger = Ledger()
    first = SmallLog(opened(site, ledger))
    first.append([b"before"], [b"statement before"])
    answered = {b"before"}
    visited = []

    def hook_of_other(at: Step, when: Moment) -> None:
        if (at, when) == other:
            raise Killed

    def hook(at: Step, when: Moment) -> None:
        if (at, when) != (step, moment) or visited:
            return
        visited.append(at)
        try:
            second = SmallLog(opened(site, ledger))
            second.append([b"theirs 1"], [b"statement of theirs"])
            answered.add(b"theirs 1")
            second.hook = hook_of_other
            second.append([b"theirs 2"])
            answered.add(b"theirs 2")
        except Killed:
            pass

    first.hook = hook
    try:
        first.append([b"ours"], [b"statement of ours"])
        answered.add(b"ours")
    except ConflictError:
        pass
    assert visited == [step]

    last = SmallLog(opened(site, ledger))
    last.append([b"after"])
    checked = check_log(site.open())
    ledger.check()
    assert answered | {b"after"} <= set(checked.issuance)
    assert len(set(checked.issuance)) == len(checked.issuance)


@pytest.mark.parametrize(("step", "moment"), POINTS)
def test_a_log_taken_over_at_any_point_does_not_fork(tmp_path: Path, step: Step, moment: Moment) -> None:
    """Also when the one that took over is killed, at each of its own points, before the first goes on."""
    for other in (None, *POINTS):
        work_in_between(MemorySite(tmp_path), step, moment, other)


@pytest.mark.parametrize(("step", "moment"), POINTS)
def test_nor_does_it_on_files(tmp_path: Path, step: Step, moment: Moment) -> None:
    """The same on a directory and SQLite, for some of the other's points."""
    for number, other in enumerate((None, (Step.HEADS, Moment.AFTER), (Step.ISSUANCE, Moment.AFTER))):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        work_in_between(DirectorySite(folder), step, moment, other)


@pytest.mark.parametrize("kind", SITES)
def test_two_that_build_on_the_same_heads_commit_one_batch(tmp_path: Path, kind: str) -> None:
    """The other has signed its own, in memory, and neither commits nor publishes it."""
    site = SITES[kind](tmp_path)
    ledger = Ledger()
    first = SmallLog(opened(site, ledger))
    first.append([b"common"])
    second = SmallLog(opened(site, ledger))
    assert first.heads == second.heads

    second.append([b"theirs"])
    with pytest.raises(ConflictError):
        first.append([b"ours"])
    # What the loser staged goes with the next batch.
    second.append([b"more"])

    ledger.check()
    assert check_log(site.open()).issuance == [b"common", b"theirs", b"more"]


def test_a_process_that_opens_a_log_finishes_what_a_living_one_has_committed(tmp_path: Path) -> None:
    """Both end up having published the same."""
    for step, moment in product((Step.OBJECTS, Step.ISSUANCE, Step.STATEMENTS, Step.DROP), Moment):
        site = MemorySite(tmp_path)
        ledger = Ledger()
        first = SmallLog(opened(site, ledger))

        def hook(
            at: Step,
            when: Moment,
            stop: tuple[Step, Moment] = (step, moment),
            site: Site = site,
            ledger: Ledger = ledger,
        ) -> None:
            if (at, when) == stop:
                SmallLog(opened(site, ledger))

        first.hook = hook
        try:
            first.append([b"ours"])
        except StoreError as error:
            # It can no longer know what the other goes on to do.
            if not isinstance(error, ConflictError):
                raise
        ledger.check()
        assert check_log(site.open()).issuance == [b"ours"]


def test_processes_that_fight_over_a_log_do_not_fork_it(tmp_path: Path) -> None:
    """Three of them, for real, each taking the log over whenever it lost it: every commit follows one other."""
    DirectorySite(tmp_path)
    environment = {**os.environ, "PYTHONPATH": TESTS}
    workers = []
    for seed in range(3):
        worker = subprocess.Popen(
            [sys.executable, "-m", "support.crash_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert worker.stdin is not None
        job = {"folder": str(tmp_path), "seed": seed, "batches": 25, "kill": None, "share": True}
        worker.stdin.write(json.dumps(job) + "\n")
        workers.append(worker)
    outputs = [worker.communicate() for worker in workers]

    ledger = Ledger()
    answered: set[bytes] = set()
    for output, errors in outputs:
        words = [line.split() for line in output.splitlines()]
        assert words[-1] == ["end", "0"], errors
        for word in words:
            if word[0] == "checkpoint":
                ledger.note(bytes.fromhex(word[1]))
            elif word[0] == "answered":
                answered.add(bytes.fromhex(word[1]))
    ledger.check()
    assert answered

    stores = DirectorySite(tmp_path).open()
    SmallLog(stores)
    checked = check_log(stores)
    assert answered <= {*checked.issuance, *checked.statements}
    size = len(checked.issuance)
    assert (KEYS.issuance.origin, size) in ledger.roots or size == 0
    stores.close()
