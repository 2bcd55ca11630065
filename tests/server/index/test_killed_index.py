# SPDX-License-Identifier: Apache-2.0
"""A real indexer, and a real server, killed by SIGKILL while certificates come: every head is right afterwards."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from keystead.client.trust import parse_trust
from keystead.index.answer import parse_answer
from keystead.index.kinds import IndexKind, Subject
from keystead.index.verification import Freshness, IndexTrust, verify_answer
from keystead_server.index.supervision import IndexerProcess
from support.index_replay import check_heads
from support.running_log import running_log
from support.served_log import ServedLog
from support.world import World


@pytest.mark.parametrize("seed", range(2))
async def test_the_indexer_is_killed(tmp_path: Path, seed: int) -> None:
    """It is started again beside the log, which did not notice, and goes on."""
    chance = random.Random(seed)
    async with running_log(tmp_path, index_period_ms=10, front_ends=1) as log:
        indexer = log.server.indexer
        assert isinstance(indexer, IndexerProcess)
        logged = 0
        for _ in range(3):
            for _ in range(chance.randrange(1, 12)):
                leaf = log.world.leaf(f"Company {logged}", serial=5_000_000 + logged % 7)
                answer = await log.add_pre_chain(
                    leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_000 + logged % 7))
                )
                assert answer.status == 200
                logged += 1
            killed = indexer.process_id
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            async with asyncio.timeout(60):
                while True:
                    answer = await log.get("/index/v1/policies/")
                    if answer.status == 200 and indexer.process_id != killed:
                        found = parse_answer(answer.body)
                        head = verify_answer(found, found.subject, _keys(log.server.trust), None).head
                        if head.statement.issuance_size == logged:
                            break
                    await asyncio.sleep(0.05)
    heads = check_heads(tmp_path / "log")
    assert heads[-1].statement.issuance_size == logged


def _keys(trust: bytes) -> IndexTrust:
    parsed = parse_trust(trust)
    return IndexTrust(parsed.issuance.key, parsed.statements.key, parsed.statements.statement_key)


def _submitting(url: str, folder: Path, seed: int) -> subprocess.Popen[bytes]:
    """A process that submits certificate after certificate until the server is gone."""
    program = """
import sys, urllib.request
from pathlib import Path
from support.world import World
url, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
world = World(folder)
for number in range(1000):
    serial = 5_000_000 + number % 5
    leaf = world.leaf(f"Company {seed} {number}", serial=serial)
    body = leaf.body(leaf.precertificate, world.evidence(leaf, serial))
    urllib.request.urlopen(urllib.request.Request(url + "/issuance/ct/v1/add-pre-chain", data=body), timeout=30).read()
"""
    return subprocess.Popen(
        [sys.executable, "-c", program, url, str(folder), str(seed)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stderr=subprocess.DEVNULL,
    )


def test_the_whole_server_is_killed(tmp_path: Path) -> None:
    """Sequencer, front ends and indexer at once, again and again: the log's heads are right, and answers verify."""
    world = World(tmp_path / "world")
    policy = world.write_policy()
    chance = random.Random(7)
    for round_number in range(4):
        served = ServedLog(tmp_path / "log", policy, "--index-period", 10, "--front-ends", 1)
        with served as log:
            submitting = _submitting(log.url, tmp_path / "world", round_number)
            wanted = chance.randrange(5, 25)
            while _issuance_size(log.url) < wanted * (round_number + 1):
                assert submitting.poll() is None
            group = [log.process.pid, *_children(log.process.pid)]
            for process in group:
                os.kill(process, signal.SIGKILL)
            log.process.communicate()
            submitting.kill()
            submitting.wait()
    with ServedLog(tmp_path / "log", policy, "--index-period", 10) as log:
        size = _issuance_size(log.url)
        keys = _keys((tmp_path / "log" / "trust.json").read_bytes())
        subject = Subject(IndexKind.UNDECODABLE, b"")
        while True:
            try:
                with urllib.request.urlopen(f"{log.url}/index/v1/undecodable/", timeout=30) as answer:
                    found = verify_answer(
                        parse_answer(answer.read()), subject, keys, Freshness(time.time_ns() // 1_000_000)
                    )
            except urllib.error.HTTPError as error:
                assert error.code == 503  # noqa: PT017 - it is being built
                continue
            if found.head.statement.issuance_size == size:
                break
    heads = check_heads(tmp_path / "log")
    assert heads[-1].statement.issuance_size == size


def _issuance_size(url: str) -> int:
    with urllib.request.urlopen(f"{url}/issuance/checkpoint", timeout=30) as answer:
        return int(answer.read().split(b"\n")[1])


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
