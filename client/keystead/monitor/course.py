# SPDX-License-Identifier: Apache-2.0
"""The course of a fact over time: the strands that make it, and the unbroken stretches in which it holds.

A strand is one reason why a fact holds, through a span: this certificate lives on the tainted device, these two have
one key. A fact holds while any of its strands does, and what is said of it at a moment is said of the strands that
hold then.

Invariant: stretches are disjoint and ascending and do not touch; they depend on the set of strands.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from keystead.monitor.model import NEVER, Span
from keystead.monitor.spans import union

__all__ = ["Course", "Look", "Seen", "Strand", "see"]

Reason = TypeVar("Reason")


@dataclass(frozen=True, slots=True)
class Strand(Generic[Reason]):
    """One reason why a fact holds.

    Attributes:
        span: when; not empty.
        why: what a rule knows about it.
    """

    span: Span
    why: Reason


@dataclass(frozen=True, slots=True)
class Look(Generic[Reason]):
    """A fact at the moment that is asked about, or just before it ended.

    Attributes:
        moment: which.
        stretch: in which the fact holds then.
        lasts: it holds at the moment asked about.
        reasons: of the strands that hold then.
    """

    moment: int
    stretch: Span
    lasts: bool
    reasons: tuple[Reason, ...]


class Seen(NamedTuple):
    """The moment at which a fact is told: the one that is asked about, or the last before it ended.

    Attributes:
        moment: which.
        stretch: in which the fact holds then.
        lasts: it holds at the moment asked about.
    """

    moment: int
    stretch: Span
    lasts: bool


def see(stretches: Sequence[Span], at_ms: int) -> Seen | None:
    """When to tell a fact that holds in some stretches, which ascend; None where it never held by then."""
    begun = bisect_right(stretches, at_ms, key=lambda stretch: stretch.start)
    if not begun:
        return None
    stretch = stretches[begun - 1]
    lasts = at_ms in stretch
    return Seen(at_ms if lasts else stretch.end - 1, stretch, lasts)


class Course(Generic[Reason]):
    """When a fact holds, and why.

    Args:
        strands: in any order.
    """

    def __init__(self, strands: Iterable[Strand[Reason]]) -> None:
        self.strands = tuple(strands)
        self.stretches = tuple(union(strand.span for strand in self.strands))

    def look(self, at_ms: int) -> Look[Reason] | None:
        """The fact at a moment; what held last where it does not hold then; None where it never did."""
        seen = see(self.stretches, at_ms)
        if seen is None:
            return None
        reasons = tuple(strand.why for strand in self.strands if seen.moment in strand.span)
        return Look(seen.moment, seen.stretch, seen.lasts, reasons)

    def reasons_in(self) -> Iterator[tuple[Span, list[Reason]]]:
        """Each stretch, and the reasons of the strands that make it."""
        coming = deque(sorted(self.strands, key=lambda strand: strand.span.start))
        for stretch in self.stretches:
            reasons = []
            while coming and coming[0].span.start < stretch.end:
                reasons.append(coming.popleft().why)
            yield stretch, reasons

    def next_change(self, at_ms: int, others: Iterable[int] = ()) -> int | None:
        """The first moment after `at_ms` at which there may be something else to say; None where there is none.

        Args:
            at_ms: the moment.
            others: moments at which what is shown may change although no strand begins or ends.
        """
        if not self.strands:
            return None
        edges = (edge for strand in self.strands for edge in (strand.span.start, strand.span.end))
        return min((edge for edge in (*edges, *others) if at_ms < edge < NEVER), default=None)
