# SPDX-License-Identifier: Apache-2.0
"""The sequencer on a clock that the test drives: batches, idle hours, full pools, stale policies, absent witnesses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keystead.errors import RefusedError
from keystead.tlog.checkpoint import verify_checkpoint
from keystead_server.configuration import Configuration, default_configuration
from keystead_server.log.batch import LogIdentity
from keystead_server.log.creation import create_log, policy_operation
from keystead_server.log.keys import load_keys
from keystead_server.log.open_log import OpenLog
from keystead_server.log.operations import AddEntry
from keystead_server.log.publication import NO_WITNESSES, Cosigner, QuorumMissingError, Unpublished
from keystead_server.log.records import Placed
from keystead_server.log.sequencer import RESIGN_SECONDS, Sequencer
from keystead_server.log.snapshot import Stores
from keystead_server.settings import Settings
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.sqlite import SQLiteHeadStore

START = 1_800_000_000_000


opened: list[Path] = []
"""Each opening of the stores by the log of the running test."""


class DrivenClock:
    """A clock that stands still until `advance`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Wall time follows the same hand."""
        return START + int(self.seconds * 1000)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the hand has moved that far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move the hand, and let everybody who waited for that run."""
        self.seconds += seconds
        for until, future in self._sleepers:
            if until <= self.seconds and not future.done():
                future.set_result(None)
        self._sleepers = [item for item in self._sleepers if not item[1].done()]
        await settle()


async def settle() -> None:
    """Let the loop and the worker thread come to rest."""
    for _ in range(20):
        await asyncio.sleep(0)


class Rounds:
    """A cosigner that counts its rounds, and is asked in vain while `away`."""

    def __init__(self) -> None:
        self.away = False
        self.count = 0

    def cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        """As they are, or not at all."""
        self.count += 1
        if self.away:
            raise QuorumMissingError("the witness is away")
        return issuance.note, statements.note


@asynccontextmanager
async def sequencing(
    folder: Path, clock: DrivenClock, period: float = 1.0, cosigner: Cosigner = NO_WITNESSES
) -> AsyncIterator[Sequencer]:
    """A sequencer over a fresh log."""
    opened.clear()

    def open_stores() -> Stores:
        opened.append(folder)
        path = folder / "log.sqlite"
        heads = SQLiteHeadStore(path) if path.exists() else SQLiteHeadStore.create(path)
        return Stores(DirectoryBlobStore(folder), heads)

    create_log(
        folder, Settings("log.example", "https://log.example"), default_configuration(), open_stores, START
    )
    log = OpenLog(LogIdentity("log.example", load_keys(folder / "keys")), open_stores, cosigner=cosigner)
    sequencer = Sequencer(log, clock, period)
    sequencer.start()
    try:
        yield sequencer
    finally:
        await sequencer.close()
        log.close()


def entry(number: int, policy_index: int = 0) -> AddEntry:
    """An operation that nobody judged: the sequencer does not look inside."""
    name = number.to_bytes(32)
    return AddEntry(1, b"tbs" + name, bytes(32), b"precertificate", (), name, name, policy_index)


async def test_an_idle_log_begins_at_once_and_a_busy_one_waits_for_its_period(tmp_path: Path) -> None:
    """The first operation after silence makes a batch; what comes meanwhile makes the next, a period later."""
    clock = DrivenClock()
    async with sequencing(tmp_path, clock) as sequencer:
        (first,) = sequencer.submit([entry(1)], 10)
        one = await first
        (second,) = sequencer.submit([entry(2)], 10)
        (third,) = sequencer.submit([entry(3)], 10)
        await settle()
        assert not second.done()
        await clock.advance(1.0)
        two, three = await second, await third
        assert isinstance(one, Placed)
        assert isinstance(two, Placed)
        assert isinstance(three, Placed)
        assert (one.index, two.index, three.index) == (0, 1, 2)
        assert one.timestamp < two.timestamp == three.timestamp


async def test_one_operation_is_shared_by_all_who_ask_for_it(tmp_path: Path) -> None:
    """One place in the pool and one entry; who gives up takes it from nobody else."""
    clock = DrivenClock()
    async with sequencing(tmp_path, clock) as sequencer:
        futures = [sequencer.submit([entry(1)], 1)[0] for _ in range(5)]
        assert sequencer.waiting == 1
        futures.pop().cancel()
        assert len({await future for future in futures}) == 1
        assert sequencer.log.issuance.size == 1


async def test_a_full_pool_refuses_all_or_nothing(tmp_path: Path) -> None:
    """Entry and evidence come together or not at all; the refusal says when to come back."""
    clock = DrivenClock()
    async with sequencing(tmp_path, clock) as sequencer:
        await sequencer.submit([entry(0)], 10)[0]
        sequencer.submit([entry(1)], 2)
        with pytest.raises(RefusedError) as refusal:
            sequencer.submit([entry(2), entry(3)], 2)
        assert (refusal.value.code, refusal.value.status) == ("pool-full", 503)
        assert refusal.value.retry_after
        assert sequencer.waiting == 1
        await clock.advance(1.0)


async def test_an_idle_log_signs_its_tree_head_anew_every_hour(tmp_path: Path) -> None:
    """The same size and root, a later time, and nothing else."""
    clock = DrivenClock()
    async with sequencing(tmp_path, clock) as sequencer:
        await sequencer.submit([entry(1)], 10)[0]
        key = sequencer.log.identity.issuance_key
        before = verify_checkpoint(sequencer.log.state.heads.issuance, key)
        await settle()
        await clock.advance(RESIGN_SECONDS - 1)
        assert sequencer.log.state.heads.issuance == before.raw
        await clock.advance(2)
        while sequencer.log.state.heads.issuance == before.raw:
            await asyncio.sleep(0)
        after = verify_checkpoint(sequencer.log.state.heads.issuance, key)
        assert after.checkpoint == before.checkpoint
        assert after.timestamp is not None
        assert before.timestamp is not None
        assert after.timestamp - before.timestamp >= 1000 * (RESIGN_SECONDS - 1)
        assert (tmp_path / "issuance" / "checkpoint").read_bytes() == after.raw


async def test_what_was_admitted_under_an_old_policy_is_not_sequenced(tmp_path: Path) -> None:
    """A policy change has a batch of its own; what came too late for the old one is told to come again."""
    clock = DrivenClock()
    async with sequencing(tmp_path, clock) as sequencer:
        await sequencer.submit([entry(0)], 10)[0]
        policy = default_configuration()
        change = policy_operation(
            sequencer.log.identity,
            Configuration(policy.policy, {}, None),
            clock.now_ms() + 5000,
            policy_index=sequencer.log.policy_index,
        )
        changing = asyncio.create_task(sequencer.change_policy(change))
        await settle()
        await clock.advance(1.0)
        place = await changing
        assert isinstance(place, Placed)
        assert sequencer.log.policy_index == place.index == 1
        (late,) = sequencer.submit([entry(1, policy_index=0)], 10)
        (fresh,) = sequencer.submit([entry(2, policy_index=1)], 10)
        await clock.advance(1.0)
        outcome = await late
        assert isinstance(outcome, RefusedError)
        assert (outcome.code, outcome.status) == ("policy-changed", 503)
        assert isinstance(await fresh, Placed)


async def test_a_missing_quorum_is_asked_for_each_period_and_nothing_is_sequenced_meanwhile(
    tmp_path: Path,
) -> None:
    """Who waits is refused, in the batch and in the pool; the stores are opened anew once; then it goes on."""
    clock, cosigner = DrivenClock(), Rounds()
    async with sequencing(tmp_path, clock, cosigner=cosigner) as sequencer:
        await sequencer.submit([entry(0)], 10)[0]
        published = (tmp_path / "issuance" / "checkpoint").read_bytes()
        openings = len(opened)
        cosigner.away = True
        (waiting,) = sequencer.submit([entry(1)], 10)
        await settle()
        await clock.advance(1.0)
        outcome = await waiting
        assert isinstance(outcome, RefusedError)
        assert (outcome.code, outcome.status) == ("quorum-missing", 503)
        assert outcome.retry_after
        assert sequencer.quorum_missing
        with pytest.raises(RefusedError, match="the witness is away") as refusal:
            sequencer.submit([entry(2)], 10)
        assert refusal.value.code == "quorum-missing"
        for _ in range(5):
            before = cosigner.count
            while cosigner.count == before:
                await clock.advance(1.0)
        assert len(opened) == openings + 1
        assert (tmp_path / "issuance" / "checkpoint").read_bytes() == published
        assert (sequencer.log.issuance.size, sequencer.log.heads.issuance) == (1, published)
        assert sequencer.log.records.precertificate((1).to_bytes(32)) is not None  # it is committed

        cosigner.away = False
        while sequencer.wounded is not None:
            await clock.advance(1.0)
        assert (sequencer.log.issuance.size, sequencer.recoveries) == (2, 1)
        (later,) = sequencer.submit([entry(2)], 10)
        while not later.done():
            await clock.advance(1.0)
        placed = await later
        assert isinstance(placed, Placed)
        assert placed.index == 2
