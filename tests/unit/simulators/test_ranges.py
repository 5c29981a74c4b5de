"""Ranges of numbers behave as the set of their numbers does."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulators.ranges import Ranges, without

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=20)


def numbers(spans: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(SPANS)
def test_ranges_are_a_set_of_numbers(spans: list[tuple[int, int]]) -> None:
    """In whatever order they come, overlapping or touching or empty."""
    ranges, model = Ranges(spans), numbers(spans)
    assert {number for number in range(70) if number in ranges} == model
    assert numbers(list(ranges)) == model
    assert ranges.highest == max(model, default=0)
    assert numbers(ranges.holes()) == set(range(1, ranges.highest)) - model
    assert ranges.contiguous == min(set(range(1, 70)) - model) - 1


@given(SPANS)
def test_ranges_neither_touch_nor_overlap(spans: list[tuple[int, int]]) -> None:
    """So a million numbers in a row are one range."""
    kept = list(Ranges(spans))
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(kept))


@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), SPANS)
def test_what_is_left_of_a_span(span: tuple[int, int], spans: list[tuple[int, int]]) -> None:
    assert numbers(list(without(span, Ranges(spans)))) == numbers([span]) - numbers(spans)
