"""Values and requests; further frames in tests/data/mark-10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Ask, Noise, Reading
from drivers.gauges.mark_10 import Mark10, Mark10Settings

if TYPE_CHECKING:
    from decimal import Decimal

SETTINGS = Mark10Settings(name="gauge", driver="mark-10", port="/dev/none")


@given(st.decimals(-999, 999, places=2), st.sampled_from(["lbFin", "N", "kgF", "Ncm"]))
def test_every_number_is_told_exactly(number: Decimal, unit: str) -> None:
    frame = f"{number} {unit}\r\n".encode()
    assert Mark10(SETTINGS).feed(frame) == [Reading(frame, str(number), number, unit)]


@given(st.decimals(-999, 999, places=2))
def test_a_number_without_a_unit_is_never_guessed_at(number: Decimal) -> None:
    (signal,) = Mark10(SETTINGS).feed(f"{number}\r\n".encode())
    assert isinstance(signal, Noise)


def test_the_request_is_a_question_mark(cable: Any) -> None:
    gauge = Mark10(SETTINGS.model_copy(update={"port": cable.port}))
    gauge.open()
    gauge.show(Ask())
    assert cable.heard(3) == b"?\r\n"
    gauge.close()
