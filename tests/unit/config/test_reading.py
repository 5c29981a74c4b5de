"""Reading a station file from disk."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent import config
from agent.station.rules import Characteristic

if TYPE_CHECKING:
    from pathlib import Path


def mistake_in(path: Path) -> str:
    with pytest.raises(config.StationFileError) as caught:
        config.read(path)
    (mistake,) = caught.value.mistakes
    return str(mistake)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    assert mistake_in(tmp_path / "none.toml") == "no such file"


def test_a_folder_is_no_station_file(tmp_path: Path) -> None:
    """What cannot be read is told in the system's words."""
    assert mistake_in(tmp_path) == "cannot be read: Is a directory"


def test_text_in_another_encoding_is_told_with_its_place(tmp_path: Path) -> None:
    """The byte that is not UTF-8 can be found."""
    file = tmp_path / "latin.toml"
    file.write_bytes(b"# gr\xfc\xdfe\n")
    assert mistake_in(file) == "is not UTF-8: byte 4 is 0xfc"


def test_a_slip_in_the_syntax_is_told_with_its_line(tmp_path: Path) -> None:
    """TOML's own words tell line and column."""
    file = tmp_path / "slip.toml"
    file.write_text("[station\n")
    assert "is not TOML" in mistake_in(file)
    assert "line 1" in mistake_in(file)


def test_the_error_names_the_file(tmp_path: Path) -> None:
    """Whoever checks several files knows which one."""
    with pytest.raises(config.StationFileError, match=r"none\.toml"):
        config.read(tmp_path / "none.toml")


def test_what_is_left_out_has_its_default(tables: dict[str, Any], tmp_path: Path) -> None:
    """A station of a few lines runs with sensible waits, and without a page."""
    station = config.parse(tables, tmp_path)
    assert (station.broker.port, station.broker.confirm, station.recording.queue_size) == (1883, "central", 10_000)
    assert station.panel is None


def test_numbers_of_a_limit_are_exact(tables: dict[str, Any], tmp_path: Path) -> None:
    """A limit is the decimal that was written, not the nearest binary fraction."""
    characteristic = config.parse(tables, tmp_path).operation[0].measurement[0]
    assert (characteristic.low, characteristic.high) == (Decimal("12.33"), Decimal("12.36"))


def test_the_tables_are_frozen(tables: dict[str, Any], tmp_path: Path) -> None:
    """Nothing changes the rules while the agent runs."""
    station = config.parse(tables, tmp_path)
    with pytest.raises(ValidationError):
        station.broker.port = 1  # type: ignore[misc]


def test_each_device_gets_the_settings_of_its_driver(tables: dict[str, Any], tmp_path: Path) -> None:
    """A driver's own keys are known where that driver is named, and only there."""
    devices = config.parse(tables, tmp_path).device
    assert [type(device).__module__.rpartition(".")[2] for device in devices] == ["serial", "mitutoyo", "serial_box"]


def test_the_rules_name_themselves(tables: dict[str, Any], tmp_path: Path) -> None:
    """The same rules have the same digest; another limit makes another; the plant's own revision stands before it."""
    digest = config.parse(tables, tmp_path).rules.digest
    assert config.parse(tables, tmp_path).rules.digest == digest
    tables["station"]["rules_revision"] = "7"
    assert config.parse(tables, tmp_path).rules.digest == f"7+{digest}"
    tables["operation"][0]["measurement"][0]["high"] = 12.361
    assert config.parse(tables, tmp_path).rules.digest != f"7+{digest}"


@given(st.tuples(*[st.decimals(-1000, 1000, places=6)] * 3))
def test_limits_are_good_only_in_order(numbers: tuple[Decimal, Decimal, Decimal]) -> None:
    """Low <= nominal <= high, and nothing else, is a pair of limits."""
    low, nominal, high = sorted(numbers)
    said: dict[str, Any] = {"name": "d", "gauge": "g", "unit": "mm", "nominal": nominal}
    Characteristic(**said, low=low, high=high)
    if low < high:
        with pytest.raises(ValidationError, match="low <= nominal <= high"):
            Characteristic(**said, low=high, high=low)


KEYS = ["station", "broker", "journal", "device", "scan", "operation", "andon", "panel", "recording", "x"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "driver", "call", "measurement", "port", "part", *KEYS]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES.filter(lambda value: value is not None)))
def test_nonsense_is_told_and_never_breaks_the_reader(tmp_path_factory: Any, tables: dict[str, Any]) -> None:
    """Whatever stands in the tables, the answer is a list of mistakes."""
    with pytest.raises(config.StationFileError) as caught:
        config.parse(tables, tmp_path_factory.getbasetemp())
    assert caught.value.mistakes


def test_every_string_toml_can_write_is_read(tables: dict[str, Any], tmp_path: Path) -> None:
    """Characters beyond ASCII are as good as any in a free text."""
    tables["station"]["rules_revision"] = tomllib.loads('r = "Änderung \\u0000 \\U0001F600"')["r"]
    assert config.parse(tables, tmp_path).rules.revision == "Änderung \x00 \U0001f600"
