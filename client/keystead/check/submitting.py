# SPDX-License-Identifier: Apache-2.0
"""Submitted first, asked afterwards: the order that leaves no gap between two CAs (`specs/check.md`, section 4).

A certificate that is logged is waited for: the index must have a head that covers its entry and its evidence. Then
the question is asked under that head, or a later one, and who stood on the device first decides.

Invariant: waiting ends, with a sentence, whatever a log does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from keystead.errors import FetchError, VerificationError
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import LogIndex
from keystead.lookup.snapshot import Snapshot
from keystead.statements.payloads import CertificateRevoked, RevocationReason

__all__ = ["Covered", "Waiting", "decline", "wait_for_head"]

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_NOT_YET = frozenset({"head-too-old", "index-too-far-behind"})


class Waiting(Protocol):
    """Who wants to know that one waits."""

    def advance(self, steps: int = 1) -> None:
        """Asked so many times more."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What a head must cover.

    Attributes:
        entry: leaf index of the certificate's entry.
        statement: of the latest statement that puts it on a device; None where there is none.
    """

    entry: int
    statement: int | None = None

    def by(self, snapshot: Snapshot) -> bool:
        """Whether a head does."""
        head = snapshot.head.statement
        said = -1 if self.statement is None else self.statement
        return head.issuance_size > self.entry and head.statements_size > said


async def wait_for_head(
    index: LogIndex,
    wanted: Covered,
    *,
    patience_s: float,
    waiting: Waiting,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Snapshot:
    """Wait until the index has a head that covers a certificate.

    Args:
        index: of the log.
        wanted: what the head must cover.
        patience_s: seconds to wait at most.
        waiting: is told that it lasts.
        sleep, clock: how to wait, and how long it lasted.

    Raises:
        VerificationError: it has none in that time (`index-too-far-behind`), or does not answer rightly.
        FetchError: the log cannot be reached.
    """
    end = clock() + patience_s
    pause = _FIRST_PAUSE
    while True:
        seen = "it does not answer yet"
        try:
            snapshot = await index.open(POLICIES)
        except VerificationError as error:
            if error.check not in _NOT_YET:
                raise
            seen = str(error)
        except FetchError as error:
            if error.status != 503:
                raise
        else:
            if wanted.by(snapshot):
                return snapshot
            head = snapshot.head.statement
            seen = (
                f"its newest head covers {head.issuance_size} entries and {head.statements_size} statements"
            )
        if clock() >= end:
            said = "" if wanted.statement is None else f" and statement {wanted.statement}"
            raise VerificationError(
                f"the index of {index.origin} does not cover entry {wanted.entry}{said} after {patience_s:g} s: "
                f"{seen}; the certificate is logged, and who was first is not known yet: submit it again with --check",
                check="index-too-far-behind",
            )
        waiting.advance()
        await sleep(min(pause, max(0.0, end - clock())))
        pause = min(2 * pause, _LONGEST_PAUSE)


def decline(statement_log: str, certificate_id: bytes, entry: int, issued: int) -> CertificateRevoked:
    """The statement of a CA that holds back: the certificate of its precertificate was never issued.

    Args:
        statement_log: origin.
        certificate_id: of the precertificate.
        entry: its leaf index.
        issued: now, in seconds.
    """
    return CertificateRevoked(
        statement_log,
        issued,
        certificate=certificate_id,
        issuance_index=entry,
        on=issued,
        reason=RevocationReason.NOT_ISSUED,
    )
