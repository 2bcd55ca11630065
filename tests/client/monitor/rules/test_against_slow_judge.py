# SPDX-License-Identifier: Apache-2.0
"""Every rule against a slow judge that was written from the definitions, on histories by chance."""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from keystead.monitor.replay import load_knowledge
from keystead.monitor.store import Store
from support.compared_judges import Compared, Outcome
from support.random_history import RandomHistory

_FIRST = int(os.environ.get("KEYSTEAD_FIRST_HISTORY", "0"))
_HISTORIES = int(os.environ.get("KEYSTEAD_RANDOM_HISTORIES", "40"))
"""Thousands were judged so; a run of the suite takes a few of them."""

_BLOCK = 8


async def _compare(seed: int, folder: Path) -> Counter[Outcome]:
    *_, history = RandomHistory(seed, wild=bool(seed % 3)).steps(30)
    report = await history.monitor(folder)
    assert report.logs[0].error is None
    with Store(folder) as store:
        compared = Compared(store.db, load_knowledge(store.db, history.anchors), Random(seed))
        compared.everything()
    return compared.seen


@pytest.mark.parametrize("block", range(_FIRST, _FIRST + _HISTORIES, _BLOCK))
async def test_every_rule_agrees_with_the_slow_judge(block: int, tmp_path: Path) -> None:
    """About devices, keys, subscribers, certificates and entries that cannot be read."""
    seen: Counter[Outcome] = Counter()
    for seed in range(block, block + _BLOCK):
        try:
            seen += await _compare(seed, tmp_path / str(seed))
        except AssertionError as error:
            raise AssertionError(f"history {seed}") from error
    # It must not hold for want of cases.
    assert len(seen) >= 30
