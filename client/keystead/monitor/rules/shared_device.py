# SPDX-License-Identifier: Apache-2.0
"""`shared-device`: a device serves several subscribers and is not covered for each of them.

Such a device is a signing service, and a signing service must be audited (CSBR 8.4.2), because nothing in a key
attestation shows that one of its users cannot use another's key. The finding is open while two certificates expose
the device (`exposure`); what ended it settles it, and every earlier exposure stays in its history.

The reason is that of the newest exposed certificate that is not covered. Severity is that of the most serious pair
of subscribers: how surely both are on the device, and how surely they are two.
"""

from collections.abc import Iterable, Sequence

from keystead.monitor.coverage import Reason, Uncovered
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.exposure import ExposedPair
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import FoundCertificate, FoundSubscriber, show_time
from keystead.monitor.model import Assurance, CertificateFacts, EntryName
from keystead.monitor.profiles import Sameness
from keystead.monitor.settling import Change, alias_changes, claim_change, cover_change, life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    entries_of,
    found_certificate,
    found_exposures,
    found_subscribers,
    listed,
    statements_of,
    why_severity,
)
from keystead.monitor.standing import Standing

__all__ = ["BASE", "RULE", "WHY", "judge"]

RULE = "shared-device"
BASE = Severity.HIGH

WHY = {
    Reason.NO_SERVICE: ("names no signing service", "named no signing service"),
    Reason.UNAUDITED: (
        "names a signing service of which no audit is logged",
        "named a signing service of which no audit was logged",
    ),
    Reason.NOT_QUALIFYING: (
        "names a signing service none of whose audits qualifies",
        "named a signing service none of whose audits qualified",
    ),
    Reason.WITHDRAWN: (
        "names a signing service whose audit was withdrawn",
        "named a signing service whose audit was withdrawn",
    ),
    Reason.LAPSED: (
        "names a signing service whose audit is not in force",
        "named a signing service whose audit was not in force",
    ),
    Reason.NOT_ENROLLED: (
        "names an audited signing service to which the device does not belong",
        "named an audited signing service to which the device did not belong",
    ),
}
"""What is said of the certificate while a finding is open, and once it is settled."""

_WOULD_SETTLE = {
    Reason.NO_SERVICE: "each CA names the signing service that holds the keys, which must be audited and have "
    "enrolled the device",
    Reason.UNAUDITED: "a recognized auditor logs a qualifying audit of the service, and its operator enrols the device",
    Reason.NOT_QUALIFYING: "a recognized auditor logs an audit that qualifies",
    Reason.WITHDRAWN: "a recognized auditor logs another audit that qualifies and is in force",
    Reason.LAPSED: "a recognized auditor logs a qualifying audit that is in force now",
    Reason.NOT_ENROLLED: "the operator of the service enrols the device",
}


def judge(case: DeviceCase, at_ms: int) -> Verdict:
    """What there is to say about a device at a moment.

    Args:
        case: everything that bears on the device.
        at_ms: the moment, in milliseconds.

    Returns:
        An open finding while the device is exposed, a settled one if it was before, none if it never was.
    """
    timeline, subscribers = case.timeline, case.subscribers
    current = timeline.at(at_ms)
    exposure = current or timeline.before(at_ms)
    if exposure is None:
        return Verdict((), timeline.next_change(at_ms))
    # What is said of a settled finding is what held just before it ended.
    moment = at_ms if current else exposure.span.end - 1
    exposed = timeline.certificates_at(moment)
    facts = [standing.certificate for standing in exposed]
    groups = subscribers.at(moment)
    pair = timeline.worst_pair(moment)
    assert pair is not None  # noqa: S101 -- the device is exposed then
    why = _why(case, exposed, moment)
    settlement = None if current else _settlement(case, facts, exposure.span.end)
    certificates = tuple(_found(case, standing, moment) for standing in exposed)
    concerned = found_subscribers(facts, groups)
    device = case.view.device
    finding = Finding(
        rule=RULE,
        subject=device.device_id,
        severity=_severity(pair),
        severity_why=_severity_why(pair),
        state=State.OPEN if current else State.SETTLED,
        since_ms=exposure.span.start,
        summary=_summary(device.text, concerned, certificates, pair, why, settlement),
        would_settle=_would_settle(why) if current else "",
        reason=why.reason.value,
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        service=why.service,
        subscribers=concerned,
        entries=entries_of(facts),
        statements=statements_of(
            facts, device.device_id, groups=groups, more=_more_statements(case, why, settlement)
        ),
        certificates=certificates,
        exposures=found_exposures(
            (
                (span, [standing.certificate for standing in standings])
                for span, standings in timeline.exposed_in()
            ),
            subscribers,
            at_ms,
        ),
    )
    return Verdict((finding,), timeline.next_change(at_ms))


def _severity(pair: ExposedPair) -> Severity:
    return severity_of(BASE, pair.assurance, perhaps=pair.comparison.sameness is Sameness.UNKNOWN)


def _severity_why(pair: ExposedPair) -> str:
    word = {
        Assurance.ATTESTED: "two subscribers' keys are attested to be in the device",
        Assurance.CA_VERIFIED: "that a second subscriber's key is in the device is a CA's word",
        Assurance.DECLARED: "that a second subscriber's key is in the device is only declared",
    }[pair.assurance]
    return why_severity(word, pair.comparison)


def _why(case: DeviceCase, exposed: Sequence[Standing], moment: int) -> Uncovered:
    """Why the newest certificate that is not covered is not."""
    uncovered = [standing.certificate for standing in exposed if not standing.cell.covered]
    newest = max(uncovered, key=lambda certificate: certificate.age)
    return case.coverage.why_not(newest, moment)


def _settlement(case: DeviceCase, exposed: Sequence[CertificateFacts], end_ms: int) -> Settlement:
    """What ended an exposure: what changed for its certificates at that moment."""
    changes: list[Change | None] = [*alias_changes(case.subscribers, exposed, end_ms)]
    for certificate in exposed:
        changes.append(
            life_change(certificate, end_ms)
            or cover_change(case.coverage, certificate, end_ms)
            or claim_change(certificate, case.device_id, end_ms)
        )
    return settle(changes, end_ms, "the exposure ended")


def _found(case: DeviceCase, standing: Standing, moment: int) -> FoundCertificate:
    certificate, covered = standing.certificate, standing.cell.covered
    return found_certificate(
        certificate,
        case.subscribers.profiles[certificate.subscriber].label,
        moment,
        device_id=case.device_id,
        assurance=standing.cell.assurance,
        covered=covered,
        reason=None if covered else case.coverage.why_not(certificate, moment).reason.value,
    )


def _more_statements(
    case: DeviceCase, why: Uncovered, settlement: Settlement | None
) -> Iterable[EntryName | None]:
    """What was stated about the service of the reason, the device, and in the settlement."""
    yield from () if settlement is None else settlement.statements
    if why.audit is not None:
        yield why.audit.statement
        withdrawn_by = why.audit.audit.withdrawn_by
        yield None if withdrawn_by is None else EntryName(why.audit.origin, withdrawn_by)
    for held in case.view.enrolments:
        yield held.joined_by
        left_by = held.enrolment.left_by
        yield None if left_by is None else EntryName(held.origin, left_by)


def _would_settle(why: Uncovered) -> str:
    return f"{_WOULD_SETTLE[why.reason]}; or certificates end until the device serves one subscriber"


def _summary(
    device: str,
    subscribers: Sequence[FoundSubscriber],
    certificates: Sequence[FoundCertificate],
    pair: ExposedPair,
    why: Uncovered,
    settlement: Settlement | None,
) -> str:
    names = listed(subscriber.name for subscriber in subscribers)
    issuers = listed(sorted({certificate.issuer for certificate in certificates}))
    perhaps = "perhaps " if pair.comparison.sameness is Sameness.UNKNOWN else ""
    holds, is_covered = ("holds", "is") if settlement is None else ("held", "was")
    said = WHY[why.reason][settlement is not None]
    if why.audit is not None and why.reason is Reason.NOT_QUALIFYING:
        said = f"{said}: {why.audit.audit.shortcomings[0].sentence}"
    sentence = (
        f"{device} {holds} keys of {perhaps}{len(subscribers)} subscribers at the same time ({names}), certified by "
        f"{issuers}; the newest certificate that {is_covered} not covered {said}."
    )
    return (
        f"{sentence} Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
        if settlement
        else sentence
    )
