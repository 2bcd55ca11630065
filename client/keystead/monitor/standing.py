# SPDX-License-Identifier: Apache-2.0
"""How certificates stand on a device over time (`specs/monitor.md`, section 5).

A certificate stands on a device for its whole life, however late somebody said so; where what was said is
superseded, until that was logged. A `Standing` is a stretch of it in which nothing that matters to judging changes:
not its subscriber, not its assurance, not whether it is covered, not on which domains it stands as well.

A pair of certificates that stands on one domain (a security world, a cluster) exposes the domain and not its
modules, because keys move inside it; so a standing on a module carries the domains that speak for it: those on
which the same certificate stands at least as surely.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from keystead.certificate.device_identifier import DeviceClass
from keystead.monitor.coverage import Coverage
from keystead.monitor.model import Assurance, CertificateFacts, DeviceView, Span
from keystead.monitor.subscribers import Subscribers

__all__ = ["Cell", "Standing", "on_device", "said_on_device", "standings"]


class Cell(NamedTuple):
    """What certificates have in common that no pair with a third tells apart, but for their keys.

    Attributes:
        group: of their subscriber.
        domains: the domains that speak for them.
        covered: whether the device is covered for them.
        assurance: that they stand on the device.
    """

    group: int
    domains: frozenset[bytes]
    covered: bool
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class Standing:
    """A stretch of a certificate's time on the device.

    Attributes:
        certificate: which one.
        span: when.
        cell: how.
    """

    certificate: CertificateFacts
    span: Span
    cell: Cell


def on_device(certificate: CertificateFacts, device_id: bytes) -> list[tuple[Span, Assurance]]:
    """When a certificate stands on a device, and with what assurance: disjoint spans, ascending."""
    return said_on_device(certificate, device_id, certificate.live)


def said_on_device(
    certificate: CertificateFacts, device_id: bytes, within: Span
) -> list[tuple[Span, Assurance]]:
    """When, within a span, somebody says that a certificate is on a device, whether or not it is live."""
    claims = certificate.on(device_id)
    ends = sorted({min(claim.ends_ms, within.end) for claim in claims if claim.ends_ms > within.start})
    found: list[tuple[Span, Assurance]] = []
    start = within.start
    for end in ends:
        if end > start:
            found.append((Span(start, end), max(claim.assurance for claim in claims if claim.ends_ms >= end)))
            start = end
    return found


def standings(view: DeviceView, subscribers: Subscribers, coverage: Coverage) -> Iterable[Standing]:
    """How each certificate in view stands on the device, in spans of one certificate that follow each other."""
    device = view.device
    for certificate in view.certificates:
        covered = coverage.spans(certificate)
        domains = [] if device.class_ == DeviceClass.DOMAIN else _domains(certificate)
        moments = [*subscribers.moments, *(edge for span in covered for edge in (span.start, span.end))]
        moments += [boundary for _, span, _ in domains for boundary in (span.start, span.end)]
        for span, assurance in on_device(certificate, device.device_id):
            cuts = sorted({span.start, span.end, *(moment for moment in moments if moment in span)})
            for start, end in pairwise(cuts):
                group = subscribers.at(start).of(certificate.subscriber)
                speaking = frozenset(
                    domain for domain, when, sure in domains if start in when and sure >= assurance
                )
                is_covered = any(start in cover for cover in covered)
                yield Standing(certificate, Span(start, end), Cell(group, speaking, is_covered, assurance))


def _domains(certificate: CertificateFacts) -> Sequence[tuple[bytes, Span, Assurance]]:
    ids = {claim.device_id for claim in certificate.claims if claim.class_ == DeviceClass.DOMAIN}
    return [(domain, span, sure) for domain in sorted(ids) for span, sure in on_device(certificate, domain)]
