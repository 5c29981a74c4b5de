"""Mistakes in a station file: each is told with its place and its remedy, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

Tables = dict[str, Any]


def spoil(tables: Tables, place: str, value: object) -> Tables:
    """Set the key at `place` (`device.1.port`); drop it if `value` is None."""
    *path, last = [int(step) if step.isdecimal() else step for step in place.split(".")]
    table: Any = tables
    for step in path:
        table = table.setdefault(step, {}) if isinstance(table, dict) else table[step]
    if value is None:
        del table[last]
    else:
        table[last] = value
    return tables


def test_a_good_station_has_no_mistake(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """The ground the other tests stand on."""
    assert told(tables) == {}


ONE_MISTAKE = [
    # place, value, place told, words told
    ("brokr", {}, "brokr", "unknown key; did you mean 'broker'?"),
    ("zzz", {}, "zzz", "unknown key; known are: station, broker"),
    ("broker.keepalive", 15, "broker.keepalive", "unknown key; did you mean 'keepalive_s'?"),
    ("broker.tls.cafile", "x", "broker.tls.cafile", "unknown key; did you mean 'ca_file'?"),
    ("device.0.baud", 9600, "device[0].baud", "unknown key; did you mean 'baudrate'?"),
    ("operation.0.part.0.count", 2, "operation[0].part[0].count", "unknown key"),
    ("andon.call.0.kind", "x", "andon.call[0].kind", "unknown key"),
    ("broker", None, "broker", "table [broker] is missing"),
    ("broker.host", None, "broker.host", "is missing"),
    ("journal.path", None, "journal.path", "is missing"),
    ("station.site", "plant 1", "station.site", "it is 'plant 1'"),
    ("station.site", "plant/1", "station.site", "it is 'plant/1'"),
    ("station.site", "#", "station.site", "it is '#'"),
    ("broker.port", "1883", "broker.port", "valid integer; it is '1883'"),
    ("broker.port", 1883.0, "broker.port", "it is 1883.0"),
    ("broker.port", 0, "broker.port", "greater than or equal to 1"),
    ("broker.port", 65536, "broker.port", "less than or equal to 65535"),
    ("broker.port", 2**70, "broker.port", "less than or equal to 65535"),
    ("broker.port", True, "broker.port", "valid integer"),
    ("broker.protocol", 5, "broker.protocol", "'5' or '3.1.1'"),
    ("broker.host", 7, "broker.host", "valid string"),
    ("broker.resend_after_s", float("nan"), "broker.resend_after_s", "finite number; it is nan"),
    ("broker.retry_max_s", float("inf"), "broker.retry_max_s", "finite number; it is inf"),
    ("device", {"name": "a"}, "device", "must be an array of tables: write [[device]], not [device]"),
    ("scan", {"name": "a"}, "scan", "valid array"),
    ("device.0", 7, "device[0].driver", "name a driver: one of and-balance, camera-scanner, "),
    ("device.0.driver", None, "device[0].driver", "name a driver: one of and-balance, camera-scanner, "),
    ("device.0.driver", "mitutojo", "device[0].driver", "no driver 'mitutojo'; did you mean 'mitutoyo'?"),
    ("device.1.port", None, "device[1].port", "is missing"),
    ("device.0.name", "scanner 1", "device[0].name", "it is 'scanner 1'"),
    ("device.0.name", "box-1", "device[2].name", "'box-1' is taken by device[0]"),
    ("scan.1.name", "badge", "scan[1].name", "'badge' is taken by scan[0]"),
    ("scan.0.pattern", "(?P<operator>", "scan[0].pattern", "not a regular expression"),
    ("scan.0.pattern", "OP-(\\d+)", "scan[0]", "must have exactly one of the groups (?P<operator>...)"),
    ("scan.0.pattern", "(?P<unit>a)(?P<operator>b)", "scan[0]", "it has ['operator', 'unit']"),
    ("scan.0.pattern", "(?P<lot>a)", "scan[0]", "which part is it?"),
    ("scan.0.pattern", "(?P<unit>a)(?P<part>b)", "scan[0]", "unknown group 'part'"),
    ("operation.0.units", "SN[", "operation[0].units", "not a regular expression"),
    ("operation.0.measurement.0.low", 13, "operation[0].measurement[0]", "low <= nominal <= high"),
    ("operation.0.measurement.0.high", 12.3, "operation[0].measurement[0]", "low <= nominal <= high"),
    ("operation.0.measurement.0.high", float("nan"), "operation[0].measurement[0].high", "finite"),
    ("operation.0.measurement.0.low", float("-inf"), "operation[0].measurement[0].low", "finite"),
    ("operation.0.measurement.0.gauge", "gauge-2", "operation[0].measurement[0].gauge", "did you mean 'gauge-1'?"),
    ("andon.call.0.device", "box-2", "andon.call[0].device", "no device 'box-2'; did you mean 'box-1'?"),
    ("andon.call.0.mode", "halt", "andon.call[0].mode", "'call', 'help' or 'stop'"),
    ("andon.call.0.reset_input", "quality", "andon.call[0]", "nothing resolves it"),
    ("alarm", [{"name": "a"}], "alarm[0]", "needs one of signal, gauge, device and own; it has none of them"),
    ("alarm", [{"name": "a", "own": "disk", "device": "box-1"}], "alarm[0]", "it has device and own"),
    ("alarm", [{"name": "a", "own": "dsk"}], "alarm[0].own", "'uplink'"),
    ("alarm", [{"name": "device-lost", "own": "disk"}], "alarm[0]", "always there: choose another"),
    ("alarm", [{"name": "a", "signal": "door"}], "alarm[0].signal", "no machine signal 'door'"),
    ("alarm", [{"name": "a", "device": "box-2"}], "alarm[0].device", "no device 'box-2'; did you mean 'box-1'?"),
    ("alarm", [{"name": "a", "device": "box-1", "call": "qualty"}], "alarm[0].call", "did you mean 'quality'?"),
    ("alarm", [{"name": "a", "device": "box-1", "suppress_by": "x"}], "alarm[0].suppress_by", "no machine signal 'x'"),
    ("alarm", [{"name": "a", "gauge": "gauge-1", "unit": "mm"}], "alarm[0]", "gauge, unit, and low or high belong"),
    ("alarm", [{"name": "a", "device": "box-1", "high": 1.0}], "alarm[0]", "gauge, unit, and low or high belong"),
    (
        "alarm",
        [{"name": "a", "gauge": "gauge-1", "unit": "mm", "low": 1.0, "high": 2.0, "deadband": 0.5}],
        "alarm[0]",
        "would never end",
    ),
    ("alarm", [{"name": "a", "device": "box-1", "deadband": 0.5}], "alarm[0]", "deadband says nothing without gauge"),
    ("alarm", [{"name": "a", "own": "uplink", "on_delay_s": 1.0}], "alarm[0]", "has no delays"),
    ("alarm", [{"name": "a", "own": "line", "shelve_max_s": 604801.0}], "alarm[0].shelve_max_s", "equal to 604800"),
    ("alarm", [{"name": "a", "own": "line", "shelve_max_s": 28801.0}], "alarm[0].shelve_max_s", "above alarms."),
    (
        "alarm",
        [{"name": "a", "device": "box-1"}, {"name": "b", "device": "box-1"}],
        "alarm[1].device",
        "'box-1' has an alarm already: alarm[0]",
    ),
    ("alarm", [{"name": "a", "own": "line"}, {"name": "a", "own": "disk"}], "alarm[1].name", "'a' is taken"),
    ("alarms.flood_count", 101, "alarms.flood_count", "less than or equal to 100"),
    ("alarms.shelve_s", 1, "alarms.shelve_s", "did you mean 'shelve_max_s'?"),
]


@pytest.mark.parametrize("case", ONE_MISTAKE, ids=[f"{row[0]}={row[1]!r}" for row in ONE_MISTAKE])
def test_a_mistake_is_told_once_with_its_place(
    tables: Tables, told: Callable[[Tables], dict[str, str]], case: tuple[str, object, str, str]
) -> None:
    """One thing wrong makes one line: where it stands and what to write instead."""
    place, value, where, what = case
    mistakes = told(spoil(tables, place, value))
    assert list(mistakes) == [where]
    assert what in mistakes[where]


def test_a_device_left_out_is_told_where_it_is_missed(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """A name that nothing bears is told, also when there is no device at all to choose from."""
    del tables["device"]
    assert told(tables) == {
        "operation[0].measurement[0].gauge": "no device 'gauge-1'",
        "andon.call[0].device": "no device 'box-1'",
    }


def test_a_part_number_stands_once_in_an_operation(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """Twice the same part would make its quantity a riddle."""
    tables["operation"][0]["part"].append({"number": "4711-A"})
    assert told(tables) == {"operation[0]": "operation 'press' names part number '4711-A' twice"}


def test_a_measurement_stands_once_in_an_operation(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """Twice the same name would let one value satisfy two limits."""
    tables["operation"][0]["measurement"] *= 2
    assert told(tables) == {"operation[0]": "operation 'press' names measurement 'seat' twice"}


def test_an_input_raises_one_call(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """One button cannot mean two things."""
    tables["andon"]["call"].append({"name": "again", "type": "x", "device": "box-1", "input": "quality"})
    assert told(tables) == {"andon.call[1].input": "'quality' of 'box-1' is taken by andon.call[0]"}


def test_every_mistake_is_told_at_once(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """No table hides the mistakes of another, and no mistake hides another in the same table."""
    places = {
        "surprise": {},
        "station.site": "a b",
        "broker.port": "1883",
        "broker.hots": "x",
        "journal": None,
        "device.0.driver": "nothing-like-it",
        "device.1.name": 7,
        "device.2.baudrate": "fast",
        "scan.0.pattern": "(",
        "scan.1.name": "badge",
        "operation.0.measurement.0.low": 99,
        "operation.0.measurement.0.gauge": "nobody",
        "operation.0.part.0.quantity": 0,
        "andon.call.0.device": "nobody",
        "andon.call.0.mode": "halt",
    }
    for place, value in places.items():
        spoil(tables, place, value)
    assert set(told(tables)) == {
        "surprise",
        "station.site",
        "broker.port",
        "broker.hots",
        "journal",
        "device[0].driver",
        "device[1].name",
        "device[2].baudrate",
        "scan[0].pattern",
        "scan[1].name",
        "operation[0].measurement[0]",
        "operation[0].measurement[0].gauge",
        "operation[0].part[0].quantity",
        "andon.call[0].device",
        "andon.call[0].mode",
    }


def test_a_device_with_a_mistake_is_still_a_device(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """Whoever refers to a device is not blamed for the device's own mistake."""
    spoil(tables, "device.1.baudrate", "fast")
    assert list(told(tables)) == ["device[1].baudrate"]


def test_the_place_of_a_repeated_name_is_its_own(tables: Tables, told: Callable[[Tables], dict[str, str]]) -> None:
    """A table without a name does not shift the places of the others."""
    spoil(tables, "device.0.name", None)
    spoil(tables, "device.2.name", "gauge-1")
    spoil(tables, "andon.call.0.device", "gauge-1")
    assert told(tables) == {
        "device[0].name": "is missing",
        "device[2].name": "'gauge-1' is taken by device[1]",
    }


STEP = "operation.0.step"
RULES_THAT_CANNOT_WORK = [
    # tables added, place told, words told
    (STEP, [{"name": "s", "kind": "scan", "part": "9"}], "operation[0]", "step 's' scans '9'"),
    (STEP, [{"name": "s", "kind": "scan", "part": "4711-A", "times": 2}], "operation[0]", "can never be done"),
    (STEP, [{"name": "s", "kind": "measure", "measurement": "x"}], "operation[0]", "the operation has ['seat']"),
    (STEP, [{"name": "s", "kind": "tick", "times": 2}], "operation[0].step[0]", "times is no key of step"),
    (STEP, [{"name": "s", "kind": "scan"}], "operation[0].step[0]", "lacks its part"),
    (STEP, [{"name": "s", "kind": "await", "signal": "x"}], "operation[0].step[0].signal", "no machine signal 'x'"),
    (
        STEP,
        [{"name": "s", "kind": "tick", "device": "x", "input": "y"}],
        "operation[0].step[0].device",
        "no device 'x'",
    ),
    ("operation.0.part.0.serial", True, "operation[0].part[0].serial", "no scan rule has the group serial"),
    ("operation.0.measurement.0.every", 0, "operation[0].measurement[0].every", "greater than or equal to 1"),
    ("interlock", {"rout": "ask"}, "interlock.rout", "did you mean 'route'?"),
    ("interlock", {"route": "ask"}, "interlock.route", "no [[authority]] may answer for 'route'"),
    ("interlock", {"route": "perhaps"}, "interlock.route", "'auto', 'block', 'flag', 'ask' or 'off'"),
    ("authority", [{"role": "lead"}], "authority[0]", "may answer for nothing"),
    ("authority", [{"role": "lead", "rules": ["rout"]}], "authority[0].rules[0]", "it is 'rout'"),
    ("authority", [{"role": "a", "rules": ["lot"]}] * 2, "authority[1].role", "'a' is taken by authority[0]"),
    ("defect", [{"code": "a"}, {"code": "a"}], "defect[1].code", "'a' is taken by defect[0]"),
    ("shift", [{"name": "a", "begin": "24:00"}], "shift[0].begin", "it is '24:00'"),
    (
        "shift",
        [{"name": "a", "begin": "06:00"}, {"name": "b", "begin": "06:00"}],
        "shift[1].begin",
        "when shift 'a' begins",
    ),
    ("scan.1.pattern", r"(?P<unit>OP-1\d+)", "scan[1].pattern", "fits scan rules 'unit' and 'badge' (scan[0])"),
    ("scan.1.pattern", r"(?P<unit>OP-\d{4})", "scan[1].pattern", "fits scan rules 'unit' and 'badge' (scan[0])"),
    ("scan.0.pattern", "(?P<serial>a)", "scan[0]", "reads a serial but no (?P<part>...)"),
]


@pytest.mark.parametrize("case", RULES_THAT_CANNOT_WORK, ids=[f"{row[0]}:{row[3]}" for row in RULES_THAT_CANNOT_WORK])
def test_a_rule_that_cannot_work_is_told(
    tables: Tables, told: Callable[[Tables], dict[str, str]], case: tuple[str, object, str, str]
) -> None:
    """What no scan could ever satisfy, and what two rules would quarrel about, is found before the line starts."""
    place, value, where, what = case
    mistakes = told(spoil(tables, place, value))
    assert list(mistakes) == [where]
    assert what in mistakes[where]
