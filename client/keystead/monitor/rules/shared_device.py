# SPDX-License-Identifier: Apache-2.0
"""`shared-device`: a device serves several subscribers and is not covered for each of them.

Such a device is a signing service, and a signing service must be audited (CSBR 8.4.2), because nothing in a key
attestation shows that one of its users cannot use another's key. The finding is open while two certificates expose
the device (`exposure`); what ended it settles it, and every earlier exposure stays in its history.

The reason is that of the newest exposed certificate that is not covered. Severity is that of the most serious pair
of subscribers: how surely both are on the device, and how surely they are two.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from keystead.certificate.name import printable
from keystead.monitor.coverage import Coverage, Reason, Uncovered
from keystead.monitor.exposure import ExposedPair, Timeline
from keystead.monitor.findings import (
    Finding,
    FoundCertificate,
    FoundClaim,
    FoundExposure,
    FoundSubscriber,
    SettledBy,
    Settlement,
    State,
    show_time,
)
from keystead.monitor.model import Assurance, CertificateFacts, EntryName
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.standing import Standing
from keystead.monitor.subscribers import Sameness

__all__ = ["BASE", "RULE", "judge"]

RULE = "shared-device"
BASE = Severity.HIGH

_WHY = {
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


def judge(timeline: Timeline, at_ms: int) -> Finding | None:
    """What there is to say about a device at a moment.

    Args:
        timeline: everything that bears on the device.
        at_ms: the moment, in milliseconds.

    Returns:
        An open finding while the device is exposed, a settled one if it was before, None if it never was.
    """
    current = timeline.at(at_ms)
    exposure = current or timeline.before(at_ms)
    if exposure is None:
        return None
    # What is said of a settled finding is what held just before it ended.
    moment = at_ms if current else exposure.span.end - 1
    exposed = timeline.certificates_at(moment)
    pair = _most_serious(timeline.pairs_at(moment))
    why = _why(timeline.coverage, exposed, moment)
    settlement = None if current else _settlement(timeline, exposed, exposure.span.end)
    certificates = tuple(_found(timeline, standing, moment) for standing in exposed)
    subscribers = _subscribers(timeline, exposed)
    device = timeline.view.device
    return Finding(
        rule=RULE,
        subject=device.device_id,
        severity=_severity(pair),
        severity_why=_severity_why(pair),
        state=State.OPEN if current else State.SETTLED,
        since_ms=exposure.span.start,
        summary=_summary(device.text, subscribers, certificates, pair, why, settlement),
        would_settle=_would_settle(why) if current else "",
        reason=why.reason.value,
        settlement=settlement,
        device=device.device_id,
        device_text=device.text,
        service=why.service,
        subscribers=subscribers,
        entries=tuple(sorted(name for found in certificates for name in found.entries)),
        statements=_statements(timeline, exposed, why, settlement),
        certificates=certificates,
        exposures=_history(timeline, at_ms),
    )


def _severity(pair: ExposedPair) -> Severity:
    return severity_of(BASE, pair.assurance, perhaps=pair.comparison.sameness is Sameness.UNKNOWN)


def _most_serious(pairs: Sequence[ExposedPair]) -> ExposedPair:
    # What is said must not depend on how groups are numbered.
    return max(pairs, key=lambda pair: (_severity(pair), pair.assurance, pair.comparison.why))


def _severity_why(pair: ExposedPair) -> str:
    word = {
        Assurance.ATTESTED: "two subscribers' keys are attested to be in the device",
        Assurance.CA_VERIFIED: "that a second subscriber's key is in the device is a CA's word",
        Assurance.DECLARED: "that a second subscriber's key is in the device is only declared",
    }[pair.assurance]
    if pair.comparison.sameness is Sameness.UNKNOWN:
        return f"{word}; they are only perhaps two: {pair.comparison.why}"
    return word


def _why(coverage: Coverage, exposed: Sequence[Standing], moment: int) -> Uncovered:
    """Why the newest certificate that is not covered is not."""
    uncovered = [standing.certificate for standing in exposed if not standing.cell.covered]
    newest = max(uncovered, key=lambda certificate: certificate.age)
    return coverage.why_not(newest, moment)


def _settlement(timeline: Timeline, exposed: Sequence[Standing], end_ms: int) -> Settlement:
    """What ended an exposure: what changed for its certificates at that moment."""
    changes = [_change(timeline, standing.certificate, end_ms) for standing in exposed]
    order = list(SettledBy)
    how = min((how for how, _, _, _ in changes), key=order.index)
    telling = [change for change in changes if change[0] is how]
    return Settlement(
        how=how,
        at_ms=end_ms,
        by=tuple(sorted({name for _, by, _, _ in telling for name in by})),
        statements=tuple(sorted({name for _, _, names, _ in telling for name in names})),
        sentence="; ".join(sorted({sentence for _, _, _, sentence in telling})),
    )


_Change = tuple[SettledBy, tuple[str, ...], tuple[EntryName, ...], str]


def _change(timeline: Timeline, certificate: CertificateFacts, moment: int) -> _Change:
    """What became of a certificate at a moment at which an exposure ended."""
    ending = certificate.ending
    if ending is not None and certificate.live.end == moment == ending.at_ms:
        sentence = f"{ending.by} stated that a certificate is revoked ({ending.reason})"
        return SettledBy.REVOKED, (ending.by,), (ending.statement,), sentence
    if certificate.live.end == moment:
        return SettledBy.EXPIRED, (), (), "a certificate expired"
    cover = timeline.coverage.cover_at(certificate, moment)
    before = timeline.coverage.cover_at(certificate, moment - 1)
    if cover is not None and before is None:
        audit = cover.audit.audit
        operator, auditor = printable(audit.statement.operator_name), printable(audit.auditor)
        sentence = (
            f"the service {cover.service.hex()[:16]}… of {operator}, audited by {auditor} "
            f"under {audit.statement.scheme.value} until {show_time(audit.end_ms - 1000)}, covers the device"
        )
        names = (cover.audit.statement, cover.enrolment.joined_by)
        by: tuple[str, ...] = (auditor, operator)
        return SettledBy.COVERED, by, names, sentence
    superseded = [
        claim for claim in certificate.on(timeline.view.device.device_id) if claim.ends_ms == moment
    ]
    if superseded:
        by = tuple(sorted({claim.by for claim in superseded}))
        return SettledBy.ENDED, by, (), f"{' and '.join(by)} took back that a certificate is on the device"
    return SettledBy.ENDED, (), (), "the exposure ended"


def _found(timeline: Timeline, standing: Standing, moment: int) -> FoundCertificate:
    certificate = standing.certificate
    claims = [
        claim
        for claim in certificate.on(timeline.view.device.device_id)
        if standing.span.start < claim.ends_ms
    ]
    return FoundCertificate(
        certificate_id=certificate.certificate_id,
        entries=tuple(entry.name for entry in certificate.entries),
        issuer=certificate.issuer,
        serial=certificate.serial,
        subscriber=timeline.groups.profiles[certificate.subscriber].label,
        key=certificate.key,
        not_before_ms=certificate.valid.start,
        not_after_ms=certificate.valid.end - 1000,
        ends_ms=certificate.live.end - 1000 if certificate.ending is None else certificate.live.end,
        assurance=standing.cell.assurance,
        claims=tuple(
            FoundClaim(claim.kind, claim.by, claim.assurance, claim.method, claim.statement)
            for claim in claims
        ),
        covered=standing.cell.covered,
        reason=None if standing.cell.covered else timeline.coverage.why_not(certificate, moment).reason.value,
    )


def _subscribers(timeline: Timeline, exposed: Sequence[Standing]) -> tuple[FoundSubscriber, ...]:
    """Those who are exposed to each other, in the order of their oldest certificates."""
    by_group: dict[int, list[CertificateFacts]] = defaultdict(list)
    for standing in exposed:  # the oldest first
        by_group[standing.cell.group].append(standing.certificate)
    found = []
    for group, certificates in by_group.items():
        profiles = {one.subscriber: timeline.groups.profiles[one.subscriber] for one in certificates}
        joins = timeline.groups.explain(group) if len(profiles) > 1 else []
        found.append(
            FoundSubscriber(
                ids=tuple(sorted({profile.subscriber_id for profile in profiles.values()})),
                name=profiles[certificates[-1].subscriber].label,
                joined_by=tuple(sorted(f"{join.kind} {join.value}" for join in joins)),
            )
        )
    return tuple(found)


def _statements(
    timeline: Timeline, exposed: Sequence[Standing], why: Uncovered, settlement: Settlement | None
) -> tuple[EntryName, ...]:
    """What was stated about the certificates, the service of the reason, and the settlement."""
    names: set[EntryName | None] = set() if settlement is None else set(settlement.statements)
    device_id = timeline.view.device.device_id
    for standing in exposed:
        certificate = standing.certificate
        names.update(claim.statement for claim in certificate.on(device_id))
        names.update(claim.statement for claim in certificate.services)
        names.update(() if certificate.ending is None else (certificate.ending.statement,))
    if why.audit is not None:
        names.add(why.audit.statement)
        withdrawn_by = why.audit.audit.withdrawn_by
        names.update(() if withdrawn_by is None else (EntryName(why.audit.origin, withdrawn_by),))
    for held in timeline.view.enrolments:
        names.add(held.joined_by)
        left_by = held.enrolment.left_by
        names.update(() if left_by is None else (EntryName(held.origin, left_by),))
    return tuple(sorted(name for name in names if name is not None))


def _history(timeline: Timeline, at_ms: int) -> tuple[FoundExposure, ...]:
    """The exposures that began by the moment; the one that lasts then has no end yet."""
    ids: dict[int, set[bytes]] = defaultdict(set)
    for certificate in timeline.view.certificates:
        profile = timeline.groups.profiles[certificate.subscriber]
        ids[timeline.groups.of(profile.number)].add(profile.subscriber_id)
    return tuple(
        FoundExposure(
            exposure.span.start,
            exposure.span.end if exposure.span.end <= at_ms else None,
            tuple(sorted({identifier for group in exposure.groups for identifier in ids[group]})),
        )
        for exposure in timeline.exposures
        if exposure.span.start <= at_ms
    )


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
    names = _listed(subscriber.name for subscriber in subscribers)
    issuers = _listed(sorted({certificate.issuer for certificate in certificates}))
    perhaps = "perhaps " if pair.comparison.sameness is Sameness.UNKNOWN else ""
    holds, is_covered = ("holds", "is") if settlement is None else ("held", "was")
    said = _WHY[why.reason][settlement is not None]
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


def _listed(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
