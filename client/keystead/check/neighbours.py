# SPDX-License-Identifier: Apache-2.0
"""How each other certificate on a device stands to the one that is asked about (`specs/check.md`, section 3).

Each pair is judged at the first moment, from the one asked about on, at which both are live: a certificate that is
valid from next week on counts as it will stand then. Groups of subscribers, coverage and what exposes a device are the
monitor's; the keys of the two are not compared, for a key that another subscriber has is no better than another key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from keystead.monitor.crowd import exposing
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.model import CertificateFacts
from keystead.monitor.standing import Standing

__all__ = ["Neighbour", "Relation", "neighbours"]


class Relation(Enum):
    """How two certificates stand to each other on a device."""

    ENDED = auto()
    """They are not on it at the same time, from the moment asked about on."""
    SAME = auto()
    """They are one subscriber's."""
    PROVIDER = auto()
    """Evidence proves that a provider operates the device for many."""
    COVERED = auto()
    """An audited service covers the device for both."""
    DOMAIN = auto()
    """A domain speaks for both: what is to be said is said of it."""
    EXPOSED = auto()
    """They are not one subscriber's, and the device is not covered for both."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another certificate on a device.

    Attributes:
        certificate: which one.
        relation: to the one asked about.
        moment: at which the two were judged.
        mine: how the one asked about stands on the device then; None where they do not meet.
        theirs: how this one does.
    """

    certificate: CertificateFacts
    relation: Relation
    moment: int
    mine: Standing | None = None
    theirs: Standing | None = None


def neighbours(case: DeviceCase, candidate: bytes, at_ms: int) -> Iterator[Neighbour]:
    """Every other certificate that anybody ever said is on a device, the oldest first.

    Args:
        case: everything that bears on the device.
        candidate: certificate id of the one asked about.
        at_ms: the moment asked about.
    """
    mine = [standing for standing in case.standings if standing.certificate.certificate_id == candidate]
    others = [one for one in case.view.certificates if one.certificate_id != candidate]
    for certificate in sorted(others, key=lambda one: one.age):
        yield _neighbour(case, mine, certificate, at_ms)


def _neighbour(
    case: DeviceCase, mine: list[Standing], certificate: CertificateFacts, at_ms: int
) -> Neighbour:
    moment = max(at_ms, certificate.live.start, min((one.span.start for one in mine), default=at_ms))
    own = next((one for one in mine if moment in one.span), None)
    their = next(
        (
            one
            for one in case.standings
            if one.certificate.certificate_id == certificate.certificate_id and moment in one.span
        ),
        None,
    )
    if own is None or their is None:
        return Neighbour(certificate, Relation.ENDED, moment)
    return Neighbour(certificate, _relation(case, own, their), moment, own, their)


def _relation(case: DeviceCase, mine: Standing, theirs: Standing) -> Relation:
    if mine.cell.group == theirs.cell.group:
        return Relation.SAME
    if case.view.device.cloud:
        return Relation.PROVIDER
    if exposing(mine.cell, theirs.cell):
        return Relation.EXPOSED
    return Relation.COVERED if mine.cell.covered and theirs.cell.covered else Relation.DOMAIN
