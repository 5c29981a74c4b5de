"""The notifier's file: every mistake at once, and no secret in any of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from agent.notify import file
from agent.notify.settings import NotifyFile
from tests.unit.notify import mail

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[3] / "config" / "notify.example.toml"
SECRET = "S3CRET-TOKEN"


def mistakes(tables: dict[str, Any]) -> list[str]:
    with pytest.raises(file.NotifyFileError) as told:
        file.parse(tables, Path("notify.toml"))
    return [str(mistake) for mistake in told.value.mistakes]


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    """Store, broker, one target, one rule."""
    read = file.parse(mail.tables(tmp_path), Path("notify.toml"))
    assert read.rule[0].to == ("shift",)
    assert read.target[0].rate.messages == 10


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """With its key path and the nearest known key or name."""
    tables = mail.tables(tmp_path)
    tables["notify"] |= {"timezone": "Europe/Berln", "fallback": "shft"}
    tables["broker"] |= {"hots": "x", "scope": ["acme/plant1"]}
    tables["target"] += [
        {"name": "shift", "url": "a://b", "url_env": "X"},
        {"name": "night", "quiet": [{"hours": "22-6"}]},
    ]
    tables["rule"] += [{"name": "rule-0", "to": ["shfit"], "title": "{sation}", "match": {"mode": ["stop"]}}]
    tables["txt"] = {}
    told = mistakes(tables)
    assert [line.partition(":")[0] for line in told] == [
        "txt", "notify.timezone", "broker.scope[0]", "broker.scope", "broker.hots", "target[1]",
        "target[2].quiet[0].hours", "rule[1].match.mode",
        "rule[1].title", "target[1].name", "rule[1].name", "rule[1].to[0]", "notify.fallback",
    ]  # fmt: skip
    assert "did you mean 'text'" in told[0]
    assert "did you mean 'host'" in told[4]
    assert "did you mean 'modes'" in told[7]
    assert "did you mean 'station'" in told[8]
    assert "did you mean 'shift'" in told[11]


def test_a_url_comes_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or from systemd's credentials, if the file's path is relative."""
    (tmp_path / "url").write_text(f"json://host/{SECRET}\n# a remark\n")
    monkeypatch.setenv("LINESIDE_TEST_URL", "json://other\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    tables = mail.tables(tmp_path)
    tables["target"] = [
        {"name": "shift", "url_file": str(tmp_path / "url")},
        {"name": "credential", "url_file": "url"},
        {"name": "variable", "url_env": "LINESIDE_TEST_URL"},
    ]
    read = file.parse(tables, Path("notify.toml"))
    assert [file.url_of(target) for target in read.target] == [f"json://host/{SECRET}"] * 2 + ["json://other"]


def test_a_url_that_is_not_there_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by --check, not by the first call that reaches nobody."""
    monkeypatch.delenv("LINESIDE_TEST_URL", raising=False)
    (tmp_path / "empty").write_text("\n")
    tables = mail.tables(tmp_path)
    tables["target"] = [
        {"name": "shift", "url_file": str(tmp_path / "gone")},
        {"name": "empty", "url_file": str(tmp_path / "empty")},
        {"name": "variable", "url_env": "LINESIDE_TEST_URL"},
    ]
    told = mistakes(tables)
    assert [line.partition(":")[0] for line in told] == [
        "target[0].url_file",
        "target[1].url_file",
        "target[2].url_env",
    ]


@pytest.mark.parametrize(
    "target",
    [
        {"url": [f"json://host/{SECRET}"]},
        {"url": f"json://{SECRET}", "url_env": "X"},
        {"ulr": f"json://{SECRET}"},
        {"url": f"json://{SECRET}", "quiet": [{"hours": "no"}]},
        {"url": {"a": SECRET}},
    ],
)
def test_no_mistake_shows_a_url(tmp_path: Path, target: dict[str, Any]) -> None:
    """What --check says may end up in a ticket."""
    tables = mail.tables(tmp_path)
    tables["target"] = [{"name": "shift", **target}]
    assert SECRET not in "\n".join(mistakes(tables))


@pytest.mark.parametrize(("text", "told"), [(b"\xff", "UTF-8"), (b"[", "TOML")])
def test_what_is_no_toml_is_told(tmp_path: Path, text: bytes, told: str) -> None:
    """And a file that is not there."""
    path = tmp_path / "notify.toml"
    with pytest.raises(file.NotifyFileError) as gone:
        file.read(path)
    assert "no such file" in str(gone.value.mistakes[0])
    path.write_bytes(text)
    with pytest.raises(file.NotifyFileError) as wrong:
        file.read(path)
    assert told in str(wrong.value.mistakes[0])


# --- the example

HEADER = re.compile(r"^(?:# )?\[{1,2}([a-z_.]+)\]{1,2}")
KEY = re.compile(r"^(?:#|# )?(\w+) = ")


def models(model: type[BaseModel] = NotifyFile, place: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            yield f"{place}{name}", inner
            yield from models(inner, f"{place}{name}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    found = [_model_in(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in found if model is not None), None)


TABLES = list(models())


def example(tmp_path: Path, text: str) -> NotifyFile:
    """The example with its secret in a place of its own."""
    (tmp_path / "url").write_text("json://127.0.0.1\n")
    path = tmp_path / "notify.toml"
    path.write_text(text.replace("/etc/lineside/notify-maintenance", str(tmp_path / "url")))
    return file.read(path)


def test_the_example_is_a_good_file(tmp_path: Path) -> None:
    """Whoever copies it starts from something that works."""
    read = example(tmp_path, EXAMPLE.read_text())
    assert [target.name for target in read.target] == ["maintenance", "office"]


@pytest.mark.parametrize(("place", "model"), TABLES, ids=[place for place, _ in TABLES])
def test_the_example_shows_every_key(place: str, model: type[BaseModel]) -> None:
    """No setting has to be found in the source, and each is described."""
    shown: dict[str, set[str]] = {}
    here = ""
    for line in EXAMPLE.read_text().splitlines():
        if header := HEADER.match(line):
            here = header[1]
        elif key := KEY.match(line):
            shown.setdefault(here, set()).add(key[1])
    bare = {name for name, field in model.model_fields.items() if _model_in(field.annotation) is None}
    assert bare - shown.get(place, set()) - {"words"} == set()
    assert {name for name in bare if not model.model_fields[name].description} == set()


def test_a_key_that_is_commented_out_shows_its_default(tmp_path: Path) -> None:
    """Taking the `#` away changes nothing."""
    text = EXAMPLE.read_text()
    assert example(tmp_path, re.sub(r"(?m)^#(\w+ = )", r"\1", text)) == example(tmp_path, text)
