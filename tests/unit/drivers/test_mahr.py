"""Values and verdicts; further frames in tests/data/mahr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Ask, Reading
from drivers.gauges.mahr import Mahr, MahrSettings

if TYPE_CHECKING:
    from decimal import Decimal

SETTINGS = MahrSettings(name="gauge", driver="mahr", port="/dev/none")


@given(
    st.decimals(-999, 999, places=4),
    st.sampled_from(["mm", "um", "inch"]),
    st.sampled_from([("", ""), ("<", "below"), ("=", "inside"), (">", "above")]),
)
def test_every_number_is_told_exactly(number: Decimal, unit: str, own: tuple[str, str]) -> None:
    sign, judged = own
    for blank in ("", " "):
        frame = f"{number:+f}{blank}{unit}{blank}{sign}\r\n".encode()
        assert Mahr(SETTINGS).feed(frame) == [Reading(frame, f"{number:+f}", number, unit, judged=judged)]


def test_the_request_is_a_question_mark(cable: Any) -> None:
    gauge = Mahr(SETTINGS.model_copy(update={"port": cable.port, "bytesize": 8, "parity": "N"}))
    gauge.open()
    gauge.show(Ask())
    assert cable.heard(2) == b"?\r"
    gauge.close()


def test_the_line_is_9600_7e2() -> None:
    assert (SETTINGS.baudrate, SETTINGS.bytesize, SETTINGS.parity, SETTINGS.stopbits) == (9600, 7, "E", 2)
