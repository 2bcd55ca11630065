# SPDX-License-Identifier: Apache-2.0
"""A second judge of devices, written from the definitions alone: every pair, at one instant. Slow.

`slow_rules` asks it about the rules other than `shared-device`.
"""

from itertools import combinations

from keystead.monitor.grouping import Groups
from keystead.monitor.model import Assurance, CertificateFacts, DeviceView
from keystead.monitor.profiles import Sameness


def assurance_on(certificate: CertificateFacts, device_id: bytes, moment: int) -> Assurance | None:
    """How surely a certificate is on a device at an instant; None where it is not, or is not live."""
    if not certificate.valid.start <= moment < certificate.valid.end:
        return None
    if certificate.ending is not None and moment >= certificate.ending.at_ms:
        return None
    standing = [
        claim.assurance
        for claim in certificate.claims
        if claim.device_id == device_id and moment < claim.ends_ms
    ]
    return max(standing, default=None)


def holder(view: DeviceView, moment: int) -> bytes | None:
    """The service that the device belongs to at an instant."""
    enrolled = sorted(
        (held for held in view.enrolments if held.enrolment.contains(moment)),
        key=lambda held: (held.enrolment.start_ms, held.origin, held.enrolment.joined_by),
    )

    def named(service: bytes) -> bool:
        return any(
            assurance_on(certificate, view.device.device_id, moment) is not None
            and any(
                claim.device_id == view.device.device_id and claim.assurance is Assurance.ATTESTED
                for claim in certificate.claims
            )
            and any(
                claim.service == service and claim.span.start <= moment < claim.span.end
                for claim in certificate.services
            )
            for certificate in view.certificates
        )

    current: bytes | None = None
    for held in enrolled:
        service = held.enrolment.service
        # The earlier counts, unless a certificate names the later and none names the earlier.
        if current is None or (named(service) and not named(current)):
            current = service
    return current


def covering_services(view: DeviceView, certificate: CertificateFacts, moment: int) -> set[bytes]:
    """The services that cover a certificate at an instant."""
    held_by = holder(view, moment)
    return {
        service_id
        for claim in certificate.services
        for (origin, service_id), service in view.services.items()
        if claim.span.start <= moment < claim.span.end
        and claim.service == held_by == service_id
        and any(audit.in_force_at(moment) for audit in service.audits)
        and any(
            held.origin == origin and held.enrolment.service == service_id and held.enrolment.contains(moment)
            for held in view.enrolments
        )
    }


def is_covered(view: DeviceView, certificate: CertificateFacts, moment: int) -> bool:
    """Whether the device is covered for a certificate at an instant."""
    return bool(covering_services(view, certificate, moment))


def why_not_covered(view: DeviceView, certificate: CertificateFacts, moment: int) -> str:
    """Why a certificate is not covered: of all services that it names, and all logs, the furthest down in the table."""
    order = ("no-service", "unaudited", "not-qualifying", "withdrawn", "lapsed", "not-enrolled")
    found = [order[0]]
    for named in {
        claim.service for claim in certificate.services if claim.span.start <= moment < claim.span.end
    }:
        found.append("unaudited")
        for (_, service_id), service in view.services.items():
            qualifying = [audit for audit in service.audits if audit.qualifies]
            if service_id != named or not service.audits:
                continue
            if not qualifying:
                found.append("not-qualifying")
            elif any(audit.in_force_at(moment) for audit in qualifying):
                found.append("not-enrolled")
            elif any(audit.start_ms <= moment < audit.planned_end_ms for audit in qualifying):
                found.append("withdrawn")
            else:
                found.append("lapsed")
    return max(found, key=order.index)


def exposing_pairs(
    view: DeviceView, groups: Groups, moment: int
) -> list[tuple[CertificateFacts, CertificateFacts]]:
    """The certificates that expose the device to each other at an instant."""
    device_id = view.device.device_id
    exposing: list[tuple[CertificateFacts, CertificateFacts]] = []
    if view.device.cloud:
        return exposing
    for first, second in combinations(view.certificates, 2):
        sure = [assurance_on(certificate, device_id, moment) for certificate in (first, second)]
        pair = groups.of(first.subscriber), groups.of(second.subscriber)
        if None in sure or first.key == second.key or groups.compare(*pair).sameness is Sameness.SAME:
            continue
        if is_covered(view, first, moment) and is_covered(view, second, moment):
            continue
        domains = {
            claim.device_id
            for claim in (*first.claims, *second.claims)
            if claim.class_ == "domain" and view.device.class_ != "domain"
        }
        if any(_speaks(domain, (first, second), sure, moment) for domain in domains):
            continue
        exposing.append((first, second))
    return exposing


def exposed_groups(view: DeviceView, groups: Groups, moment: int) -> frozenset[int]:
    """The subscriber groups that expose the device to each other at an instant."""
    pairs = exposing_pairs(view, groups, moment)
    return frozenset(groups.of(one.subscriber) for pair in pairs for one in pair)


def _speaks(
    domain: bytes, pair: tuple[CertificateFacts, CertificateFacts], sure: list[Assurance | None], moment: int
) -> bool:
    """Whether a domain speaks for both of a pair: they stand on it at least as surely."""
    for certificate, least in zip(pair, sure, strict=True):
        there = assurance_on(certificate, domain, moment)
        if there is None or least is None or there < least:
            return False
    return True
