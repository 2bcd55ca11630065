# SPDX-License-Identifier: Apache-2.0
"""Logs that are begun in their middle: what is not read is said, accuses nobody, and can be read later."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from keystead.monitor.back_fill import Start
from keystead.monitor.findings import Finding
from keystead.monitor.misbehaviour import recorded_misbehaviour
from keystead.monitor.run import Report
from keystead.monitor.store import Store
from keystead.statements.payloads import RevocationReason
from support.death import killed_at
from support.history import History, milliseconds
from support.padding import fill_bundle
from support.random_history import RandomHistory
from support.slow_misbehaviour import Deed, misdeeds
from support.state_dump import dump_state

_WIDTH = 256
EVERYTHING = Start(0)


def _told(report: Report) -> list[tuple[str, str | None, str, str]]:
    return [(found.rule, found.reason, found.state.value, found.severity.text) for found in report.findings]


def _misbehaviour(findings: Iterable[Finding]) -> list[str | None]:
    return [found.reason for found in findings if found.rule == "log-misbehaviour"]


def _two_bundles() -> History:
    """Alpha AB in the first bundle, Beta GmbH in the second, on one token."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    fill_bundle(history)
    history.day(10)
    history.certificate("Beta GmbH", serial=1, ca=history.south)
    return history


async def test_what_is_not_read_is_said_and_can_be_read_later(tmp_path: Path) -> None:
    """Begun at the second bundle, the device is not known to be shared; read back to the first, it is."""
    history = _two_bundles()
    history.certificate("Gamma SA", serial=2)
    history.certificate("Delta SA", serial=2)

    begun = await history.monitor(tmp_path, start=Start(300))
    again = await history.monitor(tmp_path)
    filled = await history.monitor(tmp_path, start=EVERYTHING)

    assert [len(report.findings) for report in (begun, again, filled)] == [1, 1, 2]
    # An entry in the middle of a bundle: the whole bundle is read.
    assert (begun.logs[0].issuance_first, begun.logs[0].issuance_size, begun.logs[0].issuance_new) == (
        _WIDTH,
        _WIDTH + 3,
        3,
    )
    for report in (begun, again):
        (part,) = report.unread
        assert part.to_json() == {"origin": "log.example/issuance", "entries": _WIDTH}
        (finding,) = report.findings
        assert finding.to_json()["unread"] == [part.to_json()]
    assert "first 256 entries of log.example/issuance were not read" in begun.unread[0].sentence
    assert filled.unread == ()
    assert all(finding.unread == () for finding in filled.findings)
    assert (filled.logs[0].issuance_first, filled.logs[0].issuance_new) == (0, _WIDTH)


async def test_a_log_that_is_read_already_is_not_read_again(tmp_path: Path) -> None:
    """Where to begin is a question for a log that is new, or for what was left out."""
    history = _two_bundles()
    await history.monitor(tmp_path)
    history.log.requests.clear()

    report = await history.monitor(tmp_path, start=Start(256))

    assert report.unread == ()
    assert history.log.requests == ["statements/checkpoint", "issuance/checkpoint"]


async def test_beyond_the_end_is_the_last_bundle(tmp_path: Path) -> None:
    """Who wants what comes next begins where the log is."""
    history = _two_bundles()

    report = await history.monitor(tmp_path, start=Start(10**9))

    assert (report.logs[0].issuance_first, report.logs[0].issuance_new) == (_WIDTH, 1)


async def test_since_finds_the_bundle_and_looks_at_few(tmp_path: Path) -> None:
    """A search for the time; what was looked at on the way is not fetched again, nor in the next round."""
    history = History()
    for number in range(9):
        history.day(number * 10 + 0.5)
        fill_bundle(history)
    wanted = Start(since_ms=milliseconds(45))

    first = await history.monitor(tmp_path, start=wanted)
    second = await history.monitor(tmp_path, start=wanted)
    earlier = await history.monitor(tmp_path, start=Start(since_ms=milliseconds(20.5)))

    # The bundle of day 40 is the last one that begins before day 45.
    assert [report.logs[0].issuance_first for report in (first, second)] == [4 * _WIDTH] * 2
    # That of day 20 begins on it, so what came just before may have been logged on that day, too.
    assert earlier.logs[0].issuance_first == _WIDTH
    bundles = Counter(path for path in history.log.requests if "tile/data" in path)
    assert max(bundles.values()) == 1
    assert len(bundles) <= 9


@pytest.mark.parametrize("seed", range(6))
async def test_filled_in_later_equals_read_in_one_go(seed: int, tmp_path: Path) -> None:
    """Begun anywhere, followed, read back in two steps: the same facts and findings, and nothing fetched twice."""
    picks = Random(seed)
    cuts = sorted(picks.sample(range(3, 27), 3))
    starts: list[int] = []
    reports: list[Report] = []
    for number, history in enumerate(RandomHistory(seed).steps(30)):
        if number in cuts[:2]:
            starts.append(fill_bundle(history))
        if number >= cuts[2]:
            reports.append(await history.monitor(tmp_path / "late", start=Start(starts[1])))
    late = history.log.requests[:]
    half = await history.monitor(tmp_path / "late", start=Start(starts[0]))
    filled = await history.monitor(tmp_path / "late", start=EVERYTHING)
    late = history.log.requests[:]
    history.log.requests.clear()
    once = await history.monitor(tmp_path / "once")
    begun = await history.monitor(tmp_path / "half", start=Start(starts[0]))

    assert [log.error for report in (*reports, half, filled, once) for log in report.logs] == [None] * (
        len(reports) + 3
    )
    assert filled.findings == once.findings
    assert dump_state(tmp_path / "late") == dump_state(tmp_path / "once")
    # Read back to a bundle, it is what a monitor has that began there.
    assert half.findings == begun.findings
    # Whom only earlier entries excuse is accused; nobody else, and the log of nothing.
    assert set(_misbehaviour(half.findings)) <= set(_misbehaviour(once.findings))
    fetched = Counter(path for path in late if not path.endswith("checkpoint"))
    assert [path for path, times in fetched.items() if times > 1] == []


@pytest.mark.parametrize("seed", range(1, 9))
async def test_a_log_that_lies_is_caught_alike(seed: int, tmp_path: Path) -> None:
    """Begun in the middle it is accused of nothing that it did not do; read back, of all that it did."""
    cut, history = 5 + seed, None
    for number, told in enumerate(RandomHistory(seed, wild=True).steps(30)):
        history = told
        if number == cut:
            start = fill_bundle(history)
    assert history is not None
    deeds = misdeeds(history.log, history.anchors)

    begun = await history.monitor(tmp_path / "late", start=Start(start))
    at_first = _deeds(tmp_path / "late")
    filled = await history.monitor(tmp_path / "late", start=EVERYTHING)
    once = await history.monitor(tmp_path / "once")

    assert begun.logs[0].error is None
    assert at_first <= deeds
    assert _deeds(tmp_path / "late") == _deeds(tmp_path / "once") == deeds
    # A proof has the checkpoint that was seen first.
    assert [replace(found, proofs=()) for found in filled.findings] == [
        replace(found, proofs=()) for found in once.findings
    ]


def _deeds(folder: Path) -> set[Deed]:
    with Store.reading(folder) as db:
        return {(one.origin, one.kind, one.subject) for one in recorded_misbehaviour(db)}


async def test_what_earlier_entries_could_excuse_is_not_held_against_the_log(tmp_path: Path) -> None:
    """A CA states a transfer of a device that its certificate is on, in an entry that was not read."""
    history = History()
    first = history.certificate("Alpha AB", serial=1, valid=(0, 100))
    fill_bundle(history)
    history.day(120)
    second = history.certificate("Beta GmbH", serial=1, valid=(120, 300), ca=history.south)
    history.transfer(1, first, second, by="North CA")
    history.revoke(first, RevocationReason.SUPERSEDED)

    begun = await history.monitor(tmp_path, start=Start(_WIDTH))
    filled = await history.monitor(tmp_path, start=EVERYTHING)

    assert begun.findings == ()
    assert _told(filled) == [("sequential-reuse", None, "settled", "low")]


async def test_what_earlier_entries_forbid_is_found_out_when_they_are_read(tmp_path: Path) -> None:
    """A certificate stands in the first bundle, and its CA states in the second that it was never issued."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.finish(issued)
    fill_bundle(history)
    again = history.log.add_leaf(
        history.log.issuance.leaves[issued.index].entry.signed,
        history.log.issuance.leaves[issued.index].fingerprints,
        precertificate=history.log.issuance.leaves[issued.index].precertificate,
        issuer_key_hash=history.log.issuance.leaves[issued.index].entry.issuer_key_hash,
    )
    history.log.publish()
    history.certificate("Beta GmbH", serial=1)
    never = history.issued[0].__class__(**{**vars(issued), "index": again})
    history.revoke(never, RevocationReason.NOT_ISSUED)

    begun = await history.monitor(tmp_path / "late", start=Start(_WIDTH))
    filled = await history.monitor(tmp_path / "late", start=EVERYTHING)
    once = await history.monitor(tmp_path / "once")

    assert _misbehaviour(begun.findings) == []
    assert _misbehaviour(filled.findings) == ["statement-without-right"]
    assert filled.findings == once.findings
    assert dump_state(tmp_path / "late") == dump_state(tmp_path / "once")


async def test_times_that_go_back_between_bundles_are_found(tmp_path: Path) -> None:
    """The first entry that was read is compared with the one before it once that is read."""
    history = History(begin=20)
    fill_bundle(history)
    history.log.now_ms = milliseconds(10)
    history.certificate("Alpha AB", serial=1)
    history.log.now_ms = milliseconds(30)
    history.log.publish()

    begun = await history.monitor(tmp_path / "late", start=Start(_WIDTH))
    filled = await history.monitor(tmp_path / "late", start=EVERYTHING)
    once = await history.monitor(tmp_path / "once")

    assert "time-goes-back" not in [
        found.reason for found in begun.findings if found.entries and found.entries[0].index == _WIDTH
    ]
    assert filled.findings == once.findings
    assert dump_state(tmp_path / "late") == dump_state(tmp_path / "once")


async def test_a_fork_is_seen_through_the_tiles_that_were_kept(tmp_path: Path) -> None:
    """Tiles of the tree that the log has left do not hide that it forked: what it serves now decides."""
    history, other = History(), History()
    history.certificate("Alpha AB", serial=1)
    fill_bundle(history)
    await history.monitor(tmp_path)
    other.certificate("Beta GmbH", serial=1)
    fill_bundle(other)
    other.certificate("Gamma SA", serial=1)

    report = await other.monitor(tmp_path)
    again = await history.monitor(tmp_path)

    assert _misbehaviour(report.findings) == ["fork"]
    assert again.logs[0].error is None


def test_a_kill_while_reading_back_changes_nothing(tmp_path: Path) -> None:
    """Killed just before or just after any commit: the next round that reads back ends where an unbroken one does."""
    steps = RandomHistory(7).steps(16)
    for _ in range(6):
        history = next(steps)
    fill_bundle(history)
    for _ in range(5):
        history = next(steps)
    start = fill_bundle(history)
    *_, history = steps
    unbroken = asyncio.run(history.monitor(tmp_path / "unbroken"))
    expected = dump_state(tmp_path / "unbroken")
    deaths = 0
    for when in range(40):
        for after in (False, True):
            state = tmp_path / f"{when}-{after}"
            asyncio.run(history.monitor(state, start=Start(start)))
            died = killed_at(lambda state=state: history.monitor(state, start=EVERYTHING), when, after=after)
            deaths += died
            resumed = asyncio.run(history.monitor(state, start=EVERYTHING))
            assert resumed.findings == unbroken.findings
            assert dump_state(state) == expected
        if not died:
            break
    assert deaths >= 6
