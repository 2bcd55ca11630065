# SPDX-License-Identifier: Apache-2.0
"""Why a verdict is what it is, in stable words and in sentences (`specs/check.md`, section 5).

Invariant: a sentence names who says that a certificate is on the device, and what that is worth: nobody is framed by a
bare claim.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from keystead.certificate.name import printable
from keystead.check.decision import CoverShown, Detail
from keystead.check.neighbours import Neighbour, Relation
from keystead.check.precedence import stands_since
from keystead.monitor.coverage import Uncovered
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.found import FoundCertificate, FoundSubscriber, show_time
from keystead.monitor.model import Assurance, CertificateFacts, DeviceView
from keystead.monitor.profiles import Sameness
from keystead.monitor.rules.shared_device import WHY
from keystead.monitor.showing import found_certificate, found_subscribers, listed
from keystead.monitor.standing import on_device

__all__ = [
    "Subject",
    "clear_detail",
    "covered_details",
    "deviceless_detail",
    "later_detail",
    "provider_detail",
    "same_detail",
    "service_detail",
    "shared_details",
]


class Subject:
    """The certificate that is asked about, on one device.

    Args:
        case: everything that bears on the device, the certificate included.
        certificate_id: of the certificate.
        at_ms: the moment asked about.
        submitted: it is logged to find out.
    """

    def __init__(self, case: DeviceCase, certificate_id: bytes, at_ms: int, *, submitted: bool) -> None:
        self.case = case
        self.certificate = next(one for one in case.view.certificates if one.certificate_id == certificate_id)
        self.at_ms = at_ms
        self.submitted = submitted

    @cached_property
    def moment(self) -> int:
        """When it is judged for itself: once it is valid."""
        return max(self.at_ms, self.certificate.live.start)

    @property
    def stands(self) -> bool:
        """Whether it is on the device then."""
        return any(self.moment in span for span, _ in on_device(self.certificate, self.case.device_id))

    @property
    def device(self) -> str:
        """What people call the device."""
        return self.case.view.device.text

    @property
    def name(self) -> str:
        """What the certificate is called in a sentence."""
        return "this certificate" if self.submitted else "the certificate asked about"

    def cover(self, moment: int) -> CoverShown | None:
        """What covers the device for it at a moment."""
        found = self.case.coverage.cover_at(self.certificate, moment)
        if found is None:
            return None
        service = self.case.view.services[found.audit.origin, found.service]
        audit = found.audit.audit
        return CoverShown(
            service=found.service,
            service_name=printable(service.name),
            operator=printable(audit.statement.operator_name),
            auditor=printable(audit.auditor),
            scheme=audit.statement.scheme.value,
            statement=found.audit.statement,
            enrolled_by=found.enrolment.joined_by,
            until_ms=found.span.end,
        )


def shared_details(subject: Subject, exposed: Sequence[Neighbour]) -> Iterator[Detail]:
    """One for each other subscriber, and whether they are only perhaps another; the surest first."""
    case = subject.case
    perhaps: list[Detail] = []
    for found in sorted(_by_group(exposed), key=lambda found: -max(map(_assurance, found))):
        why = _why_uncovered(subject, found)
        subscriber, certificates = _shown(subject, found)
        since = _since(subject, found)
        whose = subject.name if why[0] is subject.certificate else f"a certificate of {subscriber.name}"
        said = WHY[why[1].reason][0]
        yield Detail(
            why[1].reason.value,
            f"{subject.device} {_holds(subscriber, found)} since {show_time(since)}, {_by(found)}; {whose} {said}",
            case.device_id,
            (subscriber,),
            certificates,
            since,
            why[1].service,
        )
        first = found[0]
        assert first.mine is not None  # noqa: S101 -- they meet, or they would not be exposed
        assert first.theirs is not None  # noqa: S101
        comparison = case.subscribers.at(first.moment).compare(first.mine.cell.group, first.theirs.cell.group)
        if comparison.sameness is Sameness.UNKNOWN:
            perhaps.append(
                Detail(
                    "perhaps-same",
                    f"{subscriber.name} is only perhaps another subscriber, and counts as another: {comparison.why}",
                    case.device_id,
                    (subscriber,),
                )
            )
    yield from perhaps


def covered_details(subject: Subject, covered: Sequence[Neighbour]) -> Iterator[Detail]:
    """One for each other subscriber on the device."""
    for found in _by_group(covered):
        subscriber, certificates = _shown(subject, found)
        cover = subject.cover(found[0].moment)
        assert cover is not None  # noqa: S101 -- what is not covered is exposed
        since = _since(subject, found)
        yield Detail(
            "audited-service",
            f"{subject.device} {_holds(subscriber, found)} since {show_time(since)}, {_by(found)}; the signing service "
            f"{_cover(cover)} covers it for both",
            subject.case.device_id,
            (subscriber,),
            certificates,
            since,
            cover.service,
            cover,
        )


def same_detail(subject: Subject, same: Sequence[Neighbour]) -> Detail:
    """That the device has keys of this subscriber alone."""
    subscriber, certificates = _shown(subject, same)
    groups = subject.case.subscribers.at(subject.moment)
    (whole,) = found_subscribers([*(other.certificate for other in same), subject.certificate], groups)
    joined = f", the same subscriber by {listed(whole.joined_by)}" if whole.joined_by else ""
    return Detail(
        "one-subscriber",
        f"{subject.device} {_holds(subscriber, same)}{joined}, {_by(same)}, and of nobody else",
        subject.case.device_id,
        (subscriber,),
        certificates,
        _since(subject, same),
    )


def clear_detail(subject: Subject, others: Sequence[Neighbour]) -> Detail:
    """That nobody's key is in the device."""
    ended = [other for other in others if other.relation is Relation.ENDED]
    spoken_for = [other for other in others if other.relation is Relation.DOMAIN]
    if spoken_for:
        code, said = (
            "domain-decides",
            "is part of a domain in which keys move, and what is to be said is said of that",
        )
    elif len(others) > len(ended):
        code, said = "first", "had no certificate of another subscriber on it when this one came"
    elif ended:
        code, said = "none-live", "has no certificate on it that is valid: those that were have ended"
    else:
        code, said = "never-seen", "has no other certificate on it"
    return Detail(code, f"{subject.device} {said}", subject.case.device_id)


def deviceless_detail(views: Iterable[DeviceView], certificate_id: bytes, at_ms: int) -> Detail:
    """That a certificate is on no device: it has ended, or nothing puts it on one.

    Args:
        views: the devices that it is, or was, on.
        certificate_id: of the certificate.
        at_ms: the moment asked about.
    """
    certificates = (one for view in views for one in view.certificates)
    if any(one.certificate_id == certificate_id and one.live.end <= at_ms for one in certificates):
        return Detail(
            "ended",
            "the certificate has ended: it expired, was revoked or never issued, and is on no device any more",
        )
    return Detail("no-device", "nothing says in which device the key is, so nothing can be said about it")


def provider_detail(subject: Subject) -> Detail:
    """That the device is there for many."""
    return Detail(
        "provider-operated",
        f"{subject.device} is proven by evidence to be operated by a provider for many subscribers",
        subject.case.device_id,
    )


def later_detail(subject: Subject, later: Sequence[Neighbour]) -> Detail:
    """That others came after this certificate."""
    names = listed(sorted({_shown(subject, found)[0].name for found in _by_group(later)}))
    return Detail(
        "stands-later",
        f"{subject.device} holds keys of {names}, too, that came after {subject.name}: it is for their CAs to decline",
        subject.case.device_id,
        tuple(_shown(subject, found)[0] for found in _by_group(later)),
        tuple(certificate for found in _by_group(later) for certificate in _shown(subject, found)[1]),
        _since(subject, later),
    )


def service_detail(subject: Subject) -> Detail | None:
    """Whether the service that the certificate names covers the device; None where it names none."""
    named = [claim for claim in subject.certificate.services if subject.moment in claim.span]
    if not named:
        return None
    cover = subject.cover(subject.moment)
    device_id = subject.case.device_id
    if cover is not None:
        sentence = f"the signing service {_cover(cover)} covers {subject.device} for {subject.name}"
        return Detail("audited-service", sentence, device_id, service=cover.service, cover=cover)
    why = subject.case.coverage.why_not(subject.certificate, subject.moment)
    sentence = f"{subject.device} is not covered for {subject.name}: it {WHY[why.reason][0]}"
    return Detail("not-covered", sentence, device_id, service=why.service)


def _why_uncovered(subject: Subject, found: Sequence[Neighbour]) -> tuple[CertificateFacts, Uncovered]:
    """Which certificate is not covered, and why: the one asked about, or else the newest of theirs."""
    for other in (found[0], *reversed(found)):
        if other.mine is not None and not other.mine.cell.covered:
            return subject.certificate, subject.case.coverage.why_not(subject.certificate, other.moment)
        if other.theirs is not None and not other.theirs.cell.covered:
            return other.certificate, subject.case.coverage.why_not(other.certificate, other.moment)
    raise AssertionError("what is covered for both is not exposed")


def _by_group(others: Iterable[Neighbour]) -> list[list[Neighbour]]:
    """The neighbours of each other subscriber, the one who came first first."""
    groups: dict[int, list[Neighbour]] = defaultdict(list)
    for other in others:
        groups[-1 if other.theirs is None else other.theirs.cell.group].append(other)
    return list(groups.values())


def _shown(
    subject: Subject, found: Sequence[Neighbour]
) -> tuple[FoundSubscriber, tuple[FoundCertificate, ...]]:
    """Whose certificates these are, and the certificates."""
    case = subject.case
    groups = case.subscribers.at(max(other.moment for other in found))
    subscriber, *_ = found_subscribers([other.certificate for other in found], groups)
    return subscriber, tuple(
        found_certificate(
            other.certificate,
            case.subscribers.profiles[other.certificate.subscriber].label,
            other.moment,
            device_id=case.device_id,
            assurance=_assurance(other),
            covered=None if other.theirs is None else other.theirs.cell.covered,
        )
        for other in found
    )


def _assurance(other: Neighbour) -> Assurance:
    return Assurance.DECLARED if other.theirs is None else other.theirs.cell.assurance


def _since(subject: Subject, found: Iterable[Neighbour]) -> int:
    """Since when the first of these is on the device, as the log tells."""
    since = [stands_since(other.certificate, subject.case.device_id, subject.at_ms) for other in found]
    return min((one.time_ms for one in since if one is not None), default=subject.at_ms)


def _holds(subscriber: FoundSubscriber, found: Sequence[Neighbour]) -> str:
    keys = len({other.certificate.key for other in found})
    return f"holds {'a key' if keys == 1 else f'{keys} keys'} of {subscriber.name}"


def _by(found: Sequence[Neighbour]) -> str:
    issuers = listed(sorted({other.certificate.issuer for other in found}))
    return f"certified by {issuers} ({max(map(_assurance, found)).text})"


def _cover(cover: CoverShown) -> str:
    return (
        f"{cover.service_name} of {cover.operator}, audited by {cover.auditor} under {cover.scheme}, in force until "
        f"{show_time(cover.until_ms)},"
    )
