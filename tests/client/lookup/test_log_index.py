# SPDX-License-Identifier: Apache-2.0
"""Asking a log's index: what is old or far behind is refused, and what is no answer is named."""

from dataclasses import replace

import pytest

from keystead.errors import FetchError, VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.log_index import Limits, LogIndex
from support.indexed_log import IndexedLog
from support.memory_log import MemoryLog

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x01" * 32)
ABSENT = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x02" * 32)


@pytest.fixture
def indexed() -> IndexedLog:
    """Three entries of a device, and a head."""
    indexed = IndexedLog()
    for _ in range(3):
        indexed.add_entry(DEVICE)
    indexed.add_head()
    return indexed


def _index(indexed: IndexedLog, limits: Limits | None = None, *, later_ms: int = 0) -> LogIndex:
    return LogIndex(
        indexed.log.trust, indexed, limits or Limits(), clock=lambda: indexed.log.now_ms + later_ms
    )


async def _refused(index: LogIndex, subject: Subject = DEVICE) -> str:
    with pytest.raises(VerificationError) as refused:
        await index.open(subject)
    return refused.value.check


async def test_a_history_and_absence(indexed: IndexedLog) -> None:
    """Both are proven, under a head whose age and lag are told."""
    snapshot = await _index(indexed, later_ms=5_000).open(DEVICE)
    assert (await snapshot.history(DEVICE)).entries == (0, 1, 2)
    assert snapshot.head.lag == 0
    assert 5_000 <= snapshot.age_ms <= 5_010
    found = await snapshot.history(ABSENT)
    assert (found.count, found.entries, found.whole) == (0, (), True)
    assert len(snapshot.documents) == 2


async def test_an_old_head_is_refused(indexed: IndexedLog) -> None:
    """By the reader's limit, which is a quarter of an hour where nobody says otherwise."""
    quarter = 15 * 60 * 1000
    await _index(indexed, later_ms=quarter - 1_000).open(DEVICE)
    assert await _refused(_index(indexed, later_ms=quarter + 1)) == "head-too-old"
    await _index(indexed, Limits(max_age_ms=2 * quarter), later_ms=quarter + 1).open(DEVICE)


async def test_an_index_that_is_behind_is_refused(indexed: IndexedLog) -> None:
    """By the number of entries that the head does not cover."""
    for _ in range(4):
        indexed.add_entry()
    indexed.log.publish()
    assert (await _index(indexed, Limits(max_lag=4)).open(DEVICE)).head.lag == 4
    assert await _refused(_index(indexed, Limits(max_lag=3))) == "index-too-far-behind"


async def test_a_clock_that_is_wrong(indexed: IndexedLog) -> None:
    """A head from the future is refused: one of the clocks is wrong."""
    assert await _refused(_index(indexed, later_ms=-600_000)) == "head-from-the-future"


async def test_an_answer_that_cannot_be_read(indexed: IndexedLog) -> None:
    """It is named, and kept in the error."""

    def garble(path: str, answer: bytes | None) -> bytes | None:
        return b"{}" if path.startswith("index/") else answer

    class Garbled:
        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            return garble(path, await indexed.get(path, limit))

    index = LogIndex(indexed.log.trust, Garbled(), clock=lambda: indexed.log.now_ms)
    with pytest.raises(VerificationError) as refused:
        await index.open(DEVICE)
    assert refused.value.check == "malformed-answer"
    assert refused.value.evidence["answer"] == b"{}"


async def test_a_lie_is_kept_in_the_error(indexed: IndexedLog) -> None:
    """Whoever is lied to has the answer in hand."""
    indexed.lies.append(
        lambda answer: replace(answer, page=replace(answer.page, entries=answer.page.entries[:-1]))
    )
    with pytest.raises(VerificationError) as refused:
        await _index(indexed).open(DEVICE)
    assert refused.value.evidence["answer"]


async def test_an_index_that_is_being_built(indexed: IndexedLog) -> None:
    """It is said, and what to do; other failures of the log are told as they are."""

    class Failing:
        status = 503

        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            raise FetchError("no", status=self.status)

    failing = Failing()
    index = LogIndex(indexed.log.trust, failing, clock=lambda: indexed.log.now_ms)
    with pytest.raises(FetchError, match="being built"):
        await index.open(DEVICE)
    failing.status = 500
    with pytest.raises(FetchError, match=r"^no$"):
        await index.open(DEVICE)


async def test_a_log_without_an_index() -> None:
    """It is said, as is a head that is not kept any more."""
    log = MemoryLog()
    log.publish()
    with pytest.raises(FetchError, match="no device index"):
        await LogIndex(log.trust, log, clock=lambda: log.now_ms).open(DEVICE)
    indexed = IndexedLog()
    indexed.add_head()
    with pytest.raises(FetchError, match="does not keep the head at 7"):
        await _index(indexed).open(DEVICE, head=7)
