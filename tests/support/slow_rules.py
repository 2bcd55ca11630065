# SPDX-License-Identifier: Apache-2.0
"""A second judge of all rules about certificates, written from `specs/monitor.md` alone: every pair, at one instant.

Each function says, for one instant, by which facts a rule holds about a subject; none where it does not hold. Slow,
and meant to be read beside the definitions. `slow_misbehaviour` judges what logs did.
"""

from collections.abc import Iterable
from itertools import combinations, permutations, product

from keystead.monitor.grouping import Groups
from keystead.monitor.model import (
    Assurance,
    CertificateFacts,
    DeviceClaim,
    DeviceView,
    KeyView,
)
from keystead.monitor.profiles import Sameness
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.subscribers import Subscribers
from support.slow_facts import Fact
from support.slow_judge import (
    assurance_on,
    covering_services,
    exposing_pairs,
    is_covered,
    why_not_covered,
)

COMPROMISE = "keyCompromise"


def is_live(certificate: CertificateFacts, moment: int) -> bool:
    """Valid, and no revocation published."""
    ended = certificate.ending is not None and moment >= certificate.ending.at_ms
    return certificate.valid.start <= moment < certificate.valid.end and not ended


def exists(certificate: CertificateFacts, moment: int) -> bool:
    """Its validity has begun, and its CA has not said that it was never made."""
    ending = certificate.ending
    never = ending is not None and ending.reason == "notIssued" and moment >= ending.at_ms
    return certificate.valid.start <= moment and not never


def stay(certificate: CertificateFacts, device_id: bytes) -> tuple[int, int] | None:
    """The first instant on the device, and the first after it."""
    instants = [claim.ends_ms for claim in certificate.claims if claim.device_id == device_id]
    end = min(certificate.valid.end, max(instants, default=0))
    if certificate.ending is not None:
        end = min(end, certificate.ending.at_ms)
    return (certificate.valid.start, end) if end > certificate.valid.start else None


def shared_device(view: DeviceView, subscribers: Subscribers, moment: int) -> list[Fact]:
    """For every pair that exposes the device."""
    device_id, groups = view.device.device_id, subscribers.at(moment)
    return [
        Fact(
            severity_of(
                Severity.HIGH,
                min(sure for sure in _sure(pair, device_id, moment)),
                perhaps=groups.compare(*(groups.of(one.subscriber) for one in pair)).sameness
                is Sameness.UNKNOWN,
            ),
            lives=pair,
            covers=True,
            subjects=pair,
            reasons=tuple(
                (one.age, why_not_covered(view, one, moment))
                for one in pair
                if not is_covered(view, one, moment)
            ),
        )
        for pair in exposing_pairs(view, groups, moment)
    ]


def _sure(pair: Iterable[CertificateFacts], device_id: bytes, moment: int) -> list[Assurance]:
    return [sure for one in pair if (sure := assurance_on(one, device_id, moment)) is not None]


def sequential_reuse(view: DeviceView, subscribers: Subscribers, moment: int) -> list[Fact]:
    """For every later certificate and every earlier one."""
    device_id, groups = view.device.device_id, subscribers.at(moment)
    found: list[Fact] = []
    stays = {one.certificate_id: stay(one, device_id) for one in view.certificates}
    for earlier, later in product(view.certificates, repeat=2):
        before, after = stays[earlier.certificate_id], stays[later.certificate_id]
        now = assurance_on(later, device_id, moment)
        pair = groups.of(earlier.subscriber), groups.of(later.subscriber)
        if view.device.cloud or before is None or after is None or now is None or before[1] > after[0]:
            continue
        if earlier.key == later.key or pair[0] == pair[1]:
            continue
        if _ended_unissued(earlier, before[1]):
            continue
        back = [
            stays[one.certificate_id] for one in view.certificates if groups.of(one.subscriber) == pair[0]
        ]
        if any(one is not None and one[0] <= moment and one[1] > after[0] for one in back):
            continue
        last = before[1] - 1
        if is_covered(view, earlier, last) and is_covered(view, later, moment):
            continue
        then = assurance_on(earlier, device_id, last)
        assert then is not None
        if _spoken_for(view, (earlier, last, then), (later, moment, now)):
            continue
        if _handed_over(view, groups, pair, moment):
            continue
        perhaps = groups.compare(*pair).sameness is Sameness.UNKNOWN
        severity = severity_of(Severity.LOW, min(then, now), perhaps=perhaps)
        found.append(Fact(severity, lives=(later,), covers=True, transfers=True, subjects=(earlier, later)))
    return found


def _ended_unissued(certificate: CertificateFacts, end: int) -> bool:
    """Whether it left the device by the news that it was never made: nobody can have used it."""
    ending = certificate.ending
    return ending is not None and ending.reason == "notIssued" and ending.at_ms == end


def _spoken_for(view: DeviceView, *stands: tuple[CertificateFacts, int, Assurance]) -> bool:
    if view.device.class_ == "domain":
        return False
    domains = {claim.device_id for one, _, _ in stands for claim in one.claims if claim.class_ == "domain"}
    return any(
        all(
            (sure := assurance_on(one, domain, when)) is not None and sure >= least
            for one, when, least in stands
        )
        for domain in domains
    )


def _handed_over(view: DeviceView, groups: Groups, pair: tuple[int, int], moment: int) -> bool:
    """Whether transfers lead from one to the other, step by step, perhaps through somebody without certificates."""
    reached: set[int | bytes] = {pair[0]}
    for _ in range(len(view.transfers) + 1):
        for transfer in (one for one in view.transfers if one.at_ms <= moment):
            for here, there in permutations(transfer.subscribers, 2):
                if not reached.isdisjoint(_having(groups, here)):
                    reached |= _having(groups, there)
    return pair[1] in reached


def _having(groups: Groups, identifier: bytes) -> set[int | bytes]:
    """The subscribers with an id."""
    found = {groups.of(number) for number in groups.profiles if identifier in groups.ids(groups.of(number))}
    return set(found) or {identifier}


def outside_service(view: DeviceView, moment: int) -> list[Fact]:
    """For every service that covers an attested certificate, and every certificate that does not name it."""
    device_id = view.device.device_id
    if view.device.cloud:
        return []
    services = {
        service
        for one in view.certificates
        if assurance_on(one, device_id, moment) is Assurance.ATTESTED
        for service in covering_services(view, one, moment)
    }
    return [
        Fact(
            severity_of(Severity.MEDIUM, sure),
            lives=(one,),
            covers=True,
            reasons=(((one.age, service), "other-service" if _named(one, moment) else "no-service"),),
        )
        for service, one in product(services, view.certificates)
        if (sure := assurance_on(one, device_id, moment)) is not None and service not in _named(one, moment)
    ]


def contested_enrolment(view: DeviceView, service: bytes, moment: int) -> list[Fact]:
    """Attested certificates are there, and none names the service that enrolled the device."""
    attested = [
        one
        for one in view.certificates
        if assurance_on(one, view.device.device_id, moment) is Assurance.ATTESTED
    ]
    enrolled = any(
        held.enrolment.service == service and held.enrolment.contains(moment) for held in view.enrolments
    )
    named = any(service in _named(one, moment) for one in attested)
    return [Fact(Severity.LOW, lives=tuple(attested))] if enrolled and attested and not named else []


def _named(certificate: CertificateFacts, moment: int) -> set[bytes]:
    return {claim.service for claim in certificate.services if claim.span.start <= moment < claim.span.end}


def tainted_device(view: DeviceView, moment: int) -> list[Fact]:
    """For every certificate that was compromised by then and every one that lives."""
    device_id = view.device.device_id
    if view.device.cloud:
        return []
    found = []
    for compromised, living in product(view.certificates, repeat=2):
        compromise = compromised.compromise
        if compromise is None or moment < compromise.at_ms:
            continue
        claimed = [
            claim.assurance
            for claim in compromised.claims
            if claim.device_id == device_id and moment < claim.ends_ms
        ]
        sure = assurance_on(living, device_id, moment)
        if claimed and sure is not None and compromised is not living:
            found.append(Fact(severity_of(Severity.HIGH, min(max(claimed), sure)), lives=(living,)))
    return found


def same_key_two_subscribers(view: KeyView, subscribers: Subscribers, moment: int) -> list[Fact]:
    """For every pair of certificates."""
    if not any(is_live(one, moment) for one in view.certificates):
        return []
    groups = subscribers.at(moment)
    found = []
    for first, second in combinations([one for one in view.certificates if exists(one, moment)], 2):
        pair = groups.of(first.subscriber), groups.of(second.subscriber)
        sameness = groups.compare(*pair).sameness
        if sameness is not Sameness.SAME:
            severity = severity_of(Severity.HIGH, perhaps=sameness is Sameness.UNKNOWN)
            found.append(Fact(severity, lives=tuple(view.certificates), subjects=(first, second)))
    return found


def same_key_two_devices(view: KeyView, moment: int) -> list[Fact]:
    """For every pair of claims."""
    if not any(is_live(one, moment) for one in view.certificates):
        return []
    claims = [
        (one, claim)
        for one in view.certificates
        for claim in one.claims
        if exists(one, moment) and moment < claim.ends_ms
    ]
    found = []
    for (_, first), (_, second) in combinations(claims, 2):
        if first.device_id == second.device_id:
            continue
        both_said = max(first.since_ms, second.since_ms)
        if both_said >= min(first.ends_ms, second.ends_ms):
            continue
        known = _together_since(claims, first.device_id, second.device_id)
        if known is not None and (known <= both_said or known <= moment):
            continue
        severity = severity_of(Severity.HIGH, min(first.assurance, second.assurance))
        found.append(Fact(severity, lives=tuple(view.certificates)))
    return found


def _together_since(
    claims: Iterable[tuple[CertificateFacts, DeviceClaim]], first: bytes, second: bytes
) -> int | None:
    """Since when one source lists two devices together, or each of them with one domain."""

    def direct(one: bytes, other: bytes) -> int | None:
        since = [
            claim.since_ms
            for certificate, claim in claims
            for other_certificate, other_claim in claims
            if claim.device_id == one
            and other_claim.device_id == other
            and certificate is other_certificate
            and (claim.kind, claim.statement) == (other_claim.kind, other_claim.statement)
        ]
        return min(since, default=None)

    found = [direct(first, second)]
    for domain in {claim.device_id for _, claim in claims if claim.class_ == "domain"}:
        ways = direct(domain, first), direct(domain, second)
        if None not in ways and domain not in {first, second}:
            found.append(max(way for way in ways if way is not None))
    return min((one for one in found if one is not None), default=None)


def repeat_offender(
    certificates: Iterable[CertificateFacts], subscribers: Subscribers, moment: int, known: int | None = None
) -> dict[bytes, list[Fact]]:
    """By subscriber id of the first compromised certificate, for every new certificate.

    Args:
        certificates: all of them.
        subscribers: who is whom.
        moment: the instant.
        known: the instant of which it is known who is whom; the same unless given.
    """
    listed, groups = list(certificates), subscribers.at(moment if known is None else known)
    found: dict[bytes, list[Fact]] = {}
    for group in {groups.of(one.subscriber) for one in listed}:
        members = [one for one in listed if groups.of(one.subscriber) == group]
        compromised = sorted(
            (one for one in members if one.compromise is not None and one.compromise.at_ms <= moment),
            key=lambda one: (one.compromise.at_ms if one.compromise else 0, one.age),
        )
        if not compromised or compromised[0].compromise is None:
            continue
        published = compromised[0].compromise.at_ms
        new = [
            one for one in members if is_live(one, moment) and published < one.entries[0].time_ms <= moment
        ]
        keys = {one.key for one in compromised}
        if new:
            subject = subscribers.profiles[compromised[0].subscriber].subscriber_id
            severity = Severity.MEDIUM if len(keys) == 1 else Severity.HIGH
            found.setdefault(subject, []).append(Fact(severity, lives=tuple(new)))
    return found


def weak_evidence(certificate: CertificateFacts, moment: int) -> list[Fact]:
    """A device is only declared by what was logged by then, or named evidence is missing."""
    logged = certificate.entries[0].time_ms
    if not is_live(certificate, moment) or moment < logged:
        return []
    for device_id in {claim.device_id for claim in certificate.claims}:
        said = [
            claim.assurance
            for claim in certificate.claims
            if claim.device_id == device_id and claim.since_ms <= moment < claim.ends_ms
        ]
        if said and max(said) is Assurance.DECLARED:
            return [Fact(Severity.MEDIUM, lives=(certificate,), reasons=(((), "declared"),))]
    missing = certificate.unrecorded
    if missing is None or not missing.start <= moment < missing.end:
        return []
    return [Fact(Severity.MEDIUM, lives=(certificate,), reasons=(((), "evidence-missing"),))]


def undecodable(certificate: CertificateFacts | None, logged: int, moment: int) -> list[Fact]:
    """An entry that cannot be read: while its certificate lives, and for ever if that cannot be told."""
    if moment < logged or (certificate is not None and not _lives_yet(certificate, moment)):
        return []
    return [Fact(Severity.LOW, lives=() if certificate is None else (certificate,))]


def _lives_yet(certificate: CertificateFacts, moment: int) -> bool:
    """It has not ended; it may not have begun."""
    ended = certificate.ending is not None and moment >= certificate.ending.at_ms
    return moment < certificate.valid.end and not ended
