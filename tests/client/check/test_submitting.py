# SPDX-License-Identifier: Apache-2.0
"""Waiting for the index to cover what was submitted: it ends, with a head or with a sentence."""

import asyncio
from collections.abc import Callable

import pytest

from keystead.check.submitting import Covered, decline, wait_for_head
from keystead.errors import FetchError, VerificationError
from keystead.lookup.log_index import LogIndex
from keystead.lookup.snapshot import Snapshot
from keystead.statements.payloads import RevocationReason
from support.history import History
from support.indexed_log import IndexedLog


class _Clock:
    """Time passes while somebody sleeps, and things happen meanwhile."""

    def __init__(self, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.told = 0
        self._meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`."""
        self.now += seconds
        self.slept.append(seconds)
        self._meanwhile(len(self.slept))

    def advance(self, steps: int = 1) -> None:
        """As of a progress."""
        self.told += steps


def _wait(indexed: IndexedLog, wanted: Covered, clock: _Clock, patience_s: float = 10) -> Snapshot:
    index = LogIndex(indexed.log.trust, indexed, clock=lambda: indexed.log.now_ms)
    return asyncio.run(
        wait_for_head(
            index,
            wanted,
            patience_s=patience_s,
            waiting=clock,
            sleep=clock.sleep,
            clock=lambda: clock.now,
        )
    )


@pytest.fixture
def indexed() -> IndexedLog:
    """A log whose head covers a policy and nothing else, with a certificate and its evidence behind it."""
    history = History()
    indexed = IndexedLog(history.log)
    indexed.list_all()
    indexed.add_head()
    history.certificate("Alpha AB", serial=1)
    return indexed


def _cover(indexed: IndexedLog) -> None:
    indexed.list_all()
    indexed.add_head()


def test_a_head_that_is_there(indexed: IndexedLog) -> None:
    """Nobody waits."""
    _cover(indexed)
    clock = _Clock()
    assert _wait(indexed, Covered(0, 2), clock).head.statement.issuance_size == 1
    assert not clock.slept


def test_a_head_that_comes(indexed: IndexedLog) -> None:
    """It is asked for more and more seldom, and whoever waits is told."""
    clock = _Clock(lambda times: _cover(indexed) if times == 6 else None)
    _wait(indexed, Covered(0, 2), clock)
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert clock.told == 6


def test_a_head_that_covers_the_entry_alone(indexed: IndexedLog) -> None:
    """The evidence must be covered, too."""
    _cover(indexed)
    with pytest.raises(VerificationError, match="and statement 99") as caught:
        _wait(indexed, Covered(0, 99), _Clock())
    assert caught.value.check == "index-too-far-behind"


def test_a_head_that_does_not_come(indexed: IndexedLog) -> None:
    """The sentence says what was seen, and what to do."""
    clock = _Clock()
    with pytest.raises(VerificationError, match=r"covers 0 entries and 1 statements.*submit it again"):
        _wait(indexed, Covered(0), clock)
    assert clock.now == pytest.approx(10)


def test_an_index_that_is_being_built(indexed: IndexedLog) -> None:
    """It is waited for; what fails otherwise is raised."""
    honest = indexed.get
    status = 503

    async def busy(path: str, limit: int = 1 << 30) -> bytes | None:
        raise FetchError("busy", status=status)

    indexed.get = busy  # type: ignore[method-assign]

    def answer(times: int) -> None:
        if times == 3:
            indexed.get = honest  # type: ignore[method-assign]
            _cover(indexed)

    _wait(indexed, Covered(0), _Clock(answer))
    indexed.get = busy  # type: ignore[method-assign]
    with pytest.raises(VerificationError, match="does not answer yet"):
        _wait(indexed, Covered(0), _Clock())
    status = 404
    with pytest.raises(FetchError):
        _wait(indexed, Covered(0), _Clock())


def test_holding_back() -> None:
    """The statement names the precertificate, and says that its certificate is never issued."""
    statement = decline("log", bytes(32), 7, 99)
    assert (statement.reason, statement.issuance_index) == (RevocationReason.NOT_ISSUED, 7)
    assert (statement.log, statement.issued, statement.on) == ("log", 99, 99)
