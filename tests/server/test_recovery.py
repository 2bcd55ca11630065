# SPDX-License-Identifier: Apache-2.0
"""Failures and kills at any instant, on the real server: nothing answered is lost, nothing is logged twice."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from keystead.client.trust import Trust, parse_trust
from keystead.errors import KeysteadError, StoreError
from keystead.tlog.checkpoint import verify_checkpoint
from keystead_server.log.steps import POINTS, Moment, Step
from support.running_log import RunningLog, running_log
from support.whole_log import read_whole_log
from support.world import World


class Failure:
    """A hook that fails once, at one point, when armed."""

    def __init__(self, point: tuple[Step, Moment]) -> None:
        self.point = point
        self.armed = False
        self.hits = 0

    def __call__(self, step: Step, moment: Moment) -> None:
        if self.armed and (step, moment) == self.point:
            self.armed = False
            self.hits += 1
            raise StoreError("the disk failed, as this test asked it to")


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0]}-{point[1]}")
async def test_a_failed_write_is_503_and_the_retry_finds_one_entry(
    tmp_path: Path, point: tuple[Step, Moment]
) -> None:
    """Before and after every durable step: the log recovers by itself, and the retry gets the one promise."""
    failure = Failure(point)
    async with running_log(tmp_path, hook=failure, period_ms=5) as log:
        before = log.world.leaf("Before", serial=1)
        assert (await log.add_pre_chain(before.body(before.precertificate))).status == 200
        leaf = log.world.leaf(serial=7)
        body = leaf.body(leaf.precertificate, log.world.evidence(leaf, 7))
        failure.armed = True
        answer = await log.add_pre_chain(body)
        assert failure.hits == 1
        assert (answer.status, answer.code) == (503, "log-unavailable")
        assert "Retry-After" in answer.headers
        while (answer := await log.add_pre_chain(body)).status == 503:
            await asyncio.sleep(0)
        assert answer.status == 200
        assert (answer.json["leaf_index"], answer.json["statement_index"]) == (1, 1)
        whole = await read_whole_log(log)
        assert (len(whole.entries), len(whole.evidence)) == (2, 1)


async def test_a_clock_that_jumps_back_never_takes_time_back(tmp_path: Path) -> None:
    """Times in the log go on strictly, one millisecond a batch, until the clock has caught up."""

    class Jumping:
        now = 2_000_000_000_000

        def now_ms(self) -> int:
            return self.now

        def monotonic(self) -> float:
            return time.monotonic()

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.001))

    clock = Jumping()
    async with running_log(tmp_path, clock=clock) as log:
        times = []
        for number in range(4):
            leaf = log.world.leaf(f"Org {number}", serial=number + 1)
            times.append((await log.add_pre_chain(leaf.body(leaf.precertificate))).json["timestamp"])
            clock.now -= 3_600_000
        assert all(later > earlier for earlier, later in pairwise(times))
        await read_whole_log(log)


class Server:
    """`keystead serve` as a process that can be killed."""

    def __init__(self, folder: Path, policy: Path) -> None:
        self.folder = folder
        self.policy = policy
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(self.folder)]
        command += ["--listen", "127.0.0.1:0", "--policy", str(self.policy), "--period", "5", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def kill(self) -> None:
        """SIGKILL, at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


async def test_sigkill_at_random_instants_under_load_loses_nothing(tmp_path: Path) -> None:
    """Twelve kills while clients submit: every answer stands, every checkpoint is a prefix, no retry doubles."""
    chance = random.Random(20260101)
    world = World(tmp_path / "world")
    server = Server(tmp_path / "log", world.write_policy())
    answered: dict[int, bytes] = {}
    checkpoints: list[bytes] = []
    numbers = iter(range(1, 100_000))
    trust: Trust | None = None

    async def submit(session: aiohttp.ClientSession) -> None:
        while True:
            number = next(numbers)
            leaf = world.leaf(f"Org {number}", serial=number)
            evidence = (world.evidence(leaf, number),) if number % 2 else ()
            with suppress(aiohttp.ClientError, OSError):
                url = server.url + "/issuance/ct/v1/add-pre-chain"
                async with session.post(url, data=leaf.body(leaf.precertificate, *evidence)) as response:
                    document = await response.json(content_type=None)
                    if response.status == 200:
                        answered[number] = document["serialized_sct"]
                async with session.get(server.url + "/issuance/checkpoint") as response:
                    checkpoints.append(await response.read())
            await asyncio.sleep(0)

    for _ in range(12):
        await asyncio.to_thread(server.start)
        async with aiohttp.ClientSession() as session:
            if trust is None:
                async with session.get(server.url + "/trust.json") as response:
                    trust = parse_trust(await response.read())
            goal = len(answered) + chance.randrange(1, 25)
            clients = [asyncio.create_task(submit(session)) for _ in range(8)]
            while len(answered) < goal:
                await asyncio.sleep(0.001)
            # A little later than an answer: anywhere inside the next batch.
            await asyncio.sleep(chance.random() * 0.02)
            server.kill()
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    assert trust is not None
    async with running_log(tmp_path, world, policy=server.policy, period_ms=1) as log:
        whole = await read_whole_log(log)
        for raw in checkpoints:
            with suppress(KeysteadError):
                seen = verify_checkpoint(raw, trust.issuance.key).checkpoint
                assert whole.issuance_roots[seen.size] == seen.root
        size, _ = await log.sizes()
        for number, sct in answered.items():
            leaf = world.leaf(f"Org {number}", serial=number)
            evidence = (world.evidence(leaf, number),) if number % 2 else ()
            again = await log.add_pre_chain(leaf.body(leaf.precertificate, *evidence))
            assert again.json["serialized_sct"] == sct
            assert ("statement_index" in again.json) == bool(evidence)
        assert await log.sizes() == (size, len(whole.statements))
        await _every_entry_has_its_evidence(log, world)


async def _every_entry_has_its_evidence(log: RunningLog, world: World) -> None:
    """Answered or not: where evidence came with an entry, its statement is in the log."""
    whole = await read_whole_log(log)
    recorded = {statement.issuance_index for statement in whole.evidence.values()}
    with_evidence = {leaf.entry.leaf_index for leaf in whole.entries if _number_of(leaf.precertificate) % 2}
    assert recorded == with_evidence


def _number_of(precertificate: bytes) -> int:
    start = precertificate.index(b"Org ")
    return int(precertificate[start + 4 : start + precertificate[start - 1]])
