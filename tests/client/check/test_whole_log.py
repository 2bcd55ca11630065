# SPDX-License-Identifier: Apache-2.0
"""What lies after the head is read as well, and proven as well."""

from collections.abc import Callable

import pytest

from keystead.check.decision import Verdict
from keystead.check.whole_log import LiveLog
from keystead.errors import LogMisbehaviourError, ParseError, ProofError, VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import Limits, LogIndex
from support.check_material import Asked, answer_from
from support.history import History, yubikey
from support.looked_up import index_of

CERTIFICATES = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))
STATEMENTS = Subject(IndexKind.DEVICE_STATEMENTS, yubikey(1))


async def _behind(tell: Callable[[History], object]) -> tuple[History, LiveLog]:
    """A log whose head covers one certificate, after more was told."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    _, index = index_of(history)
    snapshot = await index.open(POLICIES)
    tell(history)
    return history, await LiveLog.read(snapshot)


async def test_histories_go_on_behind_the_head() -> None:
    """By what an index would list there."""
    history, log = await _behind(lambda history: history.certificate("Beta GmbH", serial=1, ca=history.south))
    found = await log.history(CERTIFICATES)
    assert (found.count, found.entries) == (2, (0, 1))
    assert found.whole
    said = await log.history(STATEMENTS)
    assert len(said.entries) == 2
    assert [entry.index async for entry in log.each_entry(found.entries, CERTIFICATES)] == [0, 1]
    assert [one.index async for one in log.each_statement(said.entries, STATEMENTS)] == list(said.entries)
    with pytest.raises(LogMisbehaviourError):
        [entry async for entry in log.each_entry([1], Subject(IndexKind.KEY_CERTIFICATES, bytes(32)))]
    assert log.newest_ms <= history.log.now_ms
    assert log.issuance_size == 2


async def test_what_decides_may_lie_behind_the_head() -> None:
    """A certificate, a revocation, evidence: whatever was published counts."""
    asked = Asked("Gamma SA")
    history, log = await _behind(lambda history: None)
    assert (await answer_from(log, history, asked.question(history))).verdict is Verdict.SHARED
    history, log = await _behind(lambda history: history.revoke(history.issued[0]))
    assert (await answer_from(log, history, asked.question(history))).verdict is Verdict.CLEAR

    def enrol(history: History) -> None:
        history.revoke(history.issued[0])
        history.evidence(history.certificate("Beta GmbH", serial=2), 1)

    history, log = await _behind(enrol)
    assert (await answer_from(log, history, asked.question(history))).verdict is Verdict.SHARED


async def test_a_statement_about_an_entry_that_is_not_there_yet() -> None:
    """It waits, and is no misbehaviour."""

    def say(history: History) -> None:
        issued = history.certificate("Beta GmbH", serial=1, ca=history.south)
        # The issuance log is seen as it was before.
        history.log.issuance.sign(history.log.now_ms, issued.index)

    history, log = await _behind(say)
    assert log.issuance_size == 1
    decision = await answer_from(log, history, Asked("Alpha AB").question(history))
    assert (decision.verdict, decision.misbehaved) == (Verdict.SAME_SUBSCRIBER, False)


@pytest.mark.parametrize("prefix", ["issuance", "statements"])
async def test_a_tail_that_is_altered(prefix: str) -> None:
    """It does not hash to the checkpoint."""

    def alter(history: History) -> None:
        history.certificate("Beta GmbH", serial=1, ca=history.south)

        def lie(path: str, honest: bytes | None) -> bytes | None:
            bundles = (f"{prefix}/tile/data", f"{prefix}/tile/entries")
            if honest is None or not path.startswith(bundles):
                return honest
            return honest[:60] + bytes([honest[60] ^ 1]) + honest[61:]

        history.log.hooks.append(lie)

    with pytest.raises((ProofError, ParseError)):
        await _behind(alter)


async def test_an_older_checkpoint_is_no_news() -> None:
    """A cache may show one: what is known already counts."""

    def go_back(history: History) -> None:
        history.log.issuance.sign(history.log.now_ms + 1, 0)

    _, log = await _behind(go_back)
    assert log.issuance_size == 1


async def test_a_head_that_is_too_far_behind() -> None:
    """By the log's own newest checkpoint, before anything of the tail is read."""
    history = History()
    _, index = index_of(history)
    index = LogIndex(index.trust, index.fetcher, Limits(max_lag=1), clock=lambda: history.log.now_ms)
    snapshot = await index.open(POLICIES)
    for serial in (1, 2):
        history.certificate("Alpha AB", serial=serial)
    with pytest.raises(VerificationError) as caught:
        await LiveLog.read(snapshot)
    assert caught.value.check == "index-too-far-behind"
