# SPDX-License-Identifier: Apache-2.0
"""When a device serves several subscribers without being covered for each (`specs/monitor.md`, section 5).

Two certificates expose a device at a moment if both stand on it and are live then, their keys differ, their
subscribers are not the same, the device is not covered for both of them then, and no domain speaks for both
(`standing`).

Judging every pair at every moment would be cubic. Only moments at which something begins or ends are looked at, and
certificates are counted and not compared (`crowd`).

Invariants:

* exposures are disjoint and ascending, and do not touch;
* the result depends on the set of certificates, not on their order.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from keystead.monitor.coverage import Coverage
from keystead.monitor.crowd import Crowd
from keystead.monitor.model import Assurance, Span
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.standing import Standing
from keystead.monitor.subscribers import Subscribers

__all__ = ["ExposedPair", "Exposure", "Timeline"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """An unbroken stretch of time in which the device was exposed.

    Attributes:
        span: when.
        groups: every subscriber group that was exposed in it, however briefly; at least two. An alias that is
            logged meanwhile makes two of them one from then on, by the number of the lesser.
    """

    span: Span
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class ExposedPair:
    """Two subscribers who expose the device at one moment.

    Attributes:
        groups: the two.
        comparison: why they are not the same.
        assurance: of their best pair of certificates: that of the worse of the two.
    """

    groups: tuple[int, int]
    comparison: Comparison
    assurance: Assurance


class Timeline:
    """All exposures of one device.

    Args:
        found: how certificates stand on the device; none where they could not expose it.
        subscribers: who is whom.
        coverage: when audited services cover the device.
    """

    def __init__(self, found: Sequence[Standing], subscribers: Subscribers, coverage: Coverage) -> None:
        self._standings = found
        self._subscribers = subscribers
        self._coverage = coverage
        self.exposures = tuple(_sweep(found))

    def at(self, moment: int) -> Exposure | None:
        """The exposure at a moment."""
        return next((found for found in self.exposures if moment in found.span), None)

    def before(self, moment: int) -> Exposure | None:
        """The last exposure that ended at or before a moment."""
        return next((found for found in reversed(self.exposures) if found.span.end <= moment), None)

    def next_change(self, moment: int) -> int | None:
        """The first moment after `moment` at which what there is to say may change.

        None where nothing will, or where the device is never exposed: then nothing is ever said.
        """
        if not self.exposures:
            return None
        changes = {edge for standing in self._standings for edge in (standing.span.start, standing.span.end)}
        changes.update(self._subscribers.moments)
        for certificate in {
            standing.certificate.certificate_id: standing.certificate for standing in self._standings
        }.values():
            changes.update(self._coverage.boundaries(certificate))
        return min((change for change in changes if change > moment), default=None)

    def certificates_at(self, moment: int) -> list[Standing]:
        """The certificates that expose the device at a moment and how they stand on it then, the oldest first."""
        alive = [standing for standing in self._standings if moment in standing.span]
        crowd = Crowd(alive)
        return sorted(filter(crowd.exposes, alive), key=lambda standing: standing.certificate.age)

    def worst_pair(self, moment: int) -> ExposedPair | None:
        """The most serious pair of subscribers that expose the device at a moment: the surest, who surely are two.

        Of several that are alike those with the oldest certificates; None where it is not exposed.
        """
        exposed = self.certificates_at(moment)
        groups = self._subscribers.at(moment)
        for assurance in sorted(Assurance, reverse=True):
            sure = [standing for standing in exposed if standing.cell.assurance >= assurance]
            crowd = Crowd(sure)
            if not crowd.exposed:
                continue
            perhaps: ExposedPair | None = None
            ordered = dict.fromkeys(standing.cell.group for standing in sure if crowd.exposes(standing))
            for pair in combinations(ordered, 2):
                if not crowd.exposing_pair(*pair):
                    continue
                found = ExposedPair(pair, groups.compare(*pair), assurance)
                if found.comparison.sameness is Sameness.DIFFERENT:
                    return found
                perhaps = perhaps or found
            return perhaps
        return None

    def exposed_in(self) -> Iterator[tuple[Span, list[Standing]]]:
        """Each exposure with the certificates of its subscribers that stood on the device meanwhile."""
        coming = deque(sorted(self._standings, key=lambda standing: standing.span.start))
        there: list[Standing] = []
        for exposure in self.exposures:
            there = [standing for standing in there if standing.span.end > exposure.span.start]
            while coming and coming[0].span.start < exposure.span.end:
                standing = coming.popleft()
                if standing.span.end > exposure.span.start:
                    there.append(standing)
            yield exposure.span, [standing for standing in there if standing.cell.group in exposure.groups]


def _sweep(found: Iterable[Standing]) -> Iterator[Exposure]:
    coming: dict[int, list[Standing]] = defaultdict(list)
    going: dict[int, list[Standing]] = defaultdict(list)
    for standing in found:
        coming[standing.span.start].append(standing)
        going[standing.span.end].append(standing)
    crowd = Crowd()
    began: int | None = None
    seen: set[int] = set()
    for moment in sorted(coming.keys() | going.keys()):
        for standing in going[moment]:
            crowd.remove(standing)
        for standing in coming[moment]:
            crowd.add(standing)
        # All changes of one moment were made: what is exposed now is so at least until the next.
        if crowd.exposed:
            if began is None:
                began = moment
                crowd.look_anew()
            seen.update(crowd.newly_exposed())
        elif began is not None:
            yield Exposure(Span(began, moment), frozenset(seen))
            began, seen = None, set()
    # Every standing ends, so after the last change nothing is exposed.
