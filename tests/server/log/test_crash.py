# SPDX-License-Identifier: Apache-2.0
"""Kills and failed system calls at every instant of a commit, on real files: nothing answered is lost."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from keystead.errors import StoreError
from keystead_server.log.publication import UnfinishedError
from keystead_server.log.steps import POINTS, Moment, Step
from keystead_server.storage import directory, durable
from keystead_server.storage.interface import BrokenError
from support.crash_worker import random_batch
from support.small_log import SmallLog, check_log, evidence_for
from support.store_sites import SITES, DirectorySite, Site
from support.watched_os import WatchedOS

TESTS = str(Path(__file__).parents[2])


class Worker:
    """The process of `support.crash_worker`."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": TESTS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.crash_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def begin(self, folder: Path, seed: int, batches: int, kill: list[Any] | None = None) -> None:
        """Start a job."""
        assert self.process.stdin is not None
        job = {"folder": str(folder), "seed": seed, "batches": batches, "kill": kill}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()

    def lines(self) -> Iterator[list[str]]:
        """What the job says, up to and with its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split()
            yield words
            if words[0] == "end":
                return

    def run(
        self, folder: Path, seed: int, batches: int, kill: list[Any] | None = None
    ) -> tuple[set[bytes], int]:
        """Run a job: the entries that it answered, and its exit code (negative: the signal)."""
        self.begin(folder, seed, batches, kill)
        answered: set[bytes] = set()
        for words in self.lines():
            if words[0] == "answered":
                answered.add(bytes.fromhex(words[1]))
            elif words[0] == "end":
                return answered, int(words[1])
        raise AssertionError("the worker ended without a word")

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One worker process for all tests here."""
    worker = Worker()
    yield worker
    worker.close()


def check_recovered(site: Site, answered: set[bytes]) -> None:
    """The log recovers alone, is whole, holds each answered entry once, and goes on."""
    stores = site.open()
    log = SmallLog(stores)
    checked = check_log(stores)
    logged = [*checked.issuance, *checked.statements]
    assert answered <= set(logged)
    assert len(logged) == len(set(logged))
    # What an entry refers to was durable before the entry.
    for path, evidence in evidence_for(checked.statements[1:]).items():
        assert stores.blobs.get(path) == evidence
    log.append([b"after the crash %d" % len(logged)])
    check_log(stores)
    stores.close()


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize(("step", "moment"), POINTS)
def test_an_error_at_each_point_loses_nothing(tmp_path: Path, kind: str, step: Step, moment: Moment) -> None:
    """Each point is shown to have been passed; the batch is in the log, or as if it never was."""
    site = SITES[kind](tmp_path)
    reached: list[tuple[Step, Moment]] = []

    def hook(at: Step, when: Moment) -> None:
        if (at, when) == (step, moment):
            reached.append((at, when))
            raise StoreError("the power is gone")

    stores = site.open()
    log = SmallLog(stores)
    log.append([b"before"], [b"statement before"], evidence_for([b"statement before"]))
    log.hook = hook
    committed = (step, moment) in POINTS[POINTS.index((Step.HEADS, Moment.AFTER)) :]
    with pytest.raises(StoreError) as caught:
        log.append([b"cut short"], [b"its statement"], evidence_for([b"its statement"]))
    stores.close()

    assert reached == [(step, moment)]
    assert isinstance(caught.value, UnfinishedError) == committed
    check_recovered(
        site, {b"before", b"statement before", *([b"cut short", b"its statement"] if committed else [])}
    )
    pair = site.open()
    assert (b"cut short" in check_log(pair).issuance) == committed
    pair.close()


@pytest.mark.parametrize(("step", "moment"), POINTS)
def test_a_kill_at_each_point_loses_nothing(
    tmp_path: Path, worker: Worker, step: Step, moment: Moment
) -> None:
    """SIGKILL in the third batch, and again where that point comes next: in the recovery, or after it."""
    # An opening drops stages, too.
    passings = 4 if step is Step.DROP else 3
    answered, code = worker.run(tmp_path, 1, 5, ["point", step, moment, passings])
    assert code == -9
    assert answered
    again, code = worker.run(tmp_path, 2, 5, ["point", step, moment, 1])
    assert code == -9

    check_recovered(DirectorySite(tmp_path), answered | again)


def test_a_kill_before_any_system_call_loses_nothing(tmp_path: Path, worker: Worker) -> None:
    """From the creation of the log on: thirty calls, spread over three batches, drawn from a seed."""
    random = Random(1)
    killed = 0
    for number in sorted(random.sample(range(400), 30)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        answered, code = worker.run(folder, number, 3, ["call", number])
        assert code in {-9, 0}
        killed += code == -9
        check_recovered(DirectorySite(folder), answered)
    assert killed >= 15


def test_kills_under_load_lose_nothing(tmp_path: Path, worker: Worker) -> None:
    """Thirty times in a row on one log, whenever some entries were answered; the rest is up to the machine."""
    random = Random(2)
    answered: set[bytes] = set()
    kills = 0
    for round_number in range(30):
        worker.begin(tmp_path, 1000 + round_number, 10_000)
        wanted = random.randrange(1, 400)
        for words in worker.lines():
            if words[0] == "answered":
                answered.add(bytes.fromhex(words[1]))
                wanted -= 1
                if wanted == 0:
                    kill_child_of(worker.process.pid)
            elif words[0] == "end":
                assert words[1] == "-9"
                kills += 1
    assert kills == 30

    check_recovered(DirectorySite(tmp_path), answered)


def kill_child_of(pid: int) -> None:
    """SIGKILL to the only child of a process."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(child), 9)


def failing_call(number: int, code: int) -> Callable[..., None]:
    """A hook of `WatchedOS` that fails one call."""

    def before(count: int, name: str, *args: object) -> None:
        if count == number and name != "close":
            raise OSError(code, os.strerror(code))

    return before


@pytest.mark.parametrize(("code", "stride"), [(errno.EIO, 1), (errno.ENOSPC, 5), (errno.EINTR, 7)])
def test_each_system_call_of_a_batch_failing_once_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, stride: int
) -> None:
    """The process that lives on recovers as one that was killed; so it does where the call is one of recovery.

    Every call fails with EIO, and every fifth or seventh with the others: what differs by the error is decided in
    the store, whose own tests fail each call with each.
    """
    watched = WatchedOS()
    monkeypatch.setattr(durable, "os", watched)
    monkeypatch.setattr(directory, "os", watched)
    monkeypatch.setattr(durable, "_SYNC_THREADS", 1)
    site = DirectorySite(tmp_path)
    answered: set[bytes] = set()
    failures = {"nothing": 0, "not committed": 0, "unfinished": 0}
    number = 0
    while True:
        stores = site.open()
        try:
            log = SmallLog(stores)
            watched.calls.clear()
            watched.before = failing_call(number, code)
            log.append([b"entry %d" % number], [b"%d" % number], evidence_for([b"%d" % number]))
            answered |= {b"entry %d" % number, b"%d" % number}
            failures["nothing"] += 1
        except UnfinishedError:
            failures["unfinished"] += 1
        except StoreError:
            failures["not committed"] += 1
        past_the_end = len(watched.calls) <= number
        # The next opening is the recovery; every third time, its own calls fail before it succeeds.
        watched.calls.clear()
        watched.before = failing_call(number % 17, code) if number % 3 == 0 else None
        stores.close()
        recover_at_last(site, watched)
        if past_the_end:
            break
        number += stride

    check_recovered(site, answered)
    assert number > 60
    assert failures["not committed"] >= 20 // stride
    assert failures["unfinished"] >= 20 // stride


def recover_at_last(site: Site, watched: WatchedOS) -> None:
    """Open the log until that succeeds, which it must once no call fails."""
    stores = None
    try:
        stores = site.open()
        SmallLog(stores)
    except StoreError:
        watched.before = None
        if stores is not None:
            stores.close()
        stores = site.open()
        SmallLog(stores)
    watched.before = None
    check_log(stores)
    stores.close()


def test_a_disk_that_stays_full_stops_the_log_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch after batch fails whole; once there is room again, the same process goes on."""
    watched = WatchedOS()
    monkeypatch.setattr(durable, "os", watched)
    site = DirectorySite(tmp_path)
    stores = site.open()
    log = SmallLog(stores)

    def full(count: int, name: str, *args: object) -> None:
        if name == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    watched.before = full
    for number in range(5):
        with pytest.raises(StoreError, match="No space left") as caught:
            log.append([b"entry %d" % number])
        assert not isinstance(caught.value, BrokenError)
    watched.before = None

    log.append([b"entry"])

    assert check_log(stores).issuance == [b"entry"]
    stores.close()


def test_short_writes_make_a_whole_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write takes 100 bytes at most."""
    watched = WatchedOS(largest_write=100)
    monkeypatch.setattr(durable, "os", watched)
    stores = DirectorySite(tmp_path).open()
    log = SmallLog(stores)
    random = Random(3)
    logged = 0
    for _ in range(5):
        entries, statements, support = random_batch(random)
        log.append(entries, statements, support)
        logged += len(entries)

    assert len(check_log(stores).issuance) == logged
    stores.close()
