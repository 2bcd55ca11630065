# SPDX-License-Identifier: Apache-2.0
"""Asking witnesses: their status codes, their garbage, their slowness, and what is published all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, cycle
from pathlib import Path

import pytest
from aiohttp import web

from keystead.tlog.checkpoint import LogKey, verify_checkpoint
from keystead.tlog.cosignature import verify_cosignature
from keystead.tlog.note import parse_note
from keystead.tlog.policy import parse_policy
from keystead_server.log.publication import CHECKPOINTS, QuorumMissingError, Unpublished
from keystead_server.log.steps import Step
from keystead_server.settings import Witnesses
from keystead_server.witness.collector import WitnessCollector
from keystead_server.witness.report import Failure
from support.small_log import KEYS, SmallLog
from support.store_sites import MemorySite, StorePair
from support.witness import Witness, policy_of

TIMEOUT_MS = 2000


class Desk:
    """A small log whose checkpoints are cosigned, and its witnesses."""

    def __init__(self, stores: StorePair, witnesses: list[Witness], quorum: int | str) -> None:
        self.stores = stores
        self.log = SmallLog(stores)
        self.witnesses = witnesses
        self.policy = parse_policy(policy_of(*witnesses, quorum=quorum))
        self.collector = WitnessCollector(Witnesses(self.policy, TIMEOUT_MS))
        for witness in witnesses:
            for key in (KEYS.issuance, KEYS.statements):
                assert key.vkey is not None
                witness.know(key.vkey.encode())

    async def restart(self) -> None:
        """Forget all hints."""
        await self.collector.close()
        self.collector = WitnessCollector(Witnesses(self.policy, TIMEOUT_MS))
        await self.collector.start()

    def append(self, issuance: list[bytes], statements: Sequence[bytes] = ()) -> None:
        """Commit a batch; readers go on seeing what they saw."""
        seen = {path: self.stores.blobs.get(path) for path in CHECKPOINTS.values()}
        self.log.append(issuance, statements)
        for path, note in seen.items():
            assert note is not None
            self.stores.blobs.publish(path, note)

    async def cosign(self) -> tuple[bytes, bytes]:
        """Have what is committed cosigned, as the worker thread does."""
        assert self.log.heads is not None
        issuance = Unpublished(self.stores.blobs, Step.ISSUANCE, self.log.heads.issuance)
        statements = Unpublished(self.stores.blobs, Step.STATEMENTS, self.log.heads.statements)
        return await asyncio.to_thread(self.collector.cosign, issuance, statements)

    async def publish(self) -> tuple[bytes, bytes]:
        """Have it cosigned, and show it to readers."""
        notes = await self.cosign()
        for path, note in zip(CHECKPOINTS.values(), notes, strict=True):
            self.stores.blobs.publish(path, note)
        return notes

    def cosigners(self, note: bytes) -> list[str]:
        """Who cosigned, all lines verified; the log's own lines are the committed ones, and come first."""
        key = KEYS.issuance if b"/issuance\n" in note else KEYS.statements
        verify_checkpoint(note, LogKey(key.origin, key.vkey, key.sct_key, self.policy))
        assert self.log.heads is not None
        committed = self.log.heads.issuance if b"/issuance\n" in note else self.log.heads.statements
        assert note.startswith(committed)
        return sorted(self.policy.cosigners(parse_note(note)))

    def failures(self) -> dict[str, dict[str, int]]:
        """What failed for the issuance log, by witness."""
        reports = [report for report in self.collector.reports() if report.log == "issuance"]
        return {report.witness: dict(report.failures) for report in reports}


@asynccontextmanager
async def desk(folder: Path, number: int, quorum: int | str) -> AsyncIterator[Desk]:
    """A log with three entries, and witnesses that are alive and know it."""
    async with AsyncExitStack() as stack:
        witnesses = [
            await stack.enter_async_context(Witness(f"w{each}.example", folder / f"w{each}.json"))
            for each in range(number)
        ]
        place = Desk(MemorySite(folder).open(), witnesses, quorum)
        place.append([b"one", b"two", b"three"], [b"said"])
        await place.collector.start()
        try:
            yield place
        finally:
            await place.collector.close()


async def test_every_witness_cosigns_both_checkpoints(tmp_path: Path) -> None:
    """From nothing, and then from where it was, with a proof; what was asked is what the specification says."""
    async with desk(tmp_path, 2, "all") as place:
        for note in await place.publish():
            assert place.cosigners(note) == ["w0", "w1"]
        place.append([b"four"], [b"said again"])
        for note in await place.publish():
            assert place.cosigners(note) == ["w0", "w1"]
        for witness in place.witnesses:
            assert sorted(witness.requests) == [
                ("log.example/issuance", 0, 3, 200),
                ("log.example/issuance", 3, 4, 200),
                ("log.example/statements", 0, 2, 200),
                ("log.example/statements", 2, 3, 200),
            ]
        reports = place.collector.reports()
        assert [(report.witness, report.log, report.cosignatures) for report in reports] == [
            (name, log, 2) for log in ("issuance", "statements") for name in ("w0", "w1")
        ]
        assert {(report.time, report.failing, report.failures) for report in reports} == {
            (1_800_000_000, None, ())
        }


async def test_what_did_not_change_keeps_its_cosignatures(tmp_path: Path) -> None:
    """A log that did not grow is not cosigned again; a tree head signed anew is, at the same size."""
    async with desk(tmp_path, 1, "all") as place:
        await place.publish()
        before = len(place.witnesses[0].requests)
        _, statements = await place.publish()
        assert len(place.witnesses[0].requests) == before
        place.append([])
        notes = await place.publish()
        assert place.witnesses[0].requests[before:] == [("log.example/issuance", 3, 3, 200)]
        assert [place.cosigners(note) for note in notes] == [["w0"], ["w0"]]
        assert notes[1] == statements


async def test_a_tree_head_signed_anew_needs_no_witness_that_cosigned_the_tree(tmp_path: Path) -> None:
    """The cosignature covers size and root: while the witness is dead, the old one stays good."""
    async with desk(tmp_path, 1, "all") as place:
        await place.publish()
        await place.witnesses[0].__aexit__()
        place.append([])
        issuance, _ = await place.publish()
        assert place.cosigners(issuance) == ["w0"]


async def test_two_of_three_with_one_dead(tmp_path: Path) -> None:
    """What is published bears those that are alive; the dead one is asked each time, and is back when it is."""
    async with desk(tmp_path, 3, 2) as place:
        dead = place.witnesses[1]
        await dead.__aexit__()
        for number in range(3):
            place.append([b"entry %d" % number])
            for note in await place.publish():
                assert place.cosigners(note) == ["w0", "w2"]
        failures = place.failures()
        assert (failures["w0"], set(failures["w1"]), failures["w2"]) == ({}, {"unreachable"}, {})
        async with dead:
            place.append([b"later"])
            issuance, statements = await place.publish()
            for number in count():  # it is not waited for after it failed
                if "w1" in place.cosigners(issuance):
                    break
                place.append([b"later %d" % number])
                issuance, statements = await place.publish()
            assert "w0" in place.cosigners(statements)


async def test_a_missing_quorum_is_named_and_a_retry_asks_only_who_is_missing(tmp_path: Path) -> None:
    """Nothing comes back without it; what was cosigned already is not asked for again."""
    async with desk(tmp_path, 3, "all") as place:
        for dead in place.witnesses[1:]:
            await dead.__aexit__()
        for _ in range(3):
            with pytest.raises(QuorumMissingError, match=r"missing: w1, w2$"):
                await place.cosign()
        assert len(place.witnesses[0].requests) == 2
        async with place.witnesses[1], place.witnesses[2]:
            for note in await place.cosign():
                assert place.cosigners(note) == ["w0", "w1", "w2"]
        assert len(place.witnesses[0].requests) == 2


async def test_a_witness_that_is_elsewhere_says_where(tmp_path: Path) -> None:
    """409 names its size, from which it is asked again: after a restart of the log, and after its own loss."""
    async with desk(tmp_path, 1, "all") as place:
        await place.cosign()  # cosigned, and never published
        witness = place.witnesses[0]
        place.append([b"four", b"five"])
        await place.restart()
        witness.requests.clear()
        await place.publish()
        assert [request for request in witness.requests if "issuance" in request[0]] == [
            ("log.example/issuance", 0, 5, 409),
            ("log.example/issuance", 3, 5, 200),
        ]
        # What is published shows where a witness is, so that a restart costs no conflict.
        place.append([b"six"])
        await place.restart()
        witness.requests.clear()
        await place.publish()
        assert ("log.example/issuance", 5, 6, 200) in witness.requests
        # A witness that lost its memory begins anew.
        (tmp_path / "w0.json").unlink()
        place.append([b"seven"])
        witness.requests.clear()
        await place.publish()
        assert [request for request in witness.requests if "issuance" in request[0]] == [
            ("log.example/issuance", 6, 7, 409),
            ("log.example/issuance", 0, 7, 200),
        ]


async def test_a_fork_is_cosigned_by_nobody(tmp_path: Path) -> None:
    """A second history under the same keys, longer, as long or shorter than the one that the witness saw."""
    async with desk(tmp_path, 1, "all") as place:
        place.append([b"four", b"five"])
        await place.publish()
        witness = place.witnesses[0]
        for entries, failure in ((6, Failure.REFUSED), (5, Failure.REFUSED), (4, Failure.CONFLICT)):
            fork = Desk(MemorySite(tmp_path / str(entries)).open(), [witness], "all")
            fork.append([b"other %d" % number for number in range(entries)], [b"said"])
            await fork.collector.start()
            with pytest.raises(QuorumMissingError, match="missing: w0"):
                await fork.cosign()
            assert fork.failures() == {"w0": {failure: 1}}
            await fork.collector.close()
        assert witness.sizes()["log.example/issuance"] == 5
        assert len(witness.evidence) == 2


def _counting() -> Callable[[], web.Response]:
    sizes = cycle((1, 2))
    return lambda: _response(409, f"{next(sizes)}\n")


def _response(status: int, text: str = "", **headers: str) -> web.Response:
    return web.Response(status=status, text=text, headers=headers)


GARBAGE: dict[str, tuple[Callable[[], web.Response], Failure]] = {
    "empty": (lambda: _response(200), Failure.MALFORMED),
    "html": (lambda: _response(200, "<html></html>\n"), Failure.MALFORMED),
    "not UTF-8": (lambda: web.Response(body=b"\xff\xfe\n"), Failure.MALFORMED),
    "endless": (lambda: _response(200, "— w0.example AAAA\n" * 10_000), Failure.MALFORMED),
    "a stranger's line": (lambda: _response(200, "— x.example AAAAAAAA\n"), Failure.SIGNATURE),
    "a conflict without a size": (lambda: _response(409), Failure.MALFORMED),
    "a conflict with words": (lambda: _response(409, "ahead of you\n"), Failure.MALFORMED),
    "a conflict that repeats": (lambda: _response(409, "0\n"), Failure.CONFLICT),
    "a conflict with the future": (lambda: _response(409, "4\n"), Failure.CONFLICT),
    "a storm of conflicts": (_counting(), Failure.CONFLICT),
    "a redirect": (lambda: _response(307, Location="http://127.0.0.1:9/"), Failure.REFUSED),
    **{
        str(status): (lambda status=status: _response(status), Failure.REFUSED)
        for status in (400, 403, 404, 422)
    },
    **{str(status): (lambda status=status: _response(status), Failure.REFUSED) for status in (204, 429, 500)},
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_an_answer_that_is_no_cosignature_counts_as_none(tmp_path: Path, name: str) -> None:
    """Nothing of it is published; where it was not needed, what is published is as good without."""
    answer, failure = GARBAGE[name]
    async with desk(tmp_path, 2, 1) as place:
        bad = place.witnesses[0]
        bad.answer = answer
        issuance, statements = await place.publish()
        assert place.cosigners(issuance) == place.cosigners(statements) == ["w1"]
        assert place.failures() == {"w0": {failure: 1}, "w1": {}}


async def test_a_wrong_signature_is_not_published(tmp_path: Path) -> None:
    """A cosignature on another text, under the right name and key id, would spoil the checkpoint for readers."""
    async with desk(tmp_path, 2, 1) as place:
        place.witnesses[0].wrong = True
        issuance, _ = await place.publish()
        assert place.cosigners(issuance) == ["w1"]
        assert place.failures()["w0"] == {"signature": 1}


async def test_a_slow_witness_holds_publication_up_once_and_is_never_asked_twice_at_a_time(
    tmp_path: Path,
) -> None:
    """It has its time; then the others go on without it, round after round, while its one request is under way."""
    async with desk(tmp_path, 3, 2) as place:
        slow = place.witnesses[2]
        slow.gate.clear()
        await place.publish()
        assert place.failures()["w2"] in ({"unreachable": 1}, {})
        # Long before the timeout of the request that is under way now.
        for number in range(20):
            place.append([b"entry %d" % number])
            issuance, _ = await place.publish()
            assert place.cosigners(issuance) == ["w0", "w1"]
        assert not slow.overlapping
        slow.gate.set()
        for number in count():
            if "w2" in place.cosigners(issuance):
                break
            place.append([b"more %d" % number])
            issuance, _ = await place.publish()
        assert not any(witness.overlapping for witness in place.witnesses)


async def test_a_quorum_that_does_not_answer_in_time_is_missing(tmp_path: Path) -> None:
    """The round ends with the timeout, not with the witness; what it signs later is taken by the retry."""
    async with desk(tmp_path, 1, "all") as place:
        place.witnesses[0].gate.clear()
        with pytest.raises(QuorumMissingError):
            await place.cosign()
        place.witnesses[0].gate.set()
        issuance, _ = await place.cosign()
        assert verify_cosignature(parse_note(issuance), place.policy.witnesses[0].key) == 1_800_000_000
        assert not place.witnesses[0].overlapping


async def test_a_witness_without_a_url_is_not_asked(tmp_path: Path) -> None:
    """It may be in the policy for readers; the log cannot reach it."""
    async with desk(tmp_path, 2, 1) as place:
        text = place.policy.text.replace(f" {place.witnesses[1].url}", "")
        collector = WitnessCollector(Witnesses(parse_policy(text), TIMEOUT_MS))
        await collector.start()
        assert [report.witness for report in collector.reports()] == ["w0", "w0"]
        await collector.close()
