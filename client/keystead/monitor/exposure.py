# SPDX-License-Identifier: Apache-2.0
"""When a device serves several subscribers without being covered for each (`specs/monitor.md`, section 5).

Two certificates expose a device at a moment if both stand on it and are live then, their keys differ, their
subscribers are not the same, the device is not covered for both of them then, and no domain speaks for both
(`standing`).

Judging every pair at every moment would be cubic. Certificates are counted in cells instead, cells are compared
in pairs, and only moments at which something begins or ends are looked at: an event costs at most as many
comparisons as there are cells alive.

Invariants:

* exposures are disjoint and ascending, and do not touch;
* the result depends on the set of certificates, not on their order.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from keystead.monitor.coverage import Coverage
from keystead.monitor.model import Assurance, Span
from keystead.monitor.profiles import Comparison
from keystead.monitor.standing import Cell, Standing
from keystead.monitor.subscribers import Subscribers

__all__ = ["ExposedPair", "Exposure", "Timeline", "exposing"]


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

    def pairs_at(self, moment: int) -> list[ExposedPair]:
        """The pairs of subscribers that expose the device at a moment."""
        best: dict[tuple[int, int], Assurance] = {}
        cells = _count(standing for standing in self._standings if moment in standing.span)
        for (first, keys), (second, other_keys) in combinations(cells.items(), 2):
            if exposing(first, second) and _differ(keys, other_keys):
                pair = (min(first.group, second.group), max(first.group, second.group))
                worse = min(first.assurance, second.assurance)
                best[pair] = max(best.get(pair, worse), worse)
        groups = self._subscribers.at(moment)
        return [ExposedPair(pair, groups.compare(*pair), best[pair]) for pair in sorted(best)]

    def certificates_at(self, moment: int) -> list[Standing]:
        """The certificates of these pairs and how they stand on the device then, the oldest first."""
        alive = [standing for standing in self._standings if moment in standing.span]
        cells = _count(alive)
        exposed = (
            standing
            for standing in alive
            if any(
                exposing(standing.cell, cell) and _differ((standing.certificate.key,), keys)
                for cell, keys in cells.items()
            )
        )
        return sorted(exposed, key=lambda standing: standing.certificate.age)


def exposing(first: Cell, second: Cell) -> bool:
    """Whether certificates of two cells expose the device, if their keys differ."""
    return (
        # Groups are made of what is the same: two groups are different, or it is unknown.
        first.group != second.group
        and not (first.covered and second.covered)
        and first.domains.isdisjoint(second.domains)
    )


def _differ(keys: Collection[bytes], other_keys: Collection[bytes]) -> bool:
    """Whether one of `keys` is another than one of `other_keys`; neither is empty."""
    return len(keys) > 1 or len(other_keys) > 1 or next(iter(keys)) != next(iter(other_keys))


def _count(found: Iterable[Standing]) -> dict[Cell, Counter[bytes]]:
    cells: dict[Cell, Counter[bytes]] = defaultdict(Counter)
    for standing in found:
        cells[standing.cell][standing.certificate.key] += 1
    return cells


def _sweep(found: Iterable[Standing]) -> Iterable[Exposure]:
    changes: dict[int, list[tuple[int, Standing]]] = defaultdict(list)
    for standing in found:
        changes[standing.span.start].append((1, standing))
        changes[standing.span.end].append((-1, standing))
    alive = _Alive()
    began: int | None = None
    for moment in sorted(changes):
        for sign, standing in changes[moment]:
            alive.change(standing.cell, standing.certificate.key, sign)
        alive.settle()
        if alive.exposed and began is None:
            began = moment
        elif not alive.exposed and began is not None:
            yield Exposure(Span(began, moment), alive.take_seen())
            began = None
    # Every standing ends, so after the last change nothing is exposed.


class _Alive:
    """The cells with live certificates at one moment, and which of them expose the device with each other."""

    def __init__(self) -> None:
        self._cells: dict[Cell, Counter[bytes]] = {}
        self._partners: dict[Cell, set[Cell]] = {}
        self._exposed: Counter[int] = Counter()
        self._fresh: set[int] = set()
        self._seen: set[int] = set()

    def change(self, cell: Cell, key: bytes, sign: int) -> None:
        """One certificate more (1) or less (-1) in a cell."""
        keys = self._cells.setdefault(cell, Counter())
        before = _signature(keys)
        keys[key] += sign
        if not keys[key]:
            del keys[key]
        if _signature(keys) != before:
            self._compare(cell, keys)
        if not keys:
            del self._cells[cell]

    def settle(self) -> None:
        """All changes of one moment were made: what is exposed now was exposed, if only from here to the next."""
        self._seen.update(group for group in self._fresh if group in self._exposed)
        self._fresh.clear()

    @property
    def exposed(self) -> bool:
        """Whether any two subscribers are exposed to each other."""
        return bool(self._exposed)

    def take_seen(self) -> frozenset[int]:
        """The groups that were exposed since this was last asked."""
        seen = frozenset(self._seen)
        self._seen.clear()
        return seen

    def _compare(self, cell: Cell, keys: Counter[bytes]) -> None:
        """Bring the partners of one cell up to date."""
        for other, other_keys in self._cells.items():
            if not exposing(cell, other):
                continue
            partners = cell in self._partners.get(other, ())
            if partners != bool(keys and other_keys and _differ(keys, other_keys)):
                for one, partner in ((cell, other), (other, cell)):
                    self._toggle(one, partner, add=not partners)

    def _toggle(self, cell: Cell, partner: Cell, *, add: bool) -> None:
        partners = self._partners.setdefault(cell, set())
        if add:
            partners.add(partner)
            if len(partners) == 1:
                self._exposed[cell.group] += 1
                self._fresh.add(cell.group)
            return
        partners.remove(partner)
        if not partners:
            del self._partners[cell]
            self._exposed[cell.group] -= 1
            if not self._exposed[cell.group]:
                del self._exposed[cell.group]


def _signature(keys: Counter[bytes]) -> object:
    """What matters of the keys of a cell when it is compared with another: none, one (which), or several."""
    return min(len(keys), 2) if len(keys) != 1 else next(iter(keys))
