"""A row of the table: a figure, its floor, and whether the goal holds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for a ratio (unit "x") or for the value itself (any other unit)."""

    sign: str
    bound: float
    unit: str = "x"

    def holds(self, number: float) -> bool:
        return number <= self.bound if self.sign == "<=" else number >= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g} {self.unit}"


def at_most(bound: float, unit: str = "x") -> Goal:
    return Goal("<=", bound, unit)


def at_least(bound: float, unit: str = "x") -> Goal:
    return Goal(">=", bound, unit)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table and of build/bench.json.

    `value` and `floor` are in `unit`; `goal` and `holds` are None where a row only informs; `value` is None where the
    measure was skipped, for the reason in `note`.
    """

    measure: str
    value: float | None
    unit: str
    floor: float | None = None
    ratio: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        judged = self.ratio if self.goal is None or self.goal.unit == "x" else self.value
        return None if self.goal is None or judged is None else self.goal.holds(judged)

    def document(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "value": self.value,
            "unit": self.unit,
            "floor": self.floor,
            "ratio": self.ratio,
            "goal": None if self.goal is None else str(self.goal),
            "holds": self.holds,
            "note": self.note,
        }


def latency(
    measure: str,
    samples_s: Sequence[float],
    floors_s: Sequence[float],
    p50: Goal | None = None,
    p99: Goal | None = None,
) -> list[Row]:
    """Two rows, median and 99th percentile, of samples that took turns with samples of the floor."""
    return [
        against(f"{measure}, {name}", 1000 * quantile(samples_s, at), "ms", 1000 * quantile(floors_s, at), goal)
        for name, at, goal in (("p50", 0.50, p50), ("p99", 0.99, p99))
    ]


def rates(measure: str, rounds: Sequence[tuple[float, float]], goal: Goal | None = None) -> Row:
    """One row of (figure, floor) rates in events/s, a pair a round; the ratio is the median of the rounds' ratios."""
    figures, floors = zip(*rounds, strict=True)
    ratios = sorted(figure / floor for figure, floor in rounds)
    note = f"{len(rounds)} rounds, ratios {ratios[0]:.2f} to {ratios[-1]:.2f}"
    return Row(measure, median(figures), "events/s", median(floors), median(ratios), goal, note)


def against(measure: str, value: float, unit: str, floor: float, goal: Goal | None) -> Row:
    return Row(measure, value, unit, floor, value / floor, goal)


def quantile(samples: Sequence[float], at: float) -> float:
    """The sample below which the part `at` of all lies."""
    return sorted(samples)[min(len(samples) - 1, int(at * len(samples)))]
