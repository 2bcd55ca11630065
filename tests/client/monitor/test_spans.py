# SPDX-License-Identifier: Apache-2.0
"""Sets of moments, against the sets themselves."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keystead.monitor.course import Course, Strand
from keystead.monitor.model import Span
from keystead.monitor.spans import difference, intersection, union
from support.fuzzing import FUZZ

_SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 6)).map(lambda pair: Span(pair[0], sum(pair))), max_size=6
)


def _moments(spans: list[Span]) -> set[int]:
    return {moment for span in spans for moment in range(span.start, span.end)}


@FUZZ
@given(_SPANS, _SPANS)
def test_union_intersection_and_difference_are_those_of_sets(one: list[Span], other: list[Span]) -> None:
    """And what comes out is ascending, disjoint and does not touch."""
    first, second = union(one), union(other)
    assert _moments(first) == _moments(one)
    assert _moments(intersection(first, second)) == _moments(one) & _moments(other)
    assert _moments(difference(first, second)) == _moments(one) - _moments(other)
    for made in (first, intersection(first, second), difference(first, second)):
        assert all(span.start < span.end for span in made)
        assert all(before.end <= after.start for before, after in pairwise(made))
    assert all(before.end < after.start for before, after in pairwise(first))


@FUZZ
@given(_SPANS, st.integers(-2, 40))
def test_a_course_tells_what_holds_or_held_last(spans: list[Span], moment: int) -> None:
    """The stretch around a moment, else the last before it; the strands of then; and when that changes."""
    strands = [Strand(span, number) for number, span in enumerate(spans) if span.start < span.end]
    course = Course(strands)
    look = course.look(moment)

    holding = {strand.why for strand in strands if moment in strand.span}
    begun = [strand.span for strand in strands if strand.span.start <= moment]
    assert (look is None) == (not begun)
    if look is not None:
        assert look.lasts == bool(holding)
        assert look.reasons
        assert set(look.reasons) == {strand.why for strand in strands if look.moment in strand.span}
        if not look.lasts:
            assert look.stretch.end == max(span.end for span in begun)
    change = course.next_change(moment)
    until = 60 if change is None else change
    for later in range(moment + 1, until):
        assert {strand.why for strand in strands if later in strand.span} == holding
