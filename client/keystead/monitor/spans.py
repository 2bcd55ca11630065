# SPDX-License-Identifier: Apache-2.0
"""Sets of moments, as disjoint spans in ascending order that do not touch: their union, intersection, difference.

>>> union([Span(0, 5), Span(5, 7), Span(9, 9)])
[Span(start=0, end=7)]
>>> intersection([Span(0, 7)], [Span(3, 4), Span(6, 9)])
[Span(start=3, end=4), Span(start=6, end=7)]
>>> difference([Span(0, 7)], [Span(3, 4)])
[Span(start=0, end=3), Span(start=4, end=7)]
"""

from collections.abc import Iterable, Sequence

from keystead.monitor.model import ALWAYS, NEVER, Span

__all__ = ["difference", "intersection", "union"]


def union(spans: Iterable[Span]) -> list[Span]:
    """The moments in any of `spans`, which may overlap, be empty, and come in any order."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= span.end:
            continue
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def intersection(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The moments in both sets."""
    found: list[Span] = []
    first = second = 0
    while first < len(one) and second < len(other):
        start = max(one[first].start, other[second].start)
        end = min(one[first].end, other[second].end)
        if start < end:
            found.append(Span(start, end))
        if one[first].end < other[second].end:
            first += 1
        else:
            second += 1
    return found


def difference(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The moments in the first set that are not in the second."""
    edges = [ALWAYS, *(edge for span in other for edge in (span.start, span.end)), NEVER]
    gaps = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    return intersection(one, gaps)
