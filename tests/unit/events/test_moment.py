"""Moments and raw bytes: what was seen can be had back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.events import Moment, raw_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_NS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


def moment(time_ns: int = 0, monotonic_ns: int = 0, boot: str = "b1") -> Moment:
    return Moment(time_ns, monotonic_ns, synced=True, boot=boot)


@given(CLOCK_NS)
def test_a_wall_time_is_rfc_3339_to_the_millisecond(time_ns: int) -> None:
    """Any nanosecond a 64-bit clock can show is written so that it reads back as its own millisecond."""
    text = moment(time_ns).iso
    assert len(text) == len("2026-11-21T10:00:00.123Z")
    assert datetime.fromisoformat(text) - EPOCH == timedelta(milliseconds=time_ns // 1_000_000)


@given(CLOCK_NS, CLOCK_NS)
def test_times_sort_as_text(one: int, other: int) -> None:
    """Earlier never sorts behind later, whoever compares the texts."""
    early, late = sorted((one, other))
    assert moment(early).iso <= moment(late).iso


def test_a_duration_is_told_by_monotonic_time() -> None:
    """A wall clock that steps back makes no negative duration."""
    assert moment(time_ns=0, monotonic_ns=3_500_000_000).seconds_since(1_000_000_000, "b1") == 2.5


def test_across_boots_no_duration_is_told() -> None:
    """Monotonic times of two boots do not compare, so nothing is guessed."""
    assert moment(monotonic_ns=3_500_000_000, boot="b2").seconds_since(1_000_000_000, "b1") is None


@given(st.binary())
def test_raw_bytes_survive_as_text(raw: bytes) -> None:
    """Whatever a device sent can be had back byte for byte."""
    assert raw_text(raw).encode("latin-1") == raw


def test_raw_text_is_readable_where_it_is_ascii() -> None:
    """A person reading the fact recognises the code."""
    assert raw_text(b"]C1SN0001\r") == "]C1SN0001\r"
