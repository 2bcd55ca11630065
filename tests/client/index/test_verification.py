# SPDX-License-Identifier: Apache-2.0
"""Answers verified: every step finds what it is for, and nothing passes that the log did not commit to."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keystead.encoding.json import decode_json, encode_json
from keystead.errors import KeysteadError, ProofError, SignatureError, VerificationError
from keystead.index.answer import IndexAnswer, parse_answer
from keystead.index.history import Page
from keystead.index.kinds import IndexKind, Subject
from keystead.index.verification import Freshness, IndexTrust, KnownHeads, verify_answer
from keystead.tlog.merkle import EMPTY_ROOT
from support.indexed_log import IndexedLog
from support.memory_log import MemoryLog

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x01" * 32)
OTHER = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x02" * 32)
ABSENT = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x03" * 32)
SAID = Subject(IndexKind.DEVICE_STATEMENTS, b"\x01" * 32)


@pytest.fixture
def indexed() -> IndexedLog:
    """Twenty entries of a device, one of another, two statements; a head, and two more entries after it."""
    indexed = IndexedLog()
    for number in range(20):
        indexed.add_entry(DEVICE, Subject(IndexKind.KEY_CERTIFICATES, bytes([number]) * 32))
    indexed.add_entry(OTHER)
    indexed.add_statement(SAID)
    indexed.add_statement(SAID)
    indexed.add_head()
    indexed.add_entry(DEVICE)
    indexed.add_entry(DEVICE)
    indexed.log.publish()
    return indexed


def _fresh(indexed: IndexedLog) -> Freshness:
    return Freshness(indexed.log.now_ms)


def _refused(
    indexed: IndexedLog,
    answer: IndexAnswer,
    asked: Subject = DEVICE,
    freshness: Freshness | None = None,
    head_index: int | None = None,
) -> str:
    with pytest.raises(VerificationError) as refused:
        verify_answer(answer, asked, indexed.trust, freshness, head_index=head_index)
    return refused.value.check


@pytest.mark.parametrize("subject", [DEVICE, OTHER, ABSENT, SAID])
def test_an_honest_answer(indexed: IndexedLog, subject: Subject) -> None:
    """Presence, absence, histories of both logs, after travelling as JSON."""
    answer = parse_answer(indexed.answer(subject).encode())
    found = verify_answer(answer, subject, indexed.trust, _fresh(indexed), head_index=indexed.heads[-1].index)
    assert found.answer.page.entries == tuple(indexed.heads[-1].histories.get(subject, ()))
    assert found.head.index == indexed.heads[-1].index
    assert found.head.lag == 2
    assert found.head.statement.statements_size == 2


def test_a_head_that_is_known(indexed: IndexedLog) -> None:
    """Several answers under one head verify it once; one byte of difference, and it is verified anew."""
    heads = KnownHeads(indexed.trust)
    first = verify_answer(indexed.answer(DEVICE), DEVICE, heads, None)
    again = verify_answer(indexed.answer(OTHER), OTHER, heads, None)
    assert again.head is first.head
    answer = indexed.answer(SAID)
    with pytest.raises(VerificationError):
        verify_answer(replace(answer, consistency=(*answer.consistency, bytes(32))), SAID, heads, None)
    with pytest.raises(VerificationError):
        verify_answer(replace(answer, map_proof=b""), SAID, heads, None)


@pytest.mark.parametrize(("first", "limit"), [(0, 5), (5, 9), (19, 100), (20, 10), (50, 10)])
def test_pages(indexed: IndexedLog, first: int, limit: int) -> None:
    """Any page of a history."""
    answer = indexed.answer(DEVICE, first, limit)
    verify_answer(answer, DEVICE, indexed.trust, _fresh(indexed))


def test_the_index_of_an_empty_log() -> None:
    """Before the first entry there is a head, too, and it says that there is nothing."""
    indexed = IndexedLog()
    indexed.add_statement()
    indexed.add_head()
    verify_answer(indexed.answer(ABSENT), ABSENT, indexed.trust, _fresh(indexed))
    assert indexed.heads[0].issuance_size == 0
    statement = verify_answer(indexed.answer(ABSENT), ABSENT, indexed.trust, None).head.statement
    assert statement.issuance_root == EMPTY_ROOT


def test_1_another_question(indexed: IndexedLog) -> None:
    """An answer about another subject, or under another head than was asked for."""
    assert _refused(indexed, indexed.answer(OTHER)) == "other-subject"
    assert _refused(indexed, indexed.answer(SAID)) == "other-subject"
    assert _refused(indexed, indexed.answer(DEVICE), head_index=7) == "other-head"


def test_2_a_head_of_another_log(indexed: IndexedLog) -> None:
    """A head for another issuance log, or made for another statement log."""
    for changed in ({"issuance_origin": "other.example/issuance"}, {"log": "other.example/statements"}):
        indexed.add_head(**changed)
        assert _refused(indexed, indexed.answer(DEVICE)) == "index-head"


def test_2_what_is_no_head(indexed: IndexedLog) -> None:
    """Another entry of the statement log."""
    log = indexed.log
    answer = replace(
        indexed.answer(DEVICE),
        head_entry=log.statements.entries[0],
        head_proof=log.statements.proof(0).encode(),
    )
    with pytest.raises(KeysteadError):
        verify_answer(answer, DEVICE, indexed.trust, None)


def test_2_a_head_that_covers_what_comes_after_it(indexed: IndexedLog) -> None:
    """Nobody can have listed statements that were not there."""
    indexed.add_head(statements_size=100)
    assert _refused(indexed, indexed.answer(DEVICE)) == "index-head"


def test_2_a_head_by_another_key(indexed: IndexedLog) -> None:
    """What is logged as a head must be said by the log itself."""
    trust = indexed.trust
    other = MemoryLog("other.example").trust.statements.statement_key
    with pytest.raises(SignatureError):
        verify_answer(
            indexed.answer(DEVICE), DEVICE, IndexTrust(trust.issuance, trust.statements, other), None
        )


def test_2_a_head_that_is_not_logged(indexed: IndexedLog) -> None:
    """A signed head without its place in the log binds nobody."""
    fork = IndexedLog(indexed.log.fork(), {DEVICE: [0]}, list(indexed.heads))
    fork.log.advance(5)
    fork.add_head()
    lie = fork.answer(DEVICE)
    proof = indexed.log.statements.proof(indexed.heads[-1].index).encode()
    with pytest.raises(ProofError):
        verify_answer(replace(lie, head_proof=proof), DEVICE, indexed.trust, None)


def test_3_an_issuance_log_that_was_rewritten(indexed: IndexedLog) -> None:
    """The checkpoint must extend the tree that the head names."""
    fork = indexed.log.fork()
    fork.issuance.entries.clear()
    fork.issuance.hashes.clear()
    fork.issuance.leaves.clear()
    other = IndexedLog(fork)
    for _ in range(30):
        other.add_entry()
    fork.publish()
    answer = replace(indexed.answer(DEVICE), checkpoint=fork.issuance.checkpoint)
    with pytest.raises(ProofError):
        verify_answer(answer, DEVICE, indexed.trust, None)


def test_3_a_checkpoint_that_is_older_than_the_head() -> None:
    """The log's size cannot be less than what its index covers."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.log.publish()
    old = indexed.log.issuance.checkpoint
    indexed.add_entry(DEVICE)
    indexed.add_head()
    with pytest.raises(ProofError):
        verify_answer(replace(indexed.answer(DEVICE), checkpoint=old), DEVICE, indexed.trust, None)


def _without_an_entry(answer: IndexAnswer) -> IndexAnswer:
    page = answer.page
    return replace(
        answer, page=Page(page.count - 1, 0, page.entries[:3] + page.entries[4:], page.left, page.right)
    )


@pytest.mark.parametrize(
    "lie",
    [
        _without_an_entry,
        lambda answer: replace(answer, page=Page(0, 0, (), (), ())),
        lambda answer: replace(answer, page=Page(0, 0, answer.page.entries, (), ())),
        lambda answer: replace(answer, map_proof=answer.map_proof[:-1]),
        lambda answer: replace(answer, map_proof=b""),
        lambda answer: replace(answer, page=replace(answer.page, count=21, right=(bytes(32),))),
    ],
)
def test_4_what_was_left_out(indexed: IndexedLog, lie: Callable[[IndexAnswer], IndexAnswer]) -> None:
    """An entry dropped, a history denied, a proof cut: nothing leads to the head's root."""
    answer = indexed.answer(DEVICE)
    verify_answer(answer, DEVICE, indexed.trust, None)
    assert _refused(indexed, lie(answer)) in {"map-proof", "history-page"}


def test_4_a_history_invented(indexed: IndexedLog) -> None:
    """Nor can an entry be put under a key that has none."""
    answer = replace(indexed.answer(ABSENT), page=Page(1, 0, (4,), (), ()))
    assert _refused(indexed, answer, ABSENT) == "map-proof"


def test_5_entries_beyond_the_head() -> None:
    """A log that lists what its head does not cover is caught with its own head."""
    indexed = IndexedLog()
    indexed.add_entry(DEVICE)
    indexed.histories[DEVICE].append(7)
    indexed.histories[SAID] = [3]
    indexed.add_statement()
    indexed.add_head()
    assert _refused(indexed, indexed.answer(DEVICE)) == "entry-beyond-head"
    assert _refused(indexed, indexed.answer(SAID), SAID) == "entry-beyond-head"


def test_6_freshness(indexed: IndexedLog) -> None:
    """Too old, too far behind, from the future: by the reader's own limits; a record has none."""
    answer = indexed.answer(DEVICE)
    head = verify_answer(answer, DEVICE, indexed.trust, None).head
    for shift, check in ((900_001, "head-too-old"), (-300_001, "head-from-the-future")):
        assert _refused(indexed, answer, freshness=Freshness(head.timestamp + shift)) == check
    for shift in (900_000, -300_000):
        verify_answer(answer, DEVICE, indexed.trust, Freshness(head.timestamp + shift))
    behind = Freshness(head.timestamp, max_lag=1)
    assert _refused(indexed, answer, freshness=behind) == "index-too-far-behind"
    verify_answer(answer, DEVICE, indexed.trust, Freshness(head.timestamp, max_lag=2))


def test_every_part_of_the_document_counts(indexed: IndexedLog) -> None:
    """Whatever is taken from an honest answer of another log, or another moment, is refused."""
    answer = indexed.answer(DEVICE)
    document = decode_json(answer.encode())
    other = IndexedLog(MemoryLog("other.example"))
    other.add_entry(DEVICE)
    other.add_head()
    lies = decode_json(other.answer(DEVICE).encode())
    for name in document:
        if document[name] == lies[name]:
            continue
        mixed = parse_answer(encode_json({**document, name: lies[name]}))
        with pytest.raises(VerificationError):
            verify_answer(mixed, DEVICE, indexed.trust, None)


def test_the_head_in_an_answer_is_a_statement(indexed: IndexedLog) -> None:
    """What is verified is what the log's own entry says."""
    found = verify_answer(indexed.answer(DEVICE), DEVICE, indexed.trust, None)
    assert found.head.statement.map_root == indexed.heads[-1].root
