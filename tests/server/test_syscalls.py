# SPDX-License-Identifier: Apache-2.0
"""The real server with one system call failing, by strace's fault injection: nothing answered is ever lost.

Each case lets the server start, then fails the n-th call of a kind while clients submit. The server may answer
503, and may go on or stop; after a restart without failures the whole log must verify and hold every promise.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from support.running_log import running_log
from support.whole_log import read_whole_log
from support.world import World

STRACE = shutil.which("strace")

pytestmark = pytest.mark.skipif(
    STRACE is None, reason="strace is absent: install it to fail real system calls"
)

CASES = [
    *((f"fsync:error=EIO:when={number}", "an fsync fails") for number in (1, 2, 3, 5, 8)),
    *((f"fdatasync:error=EIO:when={number}", "an fdatasync of the database fails") for number in (1, 2, 3)),
    *((f"fsync:error=ENOSPC:when={number}", "the disk is full at an fsync") for number in (2, 4)),
    *((f"write:error=ENOSPC:when={number}", "the disk is full at a write") for number in (3, 6, 9)),
    *((f"write:error=EINTR:when={number}", "a write is interrupted") for number in (3, 7)),
    *((f"pwrite64:error=EIO:when={number}", "a write of the database fails") for number in (1, 3, 6)),
    *((f"pwrite64:error=ENOSPC:when={number}", "the disk is full for the database") for number in (2, 5)),
    *((f"openat:error=EMFILE:when={number}", "no file descriptor is left") for number in (2, 5, 9)),
    *((f"renameat,renameat2:error=EIO:when={number}", "a rename fails") for number in (1, 2)),
    *((f"linkat,link:error=EIO:when={number}", "a link fails") for number in (1, 3)),
    *((f"unlinkat:error=EIO:when={number}", "an unlink fails") for number in (1, 2)),
]


def start(folder: Path, policy: Path) -> tuple[subprocess.Popen[str], str]:
    """The server, ready."""
    command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(folder), "--front-ends", "0"]
    command += ["--listen", "127.0.0.1:0", "--policy", str(policy), "--period", "5", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["url"]


async def submit(url: str, world: World, numbers: range) -> dict[int, str]:
    """Submit one after the other, each until it is answered or the server is gone; what was promised."""
    promised: dict[int, str] = {}
    async with aiohttp.ClientSession() as session:
        for number in numbers:
            leaf = world.leaf(f"Org {number}", serial=number)
            body = leaf.body(leaf.precertificate, *((world.evidence(leaf, number),) if number % 2 else ()))
            for _ in range(200):
                with suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.post(url + "/issuance/ct/v1/add-pre-chain", data=body) as response:
                        document = await response.json(content_type=None)
                        if response.status == 200:
                            promised[number] = document["serialized_sct"]
                            break
                        assert response.status in {500, 503}, document
                await asyncio.sleep(0.01)
    return promised


@pytest.mark.parametrize(("injection", "sentence"), CASES, ids=[case[0] for case in CASES])
async def test_one_failing_system_call_loses_nothing(tmp_path: Path, injection: str, sentence: str) -> None:
    """Whatever fails once, the log goes on or starts again, whole."""
    world = World(tmp_path / "world")
    policy = world.write_policy()
    server, url = await asyncio.to_thread(start, tmp_path / "log", policy)
    trace = tmp_path / "trace"
    command = [str(STRACE), "-f", "-qq", "-o", str(trace), "-p", str(server.pid)]
    command += ["-e", f"trace={injection.partition(':')[0]}", "-e", f"inject={injection}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        # Attached once the tracer's threads show in the server's status.
        while b"TracerPid:\t0" in Path(f"/proc/{server.pid}/status").read_bytes():
            assert tracer.poll() is None, tracer.stderr.read() if tracer.stderr else ""
            await asyncio.sleep(0.01)
        promised = await submit(url, world, range(1, 7))
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
        tracer.wait()
        for pipe in (server.stdout, tracer.stderr):
            if pipe is not None:
                pipe.close()
    assert "(INJECTED)" in trace.read_text(), f"it never happened that {sentence}"
    async with running_log(tmp_path, world, policy=policy, period_ms=1) as log:
        whole = await read_whole_log(log)
        for number, sct in promised.items():
            leaf = world.leaf(f"Org {number}", serial=number)
            again = await log.add_pre_chain(leaf.body(leaf.precertificate))
            assert again.json["serialized_sct"] == sct
            assert ("statement_index" in again.json) == bool(number % 2)
        assert len((await read_whole_log(log)).entries) == len(whole.entries)
