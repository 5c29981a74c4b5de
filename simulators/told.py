"""Which numbers an event tells to be missing for good.

Pure.  Knows `journal.gap` and `journal.recovered`; any other event, and one that makes no sense, tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simulators.ranges import Ranges, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Missing(NamedTuple):
    """Numbers `first` to `last` of a lane in one journal."""

    epoch: str
    lane: str
    first: int
    last: int


def told_missing(event: Mapping[str, Any]) -> list[Missing]:
    """Return what the event says will not come."""
    data = event.get("data")
    if not isinstance(data, dict):
        return []
    match event.get("type"):
        case "lineside.journal.gap":
            told = _given_up(data, str(event["epoch"]))
        case "lineside.journal.recovered":
            told = _not_saved(data)
        case _:
            return []
    return [missing for missing in told if 1 <= missing.first <= missing.last]


def _given_up(data: Mapping[str, Any], epoch: str) -> Iterator[Missing]:
    """A range of this journal, or of an older one that it names, but for the numbers that are `kept`."""
    match data:
        case {"lane": str(lane), "from_seq": int(first), "to_seq": int(last)}:
            kept = Ranges((number, number) for number in _list(data.get("kept")) if isinstance(number, int))
            for span in without((first, last), kept):
                yield Missing(str(data.get("epoch", epoch)), lane, *span)


def _not_saved(data: Mapping[str, Any]) -> Iterator[Missing]:
    """What could not be read of a damaged journal."""
    match data:
        case {"old_epoch": str(epoch), "missing": dict(lanes)}:
            for lane, spans in lanes.items():
                for span in _list(spans):
                    match span:
                        case [int(first), int(last)]:
                            yield Missing(epoch, lane, first, last)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
