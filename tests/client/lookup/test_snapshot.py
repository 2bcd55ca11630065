# SPDX-License-Identifier: Apache-2.0
"""Several answers under one head, paged histories, and what lies after the head."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from keystead.errors import FetchError, LogMisbehaviourError, ProofError, VerificationError
from keystead.index.answer import IndexAnswer, parse_answer
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.log_index import Limits, LogIndex
from keystead.lookup.snapshot import Snapshot
from keystead.tlog.proof import parse_tlog_proof
from support.indexed_log import IndexedLog

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x01" * 32)
OTHER = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x02" * 32)
SAID = Subject(IndexKind.DEVICE_STATEMENTS, b"\x01" * 32)
LONG = 2_345


@pytest.fixture(scope="module")
def long() -> IndexedLog:
    """A device with a history of three pages, every other entry of the log; one statement."""
    indexed = IndexedLog()
    for _ in range(LONG):
        indexed.add_entry(DEVICE)
        indexed.add_entry(OTHER)
    indexed.add_statement(SAID)
    indexed.add_head()
    return indexed


def _index(indexed: IndexedLog) -> LogIndex:
    return LogIndex(indexed.log.trust, indexed, clock=lambda: indexed.log.now_ms)


async def _open(indexed: IndexedLog, subject: Subject = DEVICE) -> Snapshot:
    return await _index(indexed).open(subject)


async def test_a_whole_history(long: IndexedLog) -> None:
    """Page by page, each once, in its order."""
    snapshot = await _open(long)
    long.log.requests.clear()
    pages = [answer.answer.page async for answer in snapshot.pages(DEVICE)]
    assert [entry for page in pages for entry in page.entries] == list(range(0, 2 * LONG, 2))
    assert [page.first for page in pages] == [0, 1000, 1345]
    assert len(long.log.requests) == 2  # the newest page came with the head
    assert len(snapshot.documents) == 3


@pytest.mark.parametrize("newest", [0, 1, 1000, 1001, 2_000, 5_000])
async def test_the_newest_entries(long: IndexedLog, newest: int) -> None:
    """As many as are wanted, and how many there are in all."""
    snapshot = await _open(long)
    found = await snapshot.history(DEVICE, newest=newest)
    assert found.entries == tuple(range(0, 2 * LONG, 2)[-newest:] if newest else ())
    assert (found.count, found.first) == (LONG, LONG - len(found.entries))
    assert found.whole == (newest >= LONG)


async def test_one_page(long: IndexedLog) -> None:
    """Any page, for readers that remember how far they came."""
    snapshot = await _open(long)
    assert (await snapshot.page(DEVICE, 7, 2)).answer.page.entries == (14, 16)
    assert (await snapshot.page(DEVICE, 9_999)).answer.page.entries == ()


async def test_one_head_decides() -> None:
    """Later answers are under the first one's head, whatever was logged since."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    snapshot = await _open(indexed)
    indexed.add_entry(DEVICE, OTHER)
    indexed.add_head()
    assert (await snapshot.history(OTHER)).count == 0
    assert (await snapshot.page(DEVICE, 0)).answer.page.entries == (0,)
    answers = map(parse_answer, snapshot.documents)
    assert [parse_tlog_proof(answer.head_proof).index for answer in answers] == [snapshot.head.index] * 3


async def test_a_head_that_was_not_asked_for() -> None:
    """A log that answers under another head is refused."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    snapshot = await _open(indexed)
    indexed.add_head()
    indexed.lies.append(lambda answer: indexed.answer(answer.subject))
    with pytest.raises(VerificationError) as refused:
        await snapshot.history(OTHER)
    assert refused.value.check == "other-head"


async def test_two_heads_at_one_place() -> None:
    """A log that forked shows two heads at one index: both are in the error, with their checkpoints."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    other = IndexedLog(indexed.log.fork(), {OTHER: [0]})
    indexed.add_head()
    other.add_head()
    snapshot = await _open(indexed)
    indexed.lies.append(lambda answer: other.answer(answer.subject))
    with pytest.raises(LogMisbehaviourError) as caught:
        await snapshot.history(OTHER)
    assert caught.value.check == "fork"
    assert caught.value.evidence["one"] != caught.value.evidence["other"]


@contextmanager
def _lying(indexed: IndexedLog, lie: Callable[[IndexAnswer], IndexAnswer]) -> Iterator[None]:
    indexed.lies.append(lie)
    yield
    indexed.lies.clear()


def _drop_an_entry(answer: IndexAnswer) -> IndexAnswer:
    page = answer.page
    return replace(answer, page=replace(page, entries=page.entries[:5] + page.entries[6:]))


def _drop_and_recount(answer: IndexAnswer) -> IndexAnswer:
    page = answer.page
    return replace(answer, page=replace(page, count=page.count - 1, entries=page.entries[:-1]))


async def test_an_entry_left_out_of_a_page(long: IndexedLog) -> None:
    """However it is left out, the page does not lead to the map's root."""
    for lie in (_drop_an_entry, _drop_and_recount):
        snapshot = await _open(long)
        with _lying(long, lie), pytest.raises(ProofError) as refused:
            await snapshot.history(DEVICE)
        assert refused.value.check in {"map-proof", "history-page"}


async def test_pages_out_of_order(long: IndexedLog) -> None:
    """A page from elsewhere, honest as it is, is not what was asked for; an empty one would never end."""
    for first, limit in ((1, 1000), (0, 0)):
        snapshot = await _open(long)
        elsewhere = long.answer(DEVICE, first, limit)
        with _lying(long, lambda _, elsewhere=elsewhere: elsewhere), pytest.raises(ProofError) as refused:
            await snapshot.history(DEVICE)
        assert refused.value.check == "other-page"


async def test_short_pages_go_on(long: IndexedLog) -> None:
    """A log may send fewer entries than were asked for."""
    snapshot = await _open(long)
    with _lying(
        long, lambda answer: long.answer(DEVICE, answer.page.first, min(300, len(answer.page.entries)))
    ):
        found = await snapshot.history(DEVICE)
    assert found.entries == tuple(range(0, 2 * LONG, 2))


async def test_what_lies_after_the_head() -> None:
    """Entries and statements that the head does not cover, up to the checkpoints, which can be renewed."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_statement(SAID)
    head = indexed.add_head()
    indexed.add_entry(DEVICE)
    indexed.add_statement(SAID)
    indexed.log.publish()
    snapshot = await _open(indexed)
    assert [entry.index async for entry in snapshot.issuance_tail()] == [1]
    assert [one.index async for one in snapshot.statement_tail()] == [head.index, head.index + 1]
    indexed.add_entry(OTHER)
    indexed.log.publish()
    await snapshot.renew()
    assert [entry.index async for entry in snapshot.issuance_tail()] == [1, 2]


async def test_a_log_that_takes_back_what_the_answer_promised() -> None:
    """Newer checkpoints that do not extend those of the answer are a fork, with both in the error."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    other = indexed.log.fork()
    snapshot = await _open(indexed)
    other.issuance.hashes[0] = bytes(32)
    other.publish()
    indexed.log = other
    with pytest.raises(LogMisbehaviourError) as caught:
        await snapshot.renew()
    assert caught.value.check == "fork"


async def test_a_checkpoint_that_is_older_than_the_answers() -> None:
    """A cache may give it: no news, if it is of a part of the same tree, and a fork if it is not."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.log.publish()
    old = indexed.log.issuance.checkpoint
    forked = indexed.log.fork()
    forked.issuance.hashes[0] = bytes(32)
    forked.publish()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    snapshot = await _open(indexed)
    indexed.log.hooks.append(lambda path, answer: old if path == "issuance/checkpoint" else answer)
    await snapshot.renew()
    assert snapshot.issuance_tree.size == 2
    old = forked.issuance.checkpoint
    with pytest.raises(LogMisbehaviourError) as caught:
        await snapshot.renew()
    assert caught.value.check == "fork"


async def test_an_index_that_stands_still() -> None:
    """Its answers are old with the checkpoints in them; the log's own checkpoint says how far it is behind."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    kept = indexed.answer(DEVICE)
    for _ in range(3):
        indexed.add_entry(DEVICE)
    indexed.log.publish()
    indexed.lies.append(lambda _answer: kept)
    index = LogIndex(indexed.log.trust, indexed, Limits(max_lag=2), clock=lambda: indexed.log.now_ms)
    snapshot = await index.open(DEVICE)
    snapshot.require_current()
    await snapshot.renew()
    assert snapshot.lag == 3
    with pytest.raises(VerificationError) as refused:
        snapshot.require_current()
    assert refused.value.check == "index-too-far-behind"


async def test_answers_need_not_be_kept() -> None:
    """Who pages through a million entries and makes no record holds one page."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    snapshot = await _index(indexed).open(DEVICE, keep=False)
    assert (await snapshot.history(DEVICE)).count == 1
    assert snapshot.documents == []


async def test_a_head_that_is_gone_is_said() -> None:
    """Heads are kept for ten minutes; a reader that took longer is told to ask anew."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.add_head()
    snapshot = await _open(indexed)
    indexed.heads.clear()
    with pytest.raises(FetchError, match="ask again"):
        await snapshot.history(OTHER)
