# SPDX-License-Identifier: Apache-2.0
"""What rules show in their findings: certificates, subscribers, history, severity in words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from keystead.monitor.course import Course
from keystead.monitor.found import FoundCertificate, FoundClaim, FoundExposure, FoundSubscriber
from keystead.monitor.grouping import Groups
from keystead.monitor.model import Assurance, CertificateFacts, EntryName, Span
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.subscribers import Subscribers

__all__ = [
    "by_age",
    "course_exposures",
    "entries_of",
    "found_certificate",
    "found_exposures",
    "found_subscribers",
    "listed",
    "shown_changes",
    "statements_of",
    "why_severity",
]


Reason = TypeVar("Reason")


def by_age(certificates: Iterable[CertificateFacts]) -> list[CertificateFacts]:
    """Each certificate once, the oldest first."""
    unique = {certificate.certificate_id: certificate for certificate in certificates}
    return sorted(unique.values(), key=lambda certificate: certificate.age)


def shown_changes(certificates: Iterable[CertificateFacts], subscribers: Subscribers) -> Iterator[int]:
    """The moments at which certificates and their subscribers are shown otherwise, whatever a rule says of them."""
    yield from subscribers.moments
    for certificate in certificates:
        yield from (claim.ends_ms for claim in certificate.claims)


def found_certificate(
    certificate: CertificateFacts,
    label: str,
    moment: int,
    *,
    device_id: bytes | None = None,
    assurance: Assurance | None = None,
    covered: bool | None = None,
    reason: str | None = None,
) -> FoundCertificate:
    """A certificate as a finding shows it.

    Args:
        certificate: which one.
        label: of its subscriber.
        moment: claims that were taken back by then are left out.
        device_id: leave out the claims of other devices.
        assurance: that it is on the device; the best of the claims that are shown unless given.
        covered, reason: see `FoundCertificate`.
    """
    claims = [
        claim
        for claim in certificate.claims
        if moment < claim.ends_ms and device_id in {None, claim.device_id}
    ]
    if assurance is None:
        assurance = max((claim.assurance for claim in claims), default=None)
    return FoundCertificate(
        certificate_id=certificate.certificate_id,
        entries=tuple(entry.name for entry in certificate.entries),
        issuer=certificate.issuer,
        serial=certificate.serial,
        subscriber=label,
        key=certificate.key,
        not_before_ms=certificate.valid.start,
        not_after_ms=certificate.valid.end - 1000,
        ends_ms=certificate.live.end - 1000 if certificate.ending is None else certificate.live.end,
        assurance=assurance,
        claims=tuple(
            FoundClaim(claim.device_id, claim.kind, claim.by, claim.assurance, claim.method, claim.statement)
            for claim in claims
        ),
        covered=covered,
        reason=reason,
    )


def found_subscribers(
    certificates: Sequence[CertificateFacts], groups: Groups
) -> tuple[FoundSubscriber, ...]:
    """The subscribers of certificates that come the oldest first, in the order of their oldest."""
    by_group: dict[int, list[CertificateFacts]] = defaultdict(list)
    for certificate in certificates:
        by_group[groups.of(certificate.subscriber)].append(certificate)
    found = []
    for group, members in by_group.items():
        profiles = {one.subscriber: groups.profiles[one.subscriber] for one in members}
        joins = groups.explain(group) if len(profiles) > 1 else []
        found.append(
            FoundSubscriber(
                ids=tuple(sorted({profile.subscriber_id for profile in profiles.values()})),
                name=profiles[members[-1].subscriber].label,
                joined_by=tuple(sorted(f"{join.kind} {join.value}" for join in joins)),
            )
        )
    return tuple(found)


def found_exposures(
    stretches: Iterable[tuple[Span, Iterable[CertificateFacts]]], subscribers: Subscribers, at_ms: int
) -> tuple[FoundExposure, ...]:
    """The stretches that began by a moment, each with whose certificates made it; one may last still."""
    return tuple(
        FoundExposure(
            span.start,
            span.end if span.end <= at_ms else None,
            tuple(sorted({subscribers.profiles[one.subscriber].subscriber_id for one in certificates})),
        )
        for span, certificates in stretches
        if span.start <= at_ms
    )


def course_exposures(
    course: Course[Reason],
    certificates: Callable[[Reason], Iterable[CertificateFacts]],
    subscribers: Subscribers,
    at_ms: int,
) -> tuple[FoundExposure, ...]:
    """The stretches of a course, each with the certificates of the strands in it."""
    return found_exposures(
        (
            (stretch, [certificate for why in reasons for certificate in certificates(why)])
            for stretch, reasons in course.reasons_in()
        ),
        subscribers,
        at_ms,
    )


def entries_of(certificates: Iterable[CertificateFacts]) -> tuple[EntryName, ...]:
    """Where certificates are logged."""
    return tuple(sorted({entry.name for certificate in certificates for entry in certificate.entries}))


def statements_of(
    certificates: Iterable[CertificateFacts],
    device_id: bytes | None = None,
    *,
    groups: Groups | None = None,
    more: Iterable[EntryName | None] = (),
) -> tuple[EntryName, ...]:
    """What was stated about certificates: where their keys are, in which services, that they ended; and aliases.

    Args:
        certificates: which.
        device_id: leave out claims of other devices.
        groups: of the subscribers; name the aliases that made one of several of theirs.
        more: further statements.
    """
    names: set[EntryName | None] = set(more)
    for certificate in certificates:
        if groups is not None:
            names.update(join.statement for join in groups.explain(groups.of(certificate.subscriber)))
        names.update(claim.statement for claim in certificate.claims if device_id in {None, claim.device_id})
        names.update(claim.statement for claim in certificate.services)
        for ending in (certificate.ending, certificate.compromise):
            names.update(() if ending is None else (ending.statement,))
    return tuple(sorted(name for name in names if name is not None))


def why_severity(word: str, comparison: Comparison | None = None) -> str:
    """A severity in words, with why subscribers are only perhaps two."""
    if comparison is not None and comparison.sameness is Sameness.UNKNOWN:
        return f"{word}; they are only perhaps two: {comparison.why}"
    return word


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in a sentence."""
    all_names = list(names)
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more
