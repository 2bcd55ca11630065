# SPDX-License-Identifier: Apache-2.0
"""Front ends as processes of their own, before a real log."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp

from keystead.statements.policy import parse_policy
from support.running_log import RunningLog, running_log, sct_of
from support.whole_log import read_whole_log
from support.world import World


async def post_anew(log: RunningLog, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    """POST over a connection of its own, so that any of the front ends may get it."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        session.post(log.server.url + path, data=body) as response,
    ):
        return response.status, await response.json(content_type=None)


async def get_anew(log: RunningLog, path: str) -> bytes:
    """GET likewise."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        session.get(log.server.url + path) as response,
    ):
        return await response.read()


PRE = "/issuance/ct/v1/add-pre-chain"


async def test_two_front_ends_give_one_promise_for_one_precertificate(tmp_path: Path) -> None:
    """Forty connections, spread over two processes: one entry, one `device-evidence`, one SCT."""
    async with running_log(tmp_path, front_ends=2, period_ms=50) as log:
        leaf = log.world.leaf(serial=7)
        body = leaf.body(leaf.precertificate, log.world.evidence(leaf, 7))
        answers = await asyncio.gather(*(post_anew(log, PRE, body) for _ in range(40)))
        assert {status for status, _ in answers} == {200}
        assert len({str(document["serialized_sct"]) for _, document in answers}) == 1
        whole = await read_whole_log(log)
        assert (len(whole.entries), len(whole.statements)) == (1, 2)


async def test_whoever_was_answered_finds_the_entry_at_any_front_end(tmp_path: Path) -> None:
    """The checkpoint that any front end serves right after an answer covers what was answered."""
    async with running_log(tmp_path, front_ends=2, period_ms=1) as log:
        for number in range(20):
            leaf = log.world.leaf(f"Org {number}", serial=number + 1)
            status, document = await post_anew(log, PRE, leaf.body(leaf.precertificate))
            assert status == 200
            size = int((await get_anew(log, "/issuance/checkpoint")).split(b"\n")[1])
            assert size > int(str(document["leaf_index"]))
            head = json.loads(await get_anew(log, "/issuance/ct/v1/get-sth"))
            assert head["tree_size"] >= size


async def test_refusals_and_statements_pass_through_the_channel_unchanged(tmp_path: Path) -> None:
    """Codes, statuses, sentences and Retry-After are those of the intake."""
    world = World(tmp_path / "world")
    policy = world.write_policy(limits="per_issuer = 1")
    async with running_log(tmp_path, world, policy=policy, front_ends=1) as log:
        first, second = (world.leaf(f"Org {n}", serial=n, not_before=1_000_000_000) for n in (1, 2))
        assert (await log.add_pre_chain(first.body(first.precertificate))).status == 200
        answer = await log.add_pre_chain(second.body(second.precertificate))
        assert (answer.status, answer.code) == (429, "quota-exceeded")
        assert int(answer.headers["Retry-After"]) > 0
        answer = await log.post("/statements/add", b"{}")
        assert (answer.status, answer.code) == (400, "envelope-malformed")
        assert (await log.get("/healthz")).json["issuance_size"] == 1


async def test_devices_that_an_extension_names_reach_the_records(tmp_path: Path) -> None:
    """The rules for statements ask the lock database which devices an issuing key's certificates are on."""
    async with running_log(tmp_path, front_ends=1) as log:
        leaf = log.world.leaf(serial=7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        (device,) = answer.json["devices"]
        records = log.server.log.records
        assert records.issued_on(bytes.fromhex(device), {leaf.authority.issuer_key_hash})


async def test_a_policy_change_reaches_every_front_end(tmp_path: Path) -> None:
    """Also for the very next submission, which was judged under the old one first."""
    async with running_log(tmp_path, front_ends=2) as log:
        log.world.write_policy(backfill="any")
        for _ in range(8):
            assert parse_policy(await get_anew(log, "/policy")).backfill == "evidence"
        assert await log.server.reload_policy()
        for number in range(8):
            leaf = log.world.leaf(f"Org {number}", key=log.world.vendor.yubikey(number + 1).generate())
            status, document = await post_anew(
                log, "/issuance/ct/v1/add-chain", leaf.body(leaf.certificate())
            )
            assert status == 200, document
            assert parse_policy(await get_anew(log, "/policy")).backfill == "any"


async def test_a_front_end_that_dies_is_started_again(tmp_path: Path) -> None:
    """The log goes on, and its promises stand."""
    async with running_log(tmp_path, front_ends=1) as log:
        leaf = log.world.leaf(serial=7)
        first = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert log.server.pool is not None
        (process_id,) = log.server.pool.process_ids
        os.kill(process_id, signal.SIGKILL)
        while True:
            try:
                again = await log.add_pre_chain(leaf.body(leaf.precertificate))
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
        assert sct_of(again) == sct_of(first)
        assert set(log.server.pool.process_ids) != {process_id}


def test_front_ends_end_with_the_sequencer(tmp_path: Path) -> None:
    """A killed server leaves no process behind that answers for it."""
    policy = World(tmp_path / "world").write_policy()
    command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(tmp_path / "log")]
    command += ["--listen", "127.0.0.1:0", "--policy", str(policy), "--front-ends", "2", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        json.loads(server.stdout.readline())
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        front_ends = [int(child) for child in children if _is_front_end(int(child))]
        assert len(front_ends) == 2
        server.kill()
        server.wait()
    for process_id in front_ends:
        # The channel closes with the sequencer; nothing waits, so this is a matter of milliseconds.
        while _is_front_end(process_id):
            pass


def _is_front_end(process_id: int) -> bool:
    try:
        return b"keystead_server.frontend.process" in Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return False
