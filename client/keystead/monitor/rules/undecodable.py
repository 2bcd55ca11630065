# SPDX-License-Identifier: Apache-2.0
"""`undecodable`: an entry whose certificate, device extension or subject cannot be read.

Such an entry could hide anything, so it is reported and never passed over; what can be read of it is judged by the
other rules. One finding for each entry, open from when it was logged for as long as its certificate lives, and for
ever where that cannot be told.
"""

from hashlib import sha256

from keystead.monitor.findings import Finding, State, Verdict
from keystead.monitor.found import FoundExposure, show_time
from keystead.monitor.model import NEVER, CertificateFacts, EntryName
from keystead.monitor.settling import life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import found_certificate, found_subscribers, shown_changes, statements_of
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge", "subject_of"]

RULE = "undecodable"
BASE = Severity.LOW


def subject_of(name: EntryName) -> bytes:
    """What a finding of this rule is about."""
    return sha256(f"{name.origin}\n{name.index}".encode()).digest()


def judge(
    name: EntryName,
    time_ms: int,
    problem: str,
    certificate: CertificateFacts | None,
    subscribers: Subscribers,
    at_ms: int,
) -> Verdict:
    """What there is to say about an entry that cannot be read, at a moment.

    Args:
        name: which one.
        time_ms: when it was logged.
        problem: what cannot be read, in a sentence.
        certificate: what it holds, as far as it can be read.
        subscribers: who is whom.
        at_ms: the moment.
    """
    if at_ms < time_ms:
        return Verdict((), time_ms)
    # What had ended when it was logged is told all the same.
    end_ms = None if certificate is None else max(certificate.end_ms, time_ms)
    lasts = end_ms is None or at_ms < end_ms
    settlement = (
        None
        if lasts or end_ms is None or certificate is None
        else settle(
            [life_change(certificate, end_ms)], end_ms, "the certificate had ended when it was logged"
        )
    )
    summary = f"Entry {name.index} of {name.origin} cannot be read: {problem}."
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    facts = [] if certificate is None else [certificate]
    groups = subscribers.at(at_ms)
    finding = Finding(
        rule=RULE,
        subject=subject_of(name),
        severity=severity_of(BASE),
        severity_why="what cannot be read cannot be judged",
        state=State.OPEN if lasts else State.SETTLED,
        since_ms=time_ms,
        summary=summary,
        would_settle="the certificate expires or is revoked, if it can be told which it is" if lasts else "",
        settlement=settlement,
        subscribers=found_subscribers(facts, groups),
        entries=(name,),
        statements=statements_of(facts),
        certificates=tuple(
            found_certificate(one, groups.profiles[one.subscriber].label, at_ms) for one in facts
        ),
        exposures=(
            FoundExposure(
                time_ms,
                None if lasts else end_ms,
                tuple(groups.profiles[one.subscriber].subscriber_id for one in facts),
            ),
        ),
    )
    changes = {*shown_changes(facts, subscribers), NEVER if end_ms is None else end_ms}
    return Verdict((finding,), min((one for one in changes if at_ms < one < NEVER), default=None))
