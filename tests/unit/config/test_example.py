"""The example and the schema that ship with Lineside are what the code knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from agent import config
from agent.config import StationFile
from drivers import catalog
from drivers.contract import DeviceSettings, Driver

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "station.example.toml"
DEVICES = ROOT / "config" / "devices.example.toml"
SCHEMA = ROOT / "config" / "station.schema.json"

HEADER = re.compile(r"^(?:# )?\[{1,2}([a-z_.]+)\]{1,2}$")
KEY = re.compile(r"^(?:#|# )?(\w+) = ")
DRIVER = re.compile(r'^driver = "(.+)"')


def models(model: type[BaseModel] = StationFile, place: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of a station file with its place; the devices apart."""
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and inner is not DeviceSettings:
            yield f"{place}{name}", inner
            yield from models(inner, f"{place}{name}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    found = [_model_in(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in found if model is not None), None)


def driver_settings() -> Iterator[tuple[str, type[BaseModel]]]:
    for name in sorted(catalog.BUILTIN):
        driver = catalog.load(name)
        assert isinstance(driver, type)
        assert issubclass(driver, Driver)
        yield f"device.{name}", driver.Settings


TABLES = [*models(), *driver_settings()]


def shown() -> dict[str, set[str]]:
    """Keys that the examples show in each table, set or left at their default; a device stands under its driver."""
    found: dict[str, set[str]] = {}
    place, keys = "", set[str]()
    for line in together().splitlines():
        if header := HEADER.match(line):
            place, keys = header[1], set()
        elif driver := DRIVER.match(line):
            place = f"{place}.{driver[1]}"
        if key := KEY.match(line):
            keys.add(key[1])
        found.setdefault(place, set()).update(keys)
    return found


def together() -> str:
    """The station of the example, with every kind of device."""
    return EXAMPLE.read_text(encoding="utf-8") + DEVICES.read_text(encoding="utf-8")


def test_the_example_is_a_good_station_file() -> None:
    """Whoever copies the example starts from something that works."""
    assert config.read(EXAMPLE).station.levels == ("acme", "plant1", "assembly", "line3", "st-040")


@pytest.mark.parametrize(("place", "model"), TABLES, ids=[place for place, _ in TABLES])
def test_the_example_shows_every_key(place: str, model: type[BaseModel]) -> None:
    """No setting has to be found in the source."""
    values = {name for name, field in model.model_fields.items() if _model_in(field.annotation) is None}
    assert values - shown().get(place, set()) == set()


def test_a_key_that_is_commented_out_shows_its_default(tmp_path: Path) -> None:
    """Taking the `#` away changes nothing: what the comment shows is what is used without it."""
    every_key = tmp_path / "every-key.toml"
    every_key.write_text(re.sub(r"(?m)^#(\w+ = )", r"\1", together()))
    as_it_is = tmp_path / "as-it-is.toml"
    as_it_is.write_text(together())
    assert config.read(every_key) == config.read(as_it_is)


@pytest.mark.parametrize(("place", "model"), TABLES, ids=[place for place, _ in TABLES])
def test_every_key_is_documented_where_it_is_declared(place: str, model: type[BaseModel]) -> None:
    """An editor with the schema explains each key; tables explain themselves."""
    assert model.__doc__, place
    bare = {name for name, field in model.model_fields.items() if _model_in(field.annotation) is None}
    assert {name for name in bare if not model.model_fields[name].description} == set()


def test_the_schema_file_is_the_one_the_models_make() -> None:
    """`lineside schema > config/station.schema.json` (or `make schema`) was not forgotten."""
    made = subprocess.run([sys.executable, "-m", "agent.cli", "schema"], cwd=ROOT, capture_output=True, check=True)
    assert SCHEMA.read_bytes() == made.stdout, "stale: run `make schema`"


def test_the_schema_knows_each_driver() -> None:
    """A `[[device]]` table is checked by the settings of the driver it names."""
    variants = config.schema()["properties"]["device"]["items"]["oneOf"]
    assert [one["properties"]["driver"]["const"] for one in variants] == sorted(catalog.BUILTIN)
