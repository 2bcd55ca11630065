# SPDX-License-Identifier: Apache-2.0
"""What a slow judge says of one subject at one instant: facts, and from them reason, severity and settlement.

Written from `specs/monitor.md` (sections 5.1 to 5.12 and 6) alone. A fact is what makes a rule hold: a pair of
certificates, of claims, a certificate. A finding has the greatest severity of its facts and the reason of the newest.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keystead.monitor.model import CertificateFacts, LoggedTransfer
from keystead.monitor.severity import Severity
from keystead.monitor.subscribers import Subscribers

__all__ = ["Fact", "Surroundings", "reason_of", "settled_by", "severity_of_all"]

_ORDER = ("covered", "transferred", "aliased", "revoked", "expired", "ended")


@dataclass(frozen=True)
class Fact:
    """What makes a rule hold at an instant.

    Attributes:
        severity: of it.
        lives: certificates whose end would end it.
        covers: whether coverage of one of them would end it.
        transfers: whether a transfer would.
        subjects: certificates whose subscribers are taken for two.
        reasons: (how new, the word for it).
    """

    severity: Severity
    lives: tuple[CertificateFacts, ...] = ()
    covers: bool = False
    transfers: bool = False
    subjects: tuple[CertificateFacts, ...] = ()
    reasons: tuple[tuple[tuple[object, ...], str], ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What may settle facts beside the ends of certificates.

    Attributes:
        subscribers: who is whom.
        covered: whether a certificate is covered at an instant; None where that settles nothing.
        transfers: that may settle it.
    """

    subscribers: Subscribers
    covered: Callable[[CertificateFacts, int], bool] | None = None
    transfers: Sequence[LoggedTransfer] = ()

    def covers(self, certificate: CertificateFacts, moment: int) -> bool:
        """Whether a certificate becomes covered at an instant."""
        covered = self.covered
        return covered is not None and covered(certificate, moment) and not covered(certificate, moment - 1)


def severity_of_all(facts: Iterable[Fact]) -> Severity:
    """The greatest."""
    return max(fact.severity for fact in facts)


def reason_of(facts: Iterable[Fact]) -> str | None:
    """That of the newest; None where a rule has none."""
    said = [reason for fact in facts for reason in fact.reasons]
    return max(said)[1] if said else None


def settled_by(facts: Sequence[Fact], end: int, around: Surroundings) -> str:
    """The word for what ended facts that held at the instant before `end`: the first in the table of section 5.3."""
    words = {"ended"}
    for one, covers in [(certificate, fact.covers) for fact in facts for certificate in fact.lives]:
        life = min(one.valid.end, one.ending.at_ms) if one.ending is not None else one.valid.end
        if life == end:
            words.add("revoked" if one.ending is not None and one.ending.at_ms == end else "expired")
        elif covers and life > end and around.covers(one, end):
            words.add("covered")
    handed_over = any(transfer.at_ms == end for transfer in around.transfers)
    if handed_over and any(fact.transfers for fact in facts):
        words.add("transferred")
    subjects = [certificate for fact in facts for certificate in fact.subjects]
    before, after = around.subscribers.at(end - 1), around.subscribers.at(end)
    if any(
        before.of(one.subscriber) != before.of(other.subscriber)
        and after.of(one.subscriber) == after.of(other.subscriber)
        for one in subjects
        for other in subjects
    ):
        words.add("aliased")
    return min(words, key=_ORDER.index)
