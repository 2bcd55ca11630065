# SPDX-License-Identifier: Apache-2.0
"""An index answer verified offline, from one document and what `trust.json` says (`specs/device-index.md`, section 7).

The steps are cited below:

(1) the answer is about what was asked for, and under the head that was asked for;
(2) the head is an `index-head` of this log, signed with the log's statement key, and stands in its statement log, at or
    after the statements that it covers, under a checkpoint that is signed and cosigned as the reader asks;
(3) the issuance checkpoint is signed and cosigned alike, and its tree extends the one that the head names;
(4) the page leads to a value, and the map of the head has the value under the key; or it has not the key;
(5) no entry lies beyond what the head covers;
(6) the head is young enough, and covers enough, for the reader.

Whoever passes (1) to (5) holds something that the log signed and cannot take back: if an entry was left out, the map's
root is wrong, and every replay of the logs shows it.
"""

from collections import OrderedDict
from dataclasses import dataclass

from keystead.errors import ParseError, ProofError, StatementError, VerificationError
from keystead.index.answer import IndexAnswer
from keystead.index.history import page_value
from keystead.index.kinds import Subject, index_key
from keystead.index.map_proof import verify_absence, verify_presence
from keystead.statements.dsse import verify_envelope
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.kinds.index_head import IndexHead
from keystead.statements.payloads import parse_statement
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.merkle import hash_leaf, verify_consistency
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof

__all__ = ["Freshness", "IndexTrust", "KnownHeads", "VerifiedAnswer", "VerifiedHead", "verify_answer"]


_REMEMBERED = 8
# Heads: those of one lookup are one, but for newer checkpoints over it.


@dataclass(frozen=True, slots=True)
class IndexTrust:
    """What is believed about a log beforehand.

    Attributes:
        issuance, statements: the keys of both logs, with the quorum of witnesses that the reader asks for.
        statement_key: DER SubjectPublicKeyInfo of the key that signs the log's own statements.
    """

    issuance: LogKey
    statements: LogKey
    statement_key: bytes


@dataclass(frozen=True, slots=True)
class Freshness:
    """How much a reader lets a head lie behind.

    Attributes:
        now_ms: the reader's clock, milliseconds since 1970.
        max_age_ms: since the head was logged. A busy log has a head a second, an idle one every ten minutes.
        max_lag: issuance entries that the checkpoint has and the head does not cover.
        max_ahead_ms: how far the log's clock may run ahead of the reader's.
    """

    now_ms: int
    max_age_ms: int = 15 * 60 * 1000
    max_lag: int = 10_000
    max_ahead_ms: int = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class VerifiedHead:
    """A head that the log committed to.

    Attributes:
        index: its leaf index in the statement log.
        timestamp: when it was logged, milliseconds since 1970.
        statement: what it says.
        issuance: the checkpoint of the issuance log that came with it.
        statements: the checkpoint of the statement log that covers it.
    """

    index: int
    timestamp: int
    statement: IndexHead
    issuance: VerifiedCheckpoint
    statements: VerifiedCheckpoint

    @property
    def lag(self) -> int:
        """Issuance entries that the head does not cover."""
        return self.issuance.checkpoint.size - self.statement.issuance_size


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An answer that was found good.

    Attributes:
        answer: the answer; its page's entries are in the history, in these positions, and `count` is the whole of it.
        head: the head that it is proven under.
    """

    answer: IndexAnswer
    head: VerifiedHead


class KnownHeads:
    """Heads that were verified, by the very bytes of which they were: several answers under one need it once.

    Args:
        trust: under which they are verified.
    """

    def __init__(self, trust: IndexTrust) -> None:
        self.trust = trust
        self._verified: OrderedDict[tuple[object, ...], VerifiedHead] = OrderedDict()

    def verify(self, answer: IndexAnswer) -> VerifiedHead:
        """The head of an answer: steps (2) and (3).

        Raises:
            ParseError, VerificationError, SignatureError, ProofError: as `verify_answer`.
        """
        key = (answer.head_entry, answer.head_proof, answer.checkpoint, answer.consistency)
        head = self._verified.get(key)
        if head is None:
            head = self._verified[key] = _verify_head(answer, self.trust)
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        return head


def verify_answer(
    answer: IndexAnswer,
    asked: Subject,
    trust: IndexTrust | KnownHeads,
    freshness: Freshness | None,
    *,
    head_index: int | None = None,
) -> VerifiedAnswer:
    """Check an answer.

    Args:
        answer: as it was read.
        asked: what was asked for.
        trust: whom to believe; as `KnownHeads` by those who verify several answers.
        freshness: the reader's limits; None looks at a record of the past.
        head_index: the head that was asked for, by its leaf index; None where any will do.

    Raises:
        ParseError: a part of it is malformed.
        VerificationError: a step above fails; `check` is `other-subject`, `other-head`, `index-head`,
            `entry-beyond-head`, `head-too-old`, `head-from-the-future` or `index-too-far-behind`.
        SignatureError: a signature is missing, wrong, or not cosigned by a quorum.
        ProofError: a proof does not lead where it should.
    """
    # (1)
    if answer.subject != asked:
        raise VerificationError(
            "the answer is about something else than was asked for", check="other-subject"
        )
    # (2), (3)
    head = (trust if isinstance(trust, KnownHeads) else KnownHeads(trust)).verify(answer)
    if head_index is not None and head.index != head_index:
        raise VerificationError(
            f"the answer is under the head at {head.index}, not the one at {head_index} that was asked for",
            check="other-head",
        )
    # (4)
    page, map_root = answer.page, head.statement.map_root
    key = index_key(asked)
    if page.count:
        verify_presence(key, page_value(page), answer.map_proof, map_root)
    else:
        if page.entries or page.left or page.right:
            raise ProofError("a history without entries has a page", check="history-page")
        verify_absence(key, answer.map_proof, map_root)
    # (5)
    covered = head.statement.statements_size if asked.kind.of_statements else head.statement.issuance_size
    if page.entries and page.entries[-1] >= covered:
        raise VerificationError(
            f"the history has entry {page.entries[-1]}, and its head covers {covered}",
            check="entry-beyond-head",
            evidence={"head": answer.head_entry},
        )
    # (6)
    if freshness is not None:
        _check_freshness(head, freshness)
    return VerifiedAnswer(answer, head)


def _verify_head(answer: IndexAnswer, trust: IndexTrust) -> VerifiedHead:
    # (2) What the entry says, and that the log says it.
    entry = parse_statement_entry(answer.head_entry)
    statement = _index_head(entry, answer, trust)
    verify_envelope(entry.envelope, trust.statement_key)
    proof = parse_tlog_proof(answer.head_proof)
    statements = verify_tlog_proof(proof, hash_leaf(answer.head_entry), trust.statements)
    if statement.statements_size > proof.index:
        raise _head_error("covers statements that come after it", answer)
    # (3) The issuance log, now and at the head.
    issuance = verify_checkpoint(answer.checkpoint, trust.issuance)
    verify_consistency(
        statement.issuance_size,
        statement.issuance_root,
        issuance.checkpoint.size,
        issuance.checkpoint.root,
        answer.consistency,
    )
    return VerifiedHead(proof.index, entry.timestamp, statement, issuance, statements)


def _index_head(entry: StatementEntry, answer: IndexAnswer, trust: IndexTrust) -> IndexHead:
    try:
        statement = parse_statement(entry.envelope)
    except (ParseError, StatementError) as error:
        raise _head_error(f"cannot be read: {error}", answer) from error
    if not isinstance(statement, IndexHead):
        raise _head_error("is another kind of statement", answer)
    if (statement.log, statement.issuance_origin) != (trust.statements.origin, trust.issuance.origin):
        raise _head_error("is of another log", answer)
    return statement


def _check_freshness(head: VerifiedHead, freshness: Freshness) -> None:
    age = freshness.now_ms - head.timestamp
    if age > freshness.max_age_ms:
        raise VerificationError(
            f"the head of the index is {age // 1000} seconds old, and at most "
            f"{freshness.max_age_ms // 1000} are accepted",
            check="head-too-old",
        )
    if -age > freshness.max_ahead_ms:
        raise VerificationError(
            f"the head of the index is {-age // 1000} seconds in the future: check this machine's clock",
            check="head-from-the-future",
        )
    if head.lag > freshness.max_lag:
        raise VerificationError(
            f"the index is {head.lag} entries behind its log, and at most {freshness.max_lag} are accepted",
            check="index-too-far-behind",
        )


def _head_error(what: str, answer: IndexAnswer) -> VerificationError:
    return VerificationError(
        f"the head of the index {what}", check="index-head", evidence={"head": answer.head_entry}
    )
