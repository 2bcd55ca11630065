# SPDX-License-Identifier: Apache-2.0
"""Who has used a device, each from when until when, and when each was away (`specs/monitor.md`, section 5.4).

A use is one certificate's whole time on the device. A subscriber is away from one of its uses to the next.

Invariant: a certificate that ended by the news that it was never issued is nobody's past use.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from keystead.monitor.crowd import Kind, kind_of
from keystead.monitor.model import NEVER, NOT_ISSUED, Assurance, CertificateFacts, Span
from keystead.monitor.spans import union
from keystead.monitor.standing import Standing

__all__ = ["Away", "Past", "Use", "uses_of"]


class Use(NamedTuple):
    """A certificate's whole time on the device, and how it stood there at the end."""

    certificate: CertificateFacts
    span: Span
    last: Standing

    @property
    def happened(self) -> bool:
        """Not where it ended by the news that the certificate was never issued: nobody used the device by it."""
        ending = self.certificate.ending
        return ending is None or ending.reason != NOT_ISSUED or ending.at_ms > self.span.end


class Away(NamedTuple):
    """That no certificate of a subscriber is on the device, from one use to the next."""

    start: int
    back: int


class Past:
    """One subscriber's use of the device.

    Attributes:
        uses: all, by when they ended; `ends` are their ends.
        age: of the first certificate logged.
        away: the times between uses, ascending; the last has no end.
        gone: by kind and least assurance, when certificates with at most two different keys had first ceased.
    """

    def __init__(self, uses: Sequence[Use]) -> None:
        self.uses = sorted(uses, key=lambda use: use.span.end)
        self.ends = [use.span.end for use in self.uses]
        self.age = min(use.certificate.age for use in uses)
        present = union(use.span for use in uses)
        starts = [*(span.start for span in present[1:]), NEVER]
        self.away = [Away(span.end, back) for span, back in zip(present, starts, strict=True)]
        # By kind, the keys that ceased first with at least some assurance: of two keys one is another than any third.
        self.gone: dict[tuple[Kind, Assurance], list[tuple[int, bytes]]] = {}
        for use in self.uses:
            for assurance in Assurance if use.happened else ():
                if use.last.cell.assurance >= assurance:
                    known = self.gone.setdefault((kind_of(use.last.cell), assurance), [])
                    if len(known) < 2 and use.certificate.key not in {key for _, key in known}:
                        known.append((use.span.end, use.certificate.key))

    def had_gone(self, kind: Kind, by: int, key: bytes, sure: Assurance = Assurance.DECLARED) -> bool:
        """Whether a certificate of a kind with another key had ceased by a moment."""
        return any(gone <= by and other != key for gone, other in self.gone.get((kind, sure), ()))

    def back_after(self, moment: int) -> int:
        """When the subscriber is on the device at a moment or after it."""
        place = bisect_right(self.away, moment, key=lambda away: away.start)
        away = self.away[place - 1] if place else None
        if away is None or moment >= away.back:
            return moment
        return away.back


def uses_of(standings: Iterable[Standing]) -> Iterator[Use]:
    """The uses, of standings in which those of one certificate follow each other."""
    for _, listed in groupby(standings, key=lambda standing: standing.certificate.certificate_id):
        pieces = list(listed)
        first, last = pieces[0], pieces[-1]
        yield Use(first.certificate, Span(first.span.start, last.span.end), last)
