# SPDX-License-Identifier: Apache-2.0
"""Statements and evidence are read elsewhere and ahead, and judged here in the order of the log."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from keystead.client.workers import Workers
from keystead.devices.anchors import AnchorSet
from keystead.monitor import run, statement_entries
from support.history import VENDOR, History
from support.random_history import RandomHistory
from support.state_dump import dump_state


@pytest.fixture
def many_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is cut small, and begun elsewhere at once."""
    monkeypatch.setattr(run, "Workers", partial(Workers, worth=0))
    monkeypatch.setattr(statement_entries, "_READ_AT_ONCE", 2)
    monkeypatch.setattr(statement_entries, "_EXAMINED_AT_ONCE", 1)


@pytest.mark.usefixtures("many_jobs")
async def test_several_processes_keep_what_one_does(tmp_path: Path) -> None:
    """The state and the findings are the same, also where the log's policy alone knows the vendor."""
    for seed in range(2):
        *_, history = RandomHistory(seed).steps(60)
        for anchors in (history.anchors, AnchorSet(())):
            one, two = (tmp_path / f"{seed}-{len(anchors)}-{jobs}" for jobs in (1, 2))
            first = await history.monitor(one, anchors=anchors)
            second = await history.monitor(two, anchors=anchors, jobs=2)
            assert first.logs[0].error is second.logs[0].error is None
            assert first.findings == second.findings
            assert dump_state(one) == dump_state(two)


@pytest.mark.usefixtures("many_jobs")
async def test_evidence_counts_under_the_policy_in_force(tmp_path: Path) -> None:
    """What was examined ahead under an older policy is examined again where a newer one bears it."""
    history = History()
    history.policy(vendor_anchors=())
    one = history.certificate("Alpha AB", serial=1, evidence=False)
    history.day(1)
    history.policy(vendor_anchors=(VENDOR.anchor(),))
    history.day(2)
    history.evidence(one, 1)

    report = await history.monitor(tmp_path / "two", anchors=AnchorSet(()), jobs=2)
    again = await history.monitor(tmp_path / "one", anchors=AnchorSet(()))

    assert report.findings == again.findings == ()
    assert dump_state(tmp_path / "two") == dump_state(tmp_path / "one")


async def test_a_bundle_that_cannot_be_had_ends_the_round_behind_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands before is kept, whatever was begun ahead; the next round goes on there."""
    monkeypatch.setattr(run, "Workers", partial(Workers, worth=1_000))
    history = History()
    with_evidence = history.certificate("Alpha AB", serial=1)
    for _ in range(600):
        history.record_evidence(with_evidence, VENDOR.yubikey(1).attest(with_evidence.key.spki))
    history.log.publish()
    history.log.hooks.append(
        lambda path, answer: None if path.startswith("statements/tile/entries/002") else answer
    )

    report = await history.monitor(tmp_path, jobs=2)
    assert report.logs[0].error is not None
    assert report.logs[0].statements_size == 512
    history.log.hooks.clear()
    report = await history.monitor(tmp_path, jobs=2)

    assert report.logs[0].error is None
    assert report.logs[0].statements_size == len(history.log.statements.entries)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
