# SPDX-License-Identifier: Apache-2.0
"""The index of a running log: heads in the log, answers that verify, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from keystead.encoding.json import decode_json
from keystead.index.answer import parse_answer
from keystead.index.kinds import IndexKind, Subject
from keystead.index.verification import Freshness, IndexTrust, VerifiedAnswer, verify_answer
from support.index_replay import check_heads, heads_of, read_raw_log
from support.running_log import RunningLog, running_log


async def ask(log: RunningLog, subject: Subject, **parameters: Any) -> VerifiedAnswer:
    """An answer, verified."""
    query = "&".join(f"{name.rstrip('_')}={value}" for name, value in parameters.items())
    answer = await log.get(f"/index/v1/{subject.kind.text}/{subject.value.hex()}?{query}")
    assert answer.status == 200, answer.body
    trust = log.trust
    keys = IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)
    now_ms = log.server.log.heads.time
    return verify_answer(
        parse_answer(answer.body), subject, keys, Freshness(now_ms), head_index=parameters.get("head")
    )


async def covered(log: RunningLog, issuance: int, statements: int) -> VerifiedAnswer:
    """Wait for a head that covers so much; an answer under it."""
    subject = Subject(IndexKind.POLICIES, b"")
    async with asyncio.timeout(30):
        while True:
            answer = await log.get("/index/v1/policies/")
            if answer.status == 200:
                found = await ask(log, subject)
                statement = found.head.statement
                if statement.issuance_size >= issuance and statement.statements_size >= statements:
                    return found
            await asyncio.sleep(0.02)


async def test_what_was_logged_is_found(tmp_path: Path) -> None:
    """By device, key, subscriber and certificate, in both logs; and what was not logged is proven absent."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        first = log.world.leaf("First AB", serial=5_000_001)
        second = log.world.leaf("Second AB", serial=5_000_001)
        answers = [
            await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_001)))
            for leaf in (first, second)
        ]
        await log.add_chain(first.body(first.certificate()))
        await covered(log, 3, 3)
        device = bytes.fromhex(answers[0].json["devices"][0])
        certificate = bytes.fromhex(answers[0].json["certificate_id"])
        found = await ask(log, Subject(IndexKind.DEVICE_CERTIFICATES, device))
        assert found.answer.page.entries == (0, 1, 2)
        found = await ask(log, Subject(IndexKind.CERTIFICATE_ENTRIES, certificate))
        assert found.answer.page.entries == (0, 2)
        found = await ask(log, Subject(IndexKind.DEVICE_STATEMENTS, device))
        assert found.answer.page.entries == tuple(answer.json["statement_index"] for answer in answers)
        found = await ask(log, Subject(IndexKind.CERTIFICATE_STATEMENTS, certificate))
        assert found.answer.page.entries == (answers[0].json["statement_index"],)
        for kind in (IndexKind.DEVICE_CERTIFICATES, IndexKind.SERVICE_STATEMENTS):
            assert (await ask(log, Subject(kind, bytes(32)))).answer.page.count == 0
        assert (await ask(log, Subject(IndexKind.UNDECODABLE, b""))).answer.page.count == 0
    assert len(check_heads(tmp_path / "log")) >= 1


async def test_pages_and_heads(tmp_path: Path) -> None:
    """`from`, `limit` and `head` choose the page and the moment."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        serial = 5_000_001
        leaves = [log.world.leaf(f"Company {number}", serial=serial) for number in range(6)]
        for leaf in leaves[:3]:
            answer = await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, serial)))
        subject = Subject(IndexKind.DEVICE_CERTIFICATES, bytes.fromhex(answer.json["devices"][0]))
        old = await covered(log, 3, 4)
        for leaf in leaves[3:]:
            await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, serial)))
        new = await covered(log, 6, 7)
        assert (await ask(log, subject)).answer.page.entries == (0, 1, 2, 3, 4, 5)
        page = (await ask(log, subject, limit=2)).answer.page
        assert (page.first, page.entries) == (4, (4, 5))
        page = (await ask(log, subject, from_=1, limit=3)).answer.page
        assert (page.first, page.entries, page.count) == (1, (1, 2, 3), 6)
        page = (await ask(log, subject, from_=9)).answer.page
        assert (page.first, page.entries, page.count) == (9, (), 6)
        page = (await ask(log, subject, limit=99999)).answer.page
        assert page.entries == (0, 1, 2, 3, 4, 5)
        then = await ask(log, subject, head=old.head.index)
        assert then.answer.page.entries == (0, 1, 2)
        assert then.head.lag == 3
        assert then.head.index < new.head.index


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("devices/" + "00" * 32, 400, "bad-parameter"),
        ("device-certificates/", 400, "bad-parameter"),
        ("device-certificates/" + "00" * 31, 400, "bad-parameter"),
        ("device-certificates/" + "0A" * 32, 400, "bad-parameter"),
        ("undecodable/" + "00" * 32, 400, "bad-parameter"),
        ("policies/?from=-1", 400, "bad-parameter"),
        ("policies/?from=01", 400, "bad-parameter"),
        ("policies/?limit=x", 400, "bad-parameter"),
        ("policies/?from=1&from=1", 400, "bad-parameter"),
        ("policies/?form=1", 400, "bad-parameter"),
        ("policies/?head=0", 404, "head-not-held"),
        ("policies/?head=99999", 404, "head-not-held"),
        ("policies", 404, "not-found"),
    ],
)
async def test_what_is_not_answered(tmp_path: Path, path: str, status: int, code: str) -> None:
    """Questions that are none, and heads that are not there."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        await covered(log, 0, 1)
        answer = await log.get(f"/index/v1/{path}")
        assert (answer.status, answer.code) == (status, code)


async def test_a_log_without_an_index(tmp_path: Path) -> None:
    """It says so, and appends no heads."""
    async with running_log(tmp_path) as log:
        answer = await log.get("/index/v1/policies/")
        assert (answer.status, answer.code) == (503, "index-unavailable")
        assert "Retry-After" in answer.headers
        assert await log.kinds() == ["log-policy"]


async def test_an_idle_log_has_one_head(tmp_path: Path) -> None:
    """A head is appended for what is not covered; heads themselves make none due."""
    async with running_log(tmp_path, index_period_ms=10) as log:
        await covered(log, 0, 1)
        await asyncio.sleep(0.3)
        assert await log.kinds() == ["log-policy", "index-head"]


async def test_a_restart_goes_on(tmp_path: Path) -> None:
    """The index is served again, under the heads from before too, and goes on with what is logged then."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        leaf = log.world.leaf("First AB", serial=5_000_001)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_001)))
        subject = Subject(IndexKind.DEVICE_CERTIFICATES, bytes.fromhex(answer.json["devices"][0]))
        old = await covered(log, 1, 2)
    async with running_log(tmp_path, index_period_ms=20) as log:
        leaf = log.world.leaf("Second AB", serial=5_000_001)
        await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_001)))
        await covered(log, 2, 4)
        assert (await ask(log, subject)).answer.page.entries == (0, 1)
        assert (await ask(log, subject, head=old.head.index)).answer.page.entries == (0,)
    check_heads(tmp_path / "log")


async def test_a_lost_index_is_built_again(tmp_path: Path) -> None:
    """From the logs alone, to the same root."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        for number in range(5):
            leaf = log.world.leaf(f"Company {number}", serial=5_000_000 + number)
            await log.add_pre_chain(
                leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_000 + number))
            )
        await covered(log, 5, 6)
    heads = len(heads_of(read_raw_log(tmp_path / "log").statements))
    for path in (tmp_path / "log" / "index").iterdir():
        path.unlink()
    async with running_log(tmp_path, index_period_ms=20) as log:
        found = await covered(log, 5, 6)
        assert found.answer.page.count == 1
        assert len([kind for kind in await log.kinds() if kind == "index-head"]) == heads
    check_heads(tmp_path / "log")


async def test_with_front_ends(tmp_path: Path) -> None:
    """The indexer is a process, and the front ends read its files."""
    async with running_log(tmp_path, index_period_ms=50, front_ends=1) as log:
        leaf = log.world.leaf("First AB", serial=5_000_001)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_001)))
        await covered(log, 1, 2)
        subject = Subject(IndexKind.DEVICE_CERTIFICATES, bytes.fromhex(answer.json["devices"][0]))
        assert (await ask(log, subject)).answer.page.entries == (0,)
        document = decode_json((await log.get(f"/index/v1/device-certificates/{subject.value.hex()}")).body)
        assert list(document) == [
            "kind",
            "value",
            "count",
            "from",
            "entries",
            "page_proof",
            "map_proof",
            "head",
            "issuance",
        ]
    check_heads(tmp_path / "log")
