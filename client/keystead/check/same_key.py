# SPDX-License-Identifier: Apache-2.0
"""Whether the candidate's key is certified for another subscriber, on whatever device (`specs/check.md`, section 3).

It is what the monitor reports as `same-key-two-subscribers`, once the candidate is logged: worse than a shared device,
and no service covers it.
"""

from keystead.check.candidate import Candidate
from keystead.check.decision import Detail
from keystead.check.precedence import meet, precedes
from keystead.check.tables import CheckTables
from keystead.monitor.model import CertificateFacts
from keystead.monitor.showing import by_age, found_certificate, found_subscribers, listed
from keystead.monitor.views import load_key_views

__all__ = ["key_detail"]


def key_detail(
    tables: CheckTables, candidate: Candidate, certificate_id: bytes, at_ms: int, *, submitted: bool
) -> Detail | None:
    """Who else has a certificate for the key; None where nobody has, or nobody knows the key.

    Args:
        tables: what is known.
        candidate: the certificate that is asked about.
        certificate_id: its id in the tables.
        at_ms: the moment asked about.
        submitted: only who came first counts.
    """
    if candidate.key is None:
        return None
    views = load_key_views(tables.db, tables.knowledge, [candidate.key])
    certificates = [certificate for view in views.keys for certificate in view.certificates]
    mine = next(one for one in certificates if one.certificate_id == certificate_id)
    if not mine.live.end > at_ms:
        return None
    groups = views.subscribers.at(at_ms)
    others = [
        other
        for other in by_age(certificates)
        if groups.of(other.subscriber) != groups.of(mine.subscriber)
        and _existed(mine, other, at_ms)
        and (not submitted or _came_first(other, mine, at_ms))
    ]
    if not others:
        return None
    subscribers = found_subscribers(others, groups)
    names = listed(subscriber.name for subscriber in subscribers)
    issuers = listed(sorted({other.issuer for other in others}))
    return Detail(
        "same-key",
        f"the key is certified for {names}, too, by {issuers}: they share it, or somebody showed another's evidence",
        subscribers=subscribers,
        certificates=tuple(
            found_certificate(other, groups.profiles[other.subscriber].label, at_ms) for other in others
        ),
        since_ms=others[0].logged_ms,
    )


def _existed(mine: CertificateFacts, other: CertificateFacts, at_ms: int) -> bool:
    """Whether the validity of another certificate has begun before that of the candidate ends, and it was issued."""
    moment = max(at_ms, mine.live.start, other.existed.start)
    return moment in other.existed and moment < mine.live.end


def _came_first(other: CertificateFacts, mine: CertificateFacts, at_ms: int) -> bool:
    """Whether another certificate precedes the candidate: on a device, or else in the log."""
    return precedes(other, mine, at_ms) if meet(other, mine, at_ms) else other.age < mine.age
