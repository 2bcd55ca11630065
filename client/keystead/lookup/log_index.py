# SPDX-License-Identifier: Apache-2.0
"""The device index of one log, asked and verified (`specs/device-index.md`, section 7).

Invariants:

* nothing comes back that `verify_answer` did not find good;
* the limits of age and lag hold for the answer that decides the head; the others are under the same head.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from keystead.client.fetcher import Fetcher
from keystead.client.remembering import RememberingFetcher
from keystead.client.trust import Trust
from keystead.errors import FetchError, ParseError, VerificationError
from keystead.index.answer import MAX_ANSWER_BYTES, MAX_PAGE, parse_answer
from keystead.index.kinds import Subject
from keystead.index.verification import (
    Freshness,
    IndexTrust,
    KnownHeads,
    VerifiedAnswer,
    verify_answer,
)
from keystead.lookup.paging import Wanted, check_newest, request_path
from keystead.lookup.snapshot import Snapshot

__all__ = ["DEFAULT_LIMITS", "Limits", "LogIndex", "index_trust", "system_ms"]


_NOT_CURRENT = frozenset({"head-too-old", "head-from-the-future", "index-too-far-behind"})


def system_ms() -> int:
    """This machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a head may lie behind.

    Attributes:
        max_age_ms: since it was logged, by the reader's clock.
        max_lag: issuance entries that it does not cover.
    """

    max_age_ms: int = 15 * 60 * 1000
    max_lag: int = 10_000


DEFAULT_LIMITS = Limits()
"""Those of the specification, for readers that say nothing."""


def index_trust(trust: Trust) -> IndexTrust:
    """What a trust.json says, as far as answers need it."""
    return IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)


class LogIndex:
    """The index of one log.

    Args:
        trust: whom to believe.
        fetcher: reads below the log's base.
        limits: how far a head may lie behind.
        clock: the reader's, in milliseconds.
        prefix: where the index answers, below the base.
        answers: reads the index's answers, where they are elsewhere; `prefix` is below its base then.
    """

    def __init__(
        self,
        trust: Trust,
        fetcher: Fetcher,
        limits: Limits = DEFAULT_LIMITS,
        *,
        clock: Callable[[], int] = system_ms,
        prefix: str = "index/v1",
        answers: Fetcher | None = None,
    ) -> None:
        self.trust = trust
        self.limits = limits
        self.fetcher = RememberingFetcher(fetcher)
        self._answers = answers or self.fetcher
        self._clock = clock
        self._prefix = prefix
        self._keys = KnownHeads(index_trust(trust))

    @property
    def origin(self) -> str:
        """Of the issuance log that is indexed."""
        return self.trust.issuance.key.origin

    async def open(
        self, subject: Subject, *, limit: int = MAX_PAGE, head: int | None = None, keep: bool = True
    ) -> Snapshot:
        """Ask about a subject; the head of the answer is that of all that is asked of the snapshot.

        Args:
            subject: what is asked about first.
            limit: entries of the page that comes with it, the newest.
            head: leaf index of the head to answer under; None for the newest.
            keep: keep the answers as they came, in `Snapshot.documents`.

        Raises:
            FetchError: the log cannot be reached, has no index, or does not keep the head any more.
            VerificationError: the answer is not good, or its head is too old or too far behind.
        """
        now = self._clock()
        freshness = Freshness(now, self.limits.max_age_ms, self.limits.max_lag)
        answer, raw = await self.ask(subject, None, limit, head, freshness)
        return Snapshot(self, subject, limit, answer, raw, asked_ms=now, keep=keep)

    async def ask(
        self,
        subject: Subject,
        wanted: Wanted | None,
        limit: int,
        head: int | None,
        freshness: Freshness | None,
    ) -> tuple[VerifiedAnswer, bytes]:
        """One answer, verified, and as it came.

        Args:
            subject: what is asked about.
            wanted: a page; None for the newest.
            limit: entries of the newest page.
            head: leaf index of the head to answer under; None for the newest.
            freshness: the reader's limits; None where the head was found fresh enough.
        """
        path = request_path(self._prefix, subject, wanted, limit, head)
        try:
            raw = await self._answers.get(path, MAX_ANSWER_BYTES)
        except FetchError as error:
            if error.status != 503:
                raise
            raise FetchError(
                f"the index of {self.trust.name} cannot answer now: it is being built, or the log is busy; try again "
                "in a minute",
                url=path,
                status=503,
            ) from error
        if raw is None:
            why = (
                f"does not keep the head at {head} of its index any more; ask again, under a new one"
                if head is not None
                else "has no device index"
            )
            raise FetchError(f"{self.trust.name} {why}", url=path)
        try:
            answer = verify_answer(parse_answer(raw), subject, self._keys, freshness, head_index=head)
            if wanted is None:
                check_newest(answer.answer.page, limit)
        except ParseError as error:
            raise VerificationError(
                f"the index of {self.origin} gives an answer that cannot be read: {error}",
                check="malformed-answer",
                evidence={"answer": raw},
            ) from error
        except VerificationError as error:
            if error.check in _NOT_CURRENT:
                raise self._not_current(error, raw, subject) from error
            error.evidence.setdefault("answer", raw)
            raise
        return answer, raw

    def _not_current(self, error: VerificationError, raw: bytes, subject: Subject) -> VerificationError:
        """The same error, with what the head covers: the answer is good, and of the past."""
        head = verify_answer(parse_answer(raw), subject, self._keys, None).head
        covered, size = head.statement.issuance_size, head.issuance.checkpoint.size
        return VerificationError(
            f"{error} (its newest head, {head.index}, covers {covered} of {size} entries): what it does not know of "
            "cannot be told",
            check=error.check,
            evidence={"answer": raw},
        )
