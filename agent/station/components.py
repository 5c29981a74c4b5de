"""Decide whether one component may be built in: its lot, its serial number, its date, and whether the unit asks for it.

Remembers the serial numbers that went into units here: SHARDS small documents of KEPT numbers each, so that about the
last 10,000 are kept, and never more than 20,480.  What was built in before that, or elsewhere, is not known here.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING

from agent.station.examination import OWN, Examination
from agent.station.policy import Check
from agent.station.reference import Set
from agent.station.unitbook import shard_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document, Draft
    from agent.station.policy import Policies

PREFIX = "serials/"
"""Documents of used serial numbers are kept under this and the number of the shard."""

KEPT = 80
"""Serial numbers in one shard."""

BETWEEN = "\x1f"
"""Stands between part and serial number in a key; no label holds it there."""

_CENTURY_AHEAD = 50
"""A year of two digits is at most so far ahead of the day of the scan.  Source: GS1 General Specifications 7.12."""


def examine(
    draft: Draft, policies: Policies, piece: Mapping[str, str], opened: Document, granted: Mapping[str, Document]
) -> Examination:
    """Return what the data says of a piece for the open unit: its part, and lot, serial and expiry where told."""
    found = Examination(draft, policies, granted)
    _lot(found, piece["part"], piece.get("lot", ""))
    if piece.get("serial"):
        _serial(found, piece["part"], piece["serial"], opened)
    if piece.get("expiry"):
        _expiry(found, piece["part"], piece["expiry"])
    return found


def use(draft: Draft, part: str, serial: str, unit: str) -> None:
    """Remember that a serial number went into a unit."""
    key, name = _place(part, serial)
    shard = dict(draft.get(key) or {})
    shard.pop(name, None)
    shard[name] = unit
    while len(shard) > KEPT:
        del shard[next(iter(shard))]
    draft.put(key, shard)


def used_in(draft: Draft, part: str, serial: str) -> str | None:
    """The unit that a serial number went into; None if none is remembered."""
    key, name = _place(part, serial)
    unit: str | None = (draft.get(key) or {}).get(name)
    return unit


def _place(part: str, serial: str) -> tuple[str, str]:
    name = f"{part}{BETWEEN}{serial}"
    return PREFIX + shard_of(name), name


def _lot(found: Examination, part: str, lot: str) -> None:
    if not found.holds(Check.LOT, Set.LOTS):
        return
    if blocked := found.reference.blocked(part, lot):
        what = f"lot {lot} of part {part}" if blocked.lot else f"part {part}"
        found.wrong(Check.LOT, Set.LOTS, f"{what} is blocked: {blocked.reason}")
    else:
        found.good(Check.LOT, Set.LOTS)


def _serial(found: Examination, part: str, serial: str, opened: Document) -> None:
    """A serial number is in one unit, once; a unit whose operation was aborted may take its own again."""
    if not found.holds(Check.SERIAL, OWN):
        return
    unit = used_in(found.draft, part, serial)
    if unit is not None and unit != opened["unit"]:
        found.wrong(Check.SERIAL, OWN, f"serial {serial} of part {part} is in unit {unit}")
    elif any(taken["part"] == part and taken.get("serial") == serial for taken in opened["parts"]):
        found.wrong(Check.SERIAL, OWN, f"serial {serial} of part {part} is in this unit already")


def _expiry(found: Examination, part: str, text: str) -> None:
    if not found.holds(Check.EXPIRY, OWN):
        return
    today = found.day()
    if today is None:
        found.doubt(Check.EXPIRY, OWN, "the clock is not set: nobody knows the day")
        return
    ends = last_day(text, today)
    if ends is None:
        found.wrong(Check.EXPIRY, OWN, f"part {part}: {text!r} is no expiry date")
    elif ends < today:
        found.wrong(Check.EXPIRY, OWN, f"part {part} expired {ends}")
    else:
        found.good(Check.EXPIRY, OWN)


def last_day(text: str, today: str) -> str | None:
    """The last day on which a component may be used, as YYYY-MM-DD; None if `text` tells none.

    Reads YYYY-MM-DD, YYYYMMDD, and YYMMDD as GS1 labels write it, where day 00 is the last of the month.
    """
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)|(\d{4}|\d\d)(\d\d)(\d\d)", text, re.ASCII)
    if match is None:
        return None
    year, month, day = (int(group) for group in match.groups() if group is not None)
    if year < 100:  # noqa: PLR2004  two digits
        now = int(today[:4])
        year += now // 100 * 100
        year += 100 if year < now - _CENTURY_AHEAD + 1 else -100 if year > now + _CENTURY_AHEAD else 0
    try:
        return date(year, month, day or monthrange(year, month)[1]).isoformat()
    except ValueError:
        return None
