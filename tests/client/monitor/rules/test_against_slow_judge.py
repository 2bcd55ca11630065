# SPDX-License-Identifier: Apache-2.0
"""Every rule against a slow judge that was written from the definitions, on histories by chance.

Thousands were judged so. This judges more, in pieces if need be:

    KEYSTEAD_FIRST_HISTORY=60 KEYSTEAD_RANDOM_HISTORIES=600 pytest -k slow_judge tests/client/monitor/rules
"""

import os
from collections import Counter
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from keystead.monitor.findings import Finding, State
from keystead.monitor.misbehaviour import recorded_misbehaviour
from keystead.monitor.replay import load_knowledge
from keystead.monitor.revocation_list import RevocationList
from keystead.monitor.store import Store
from support.compared_judges import Compared, Outcome
from support.history import History
from support.random_history import RandomHistory
from support.revocation_lists import Reason, list_of
from support.slow_misbehaviour import Deed, misdeeds

_FIRST = int(os.environ.get("KEYSTEAD_FIRST_HISTORY", "0"))
_HISTORIES = int(os.environ.get("KEYSTEAD_RANDOM_HISTORIES", "60"))
_BLOCK = 60

_COVERAGE = ("no-service", "unaudited", "not-qualifying", "withdrawn", "lapsed", "not-enrolled")
_LIES = (
    "statement-without-right",
    "malformed-statement",
    "evidence-withheld",
    "evidence-wrong",
    "wrong-leaf-index",
    "time-goes-back",
)
EVERY_OUTCOME: frozenset[Outcome] = frozenset(
    {
        *(("shared-device", reason, "open") for reason in _COVERAGE),
        *(("shared-device", how) for how in ("covered", "aliased", "revoked", "expired", "ended")),
        ("sequential-reuse", None, "open"),
        *(
            ("sequential-reuse", how)
            for how in ("covered", "transferred", "aliased", "revoked", "expired", "ended")
        ),
        *(("outside-service", reason, "open") for reason in ("no-service", "other-service")),
        *(("outside-service", how) for how in ("covered", "revoked", "expired", "ended")),
        ("contested-enrolment", None, "open"),
        *(("contested-enrolment", how) for how in ("revoked", "expired", "ended")),
        ("same-key-two-subscribers", None, "open"),
        *(("same-key-two-subscribers", how) for how in ("aliased", "revoked", "expired")),
        ("same-key-two-devices", None, "open"),
        *(("same-key-two-devices", how) for how in ("revoked", "expired", "ended")),
        ("tainted-device", None, "open"),
        *(("tainted-device", how) for how in ("revoked", "expired", "ended")),
        ("repeat-offender", None, "open"),
        *(("repeat-offender", how) for how in ("revoked", "expired")),
        *(("weak-evidence", reason, "open") for reason in ("declared", "evidence-missing")),
        *(("weak-evidence", how) for how in ("revoked", "expired", "ended")),
        ("undecodable", None, "open"),
        *(("undecodable", how) for how in ("revoked", "expired")),
        *(("log-misbehaviour", kind, "open") for kind in _LIES),
    }
)
"""What must occur in the histories of a run: every rule with every reason, and with everything that settles it."""


def _lists(history: History, picks: Random) -> dict[str, RevocationList]:
    """Sometimes the monitor's user has a revocation list."""
    if picks.random() < 0.8 or not history.issued:
        return {}
    issued = picks.choice(history.issued)
    reason = picks.choice((Reason.key_compromise, Reason.superseded))
    return {"a list": list_of(picks.randint(10, 100), issued, reason=reason)}


async def _compare(seed: int, folder: Path) -> Counter[Outcome]:
    """One history, or with every fifth seed two logs beside each other."""
    picks, names = Random(seed), ("log.example", "other.example")[: 1 if seed % 5 else 2]
    histories = []
    for number, name in enumerate(names):
        *_, history = RandomHistory(seed + number * 10**6, name, wild=bool(seed % 3)).steps(30)
        histories.append(history)
    first, *others = histories
    report = await first.monitor(folder, 1000, others=others, lists=_lists(first, picks))
    assert [log.error for log in report.logs] == [None] * len(histories)
    deeds = {deed for history in histories for deed in misdeeds(history.log, first.anchors)}
    with Store(folder) as store:
        compared = Compared(store.db, load_knowledge(store.db, first.anchors), picks)
        compared.everything()
        assert {(one.origin, one.kind, one.subject) for one in recorded_misbehaviour(store.db)} == deeds
    _check_accused([found for found in report.findings if found.rule == "log-misbehaviour"], deeds)
    return compared.seen + Counter({("log-misbehaviour", kind, "open"): 1 for _, kind, _ in deeds})


def _check_accused(found: list[Finding], deeds: set[Deed]) -> None:
    """One finding for each log and kind, with a proof of every case."""
    assert {one.subject: {proof["subject"] for proof in one.proofs} for one in found} == {
        sha256(f"{origin}\n{kind}".encode()).digest(): {
            about for other, which, about in deeds if (other, which) == (origin, kind)
        }
        for origin, kind, _ in deeds
    }
    assert all((one.severity.text, one.state) == ("high", State.OPEN) for one in found)


@pytest.mark.parametrize("block", range(_FIRST, _FIRST + _HISTORIES, _BLOCK))
async def test_every_rule_agrees_with_the_slow_judge(block: int, tmp_path: Path) -> None:
    """About devices, keys, subscribers, certificates, entries that cannot be read, and what logs did."""
    seen: Counter[Outcome] = Counter()
    for seed in range(block, block + _BLOCK):
        try:
            seen += await _compare(seed, tmp_path / str(seed))
        except AssertionError as error:
            raise AssertionError(f"history {seed}: {error}") from error
    # It must not hold for want of cases.
    assert not (_wanted(seen) if block == 0 else set())


def _wanted(seen: Counter[Outcome]) -> set[tuple[str | None, ...]]:
    """What did not occur."""
    settled = {(rule, how) for rule, _, how in seen if how != "open"}
    return {outcome for outcome in EVERY_OUTCOME if outcome not in seen and outcome not in settled}
