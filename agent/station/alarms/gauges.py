"""Judge a value against the limits of an alarm: pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.station.alarms.declared import Alarm

NO_BAND = Decimal(0)


def beyond(value: Decimal, rule: Alarm, *, already: bool) -> str:
    """Why a value in the unit of the limits is an alarm; empty if it is none.

    One that is an alarm `already` ends only when it is a deadband inside.  NaN lies nowhere, and so not inside.
    """
    band = rule.deadband if already else NO_BAND
    if not value.is_finite():
        return f"{value} is no number"
    if rule.high is not None and value > rule.high - band:
        return _words(value, rule, f"above {rule.high}")
    if rule.low is not None and value < rule.low + band:
        return _words(value, rule, f"below {rule.low}")
    return ""


def _words(value: Decimal, rule: Alarm, where: str) -> str:
    return f"{value} {rule.unit} is {where}"
