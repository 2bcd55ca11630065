# SPDX-License-Identifier: Apache-2.0
"""The check against the monitor, on histories by chance: before, it says what the monitor says after."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from keystead.check.decision import Verdict
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import State
from keystead.monitor.replay import load_knowledge
from keystead.monitor.rules import same_key_two_subscribers, shared_device
from keystead.monitor.store import Store
from keystead.monitor.views import load_key_views, load_views
from support.check_material import Asked, submitted
from support.history import History, Issued
from support.random_history import RandomHistory

_HISTORIES = int(os.environ.get("KEYSTEAD_RANDOM_HISTORIES", "24"))
_BLOCK = 8
_REGISTRATIONS = (None, None, "1234567", "7654321")


def _found(state: Path, history: History, issued: Issued, at_ms: int) -> tuple[bool, bool]:
    """Whether the monitor finds that a certificate shares its device, or its key: then, and when another begins."""
    with Store(state) as store:
        knowledge = load_knowledge(store.db, history.anchors)
        devices = [device for (device,) in store.db.execute("SELECT id FROM device")]
        views = load_views(store.db, knowledge, devices)
        (key,) = store.db.execute(
            "SELECT key FROM certificate WHERE certificate_id = ?", (issued.certificate_id,)
        ).fetchone()
        keys = load_key_views(store.db, knowledge, [key])
        later = {one.live.start for view in views.devices.values() for one in view.certificates}
        found = []
        for moment in (at_ms, *sorted(start for start in later if start > at_ms)):
            findings = [
                finding
                for view in views.devices.values()
                for finding in shared_device.judge(DeviceCase(view, views.subscribers), moment).findings
            ]
            for one in keys.keys:
                findings += same_key_two_subscribers.judge(one, keys.subscribers, moment).findings
            found.append(
                any(
                    finding.state is State.OPEN
                    and any(each.certificate_id == issued.certificate_id for each in finding.certificates)
                    for finding in findings
                )
            )
    return found[0], any(found)


def _asked(
    picks: Random, history: History, label: str, registrations: Sequence[str | None] = _REGISTRATIONS
) -> Asked:
    evidence = picks.random() < 0.6
    # Without evidence nobody tells which key it is.
    known = history.issued if evidence and picks.random() < 0.3 else ()
    return Asked(
        picks.choice(("Alpha AB", "Beta GmbH", "Gamma SA")),
        serial=picks.choice((1, 2)),
        ca=picks.choice((history.north, history.south)),
        service=picks.choice((None, *history.services)),
        registration=picks.choice(registrations),
        evidence=evidence,
        label=label,
        whose=picks.choice(known) if known else None,
    )


@pytest.mark.parametrize("block", range(0, _HISTORIES, _BLOCK))
async def test_what_is_shared_before_is_found_after(block: int, tmp_path: Path) -> None:
    """`shared` before the certificate is logged exactly where a monitor finds it shared once it is."""
    seen: Counter[Verdict] = Counter()
    beginning = 0
    for seed in range(block, block + _BLOCK):
        picks = Random(seed)
        for step, history in enumerate(RandomHistory(seed).steps(30)):
            if step % 10 != 9:
                continue
            asked = _asked(picks, history, f"{seed}/{step}")
            decision = await asked.decide(history, knowing_all=True)
            seen[decision.verdict] += 1
            at_ms = history.log.now_ms
            issued = asked.issue(history)
            state = tmp_path / f"{seed}-{step}"
            report = await history.monitor(state)
            assert report.logs[0].error is None
            now, ever = _found(state, history, issued, at_ms)
            assert now <= (decision.verdict is Verdict.SHARED) <= ever
            beginning += now < ever
            # What stood before a certificate counts against it once it is submitted, and nothing else is there.
            said = await submitted(history, issued, knowing_all=True)
            assert said.verdict is decision.verdict
    assert len(seen) >= 3
    assert beginning < seen.total() / 4


@pytest.mark.parametrize("block", range(0, _HISTORIES, _BLOCK))
async def test_nothing_that_matters_is_left_out(block: int) -> None:
    """What bears on a question leads to the same answer as all that a log holds, but for who shares a name.

    Two companies of one name, told apart by registration numbers, may be known from elsewhere alone; here nobody has
    such a number.
    """
    for seed in range(block, block + _BLOCK):
        picks = Random(seed)
        for step, history in enumerate(RandomHistory(seed, registrations=(None,)).steps(40)):
            if step % 10 != 9:
                continue
            asked = _asked(picks, history, f"{seed}/{step}", (None,))
            found = await asked.decide(history)
            whole = await asked.decide(history, knowing_all=True)
            assert (found.verdict, found.reasons, found.entries) == (
                whole.verdict,
                tuple(reason for reason in whole.reasons if reason != "log-misbehaviour" or found.misbehaved),
                whole.entries,
            )
            assert found.misbehaved <= whole.misbehaved
