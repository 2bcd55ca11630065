# SPDX-License-Identifier: Apache-2.0
"""`sequential-reuse`: a device served one subscriber after another, and nobody stated that it changed hands.

A token that is wiped and sold again is nothing bad by itself. But nothing in an attestation shows that it was wiped
in between, so who got it should know, and it should have been stated (`device-transfer`).

The fact holds at a moment for a certificate that stands on the device then and one that had ceased to stand on it
when the later one began to, if their keys differ, their subscribers are not the same, and no transfer that was logged
by then leads from one to the other. It does not hold where the earlier subscriber came back meanwhile: then the
device serves both at the same time, which is `shared-device`'s to say.
"""

from collections.abc import Sequence

from keystead.monitor.course import Seen, see
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import FoundSubscriber, show_time
from keystead.monitor.model import NEVER, Assurance, CertificateFacts
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.settling import (
    Change,
    alias_changes,
    claim_change,
    cover_change,
    life_change,
    settle,
    transfer_changes,
)
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    by_age,
    entries_of,
    found_certificate,
    found_exposures,
    found_subscribers,
    listed,
    shown_changes,
    statements_of,
    why_severity,
)
from keystead.monitor.succession import Reuse, Succession

__all__ = ["BASE", "RULE", "judge"]

RULE = "sequential-reuse"
BASE = Severity.LOW


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device at a moment."""
    if not case.may_be_shared:
        return Verdict()
    succession = Succession(case.standings, case.subscribers, case.view.transfers)
    if not succession.stretches:
        return Verdict()
    shown = shown_changes(case.view.certificates, case.subscribers)
    changes = (edge for edge in (*succession.edges(), *shown) if at_ms < edge < NEVER)
    change = min(changes, default=None)
    seen = see(succession.stretches, at_ms)
    if seen is None:
        return Verdict((), change)
    return Verdict((_finding(case, succession, seen, at_ms),), change)


def _finding(case: DeviceCase, succession: Succession, seen: Seen, at_ms: int) -> Finding:
    reuse = succession.at(seen.moment)
    groups = case.subscribers.at(seen.moment)
    device = case.view.device
    perhaps = reuse.comparison.sameness is Sameness.UNKNOWN
    facts = by_age([*reuse.later, *reuse.earlier])
    subscribers = found_subscribers(facts, groups)
    settlement = None if seen.lasts else _settlement(case, facts, reuse.later, seen.stretch.end)
    return Finding(
        rule=RULE,
        subject=case.device_id,
        severity=severity_of(BASE, reuse.assurance, perhaps=perhaps),
        severity_why=_severity_why(reuse),
        state=State.OPEN if seen.lasts else State.SETTLED,
        since_ms=seen.stretch.start,
        summary=_summary(device.text, subscribers, reuse.comparison, settlement),
        would_settle=(
            "a CA with a certificate on the device, or the operator that enrolled it, states the transfer; or the "
            "later certificate ends"
            if seen.lasts
            else ""
        ),
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        subscribers=subscribers,
        entries=entries_of(facts),
        statements=statements_of(
            facts,
            case.device_id,
            groups=groups,
            more=(
                *(transfer.statement for transfer in case.view.transfers),
                *(() if settlement is None else settlement.statements),
            ),
        ),
        certificates=tuple(
            found_certificate(
                certificate,
                groups.profiles[certificate.subscriber].label,
                min(seen.moment, certificate.live.end - 1),
                device_id=case.device_id,
            )
            for certificate in facts
        ),
        exposures=found_exposures(succession.stretched(), case.subscribers, at_ms),
    )


def _severity_why(reuse: Reuse) -> str:
    word = {
        Assurance.ATTESTED: "both subscribers' keys are attested to be in the device",
        Assurance.CA_VERIFIED: "that both subscribers' keys are in the device is a CA's word",
        Assurance.DECLARED: "that both subscribers' keys are in the device is only declared",
    }[reuse.assurance]
    return why_severity(word, reuse.comparison)


def _settlement(
    case: DeviceCase, facts: Sequence[CertificateFacts], later: Sequence[CertificateFacts], end_ms: int
) -> Settlement:
    changes: list[Change | None] = [
        *transfer_changes(case.view.transfers, end_ms),
        *alias_changes(case.subscribers, facts, end_ms),
    ]
    for certificate in later:
        changes.append(
            life_change(certificate, end_ms)
            or cover_change(case.coverage, certificate, end_ms)
            or claim_change(certificate, case.device_id, end_ms)
        )
    return settle(changes, end_ms, "from then on the device serves both at the same time")


def _summary(
    device: str, subscribers: Sequence[FoundSubscriber], comparison: Comparison, settlement: Settlement | None
) -> str:
    perhaps = "perhaps " if comparison.sameness is Sameness.UNKNOWN else ""
    serves = "serves" if settlement is None else "served"
    sentence = (
        f"{device} {serves} {perhaps}one subscriber after another, not at the same time "
        f"({listed(subscriber.name for subscriber in subscribers)}), and no transfer between them was stated."
    )
    if settlement is None:
        return sentence
    return f"{sentence} Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
