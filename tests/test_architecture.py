"""The house: an import goes down, never up, never sideways between the rooms of one floor.

Reads every file of the agent, the drivers and the simulators as text, so imports inside functions and under
`TYPE_CHECKING` count like any other.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "drivers", "simulators")

MAY_IMPORT = {
    # floor 0: facts and devices
    "drivers": (),
    "agent.events": (),
    "agent.signals": ("agent.events", "drivers.contract"),
    "agent.logs": (),
    "agent.mistakes": (),
    "agent.naming": ("agent.mistakes",),
    # floor 1: the decision, the disk, the station file
    "agent.station": ("agent.events", "agent.signals", "drivers.contract"),
    "agent.journal": ("agent.events",),
    "agent.config": (
        "agent.mistakes",
        "agent.naming",
        "agent.station.alarms.declared",
        "agent.station.consistency",
        "agent.station.policy",
        "agent.station.rules",
        "agent.station.tables",
        "drivers.contract",
        "drivers.catalog",
    ),
    # floor 2: three rooms that never see each other
    "agent.runtime": (
        "agent.config",
        "agent.journal",
        "agent.station",
        "agent.events",
        "agent.signals",
        "drivers.contract",
    ),
    "agent.uplink": ("agent.config", "agent.journal", "agent.events", "agent.signals"),
    # what only commands use
    "agent.board": ("agent.config", "agent.events", "agent.uplink.errors", "agent.uplink.login", "agent.uplink.topics"),
    "agent.report": ("agent.events",),
    "agent.notify": (
        "agent.config",
        "agent.events",
        "agent.mistakes",
        "agent.runtime.supervisor",
        "agent.station.tables",
        "agent.uplink",
        "drivers.contract",
    ),
    "agent.panel": ("agent.config", "agent.journal", "agent.events"),
    # the same decision once more
    "agent.replay": ("agent.events", "agent.signals", "agent.station", "drivers.contract"),
    # the roof
    "agent.app": (
        "agent.config",
        "agent.events",
        "agent.journal",
        "agent.panel",
        "agent.runtime",
        "agent.signals",
        "agent.station",
        "agent.uplink",
        "drivers",
    ),
    "agent.cli": (
        "agent.app",
        "agent.board",
        "agent.report",
        "agent.config",
        "agent.events",
        "agent.logs",
        "agent.journal",
        "agent.mistakes",
        "agent.notify",
        "agent.replay",
        "agent.runtime.garbage",
        "agent.runtime.notify",
        "drivers.capture",
        "drivers.catalog",
        "drivers.conformance",
        "drivers.contract",
        "drivers.listing",
        "drivers.outputs",
        "drivers.recording",
        "drivers.scanners.keyboard",
        "drivers.scanners.keymaps",
        "agent.runtime.clock",
        "agent.runtime.library",
        "agent.signals",
        "agent.station.codes",
        "agent.station.reference",
        "agent.station.rules",
        "agent.station.sets",
    ),
    # other processes
    "simulators": ("agent.events",),
}
"""Room -> what it may import of ours, besides itself and the version in `agent/__init__.py`."""

VENDOR_ROOMS = {
    "apprise": ("agent.notify.pusher",),
    "biip": ("agent.station.gs1",),
    "cv2": ("drivers.scanners.camera",),
    "evdev": ("drivers.scanners.hid",),
    "gpiod": ("drivers.andon.gpio",),
    "iotcore": ("simulators",),
    "paho": ("agent.uplink.client", "agent.board.ear", "agent.notify.subscription", "simulators"),
    "numpy": ("drivers.scanners.camera",),
    "prometheus_client": ("agent.panel.metrics",),
    "pymodbus": ("drivers.modbus", "simulators"),
    "pyzbar": ("drivers.scanners.camera",),
    "rich": ("agent.cli", "agent.board.screen", "simulators"),
    "serial": ("drivers.port",),
    "sqlite3": ("agent.journal", "agent.notify", "simulators"),
    "sqlite_utils": ("agent.journal",),
    "starlette": ("agent.panel",),
    "tenacity": ("agent.runtime.backoff",),
    "typer": ("agent.cli", "simulators"),
    "uvicorn": ("agent.panel",),
    "zxingcpp": ("drivers.scanners.camera", "agent.cli.test_card"),
}
"""Library -> the rooms or files that may name it."""

NOTIFY_PURE = tuple(f"agent.notify.{file}" for file in ("hours", "news", "pacing", "rules", "words"))
BOARD_PURE = tuple(f"agent.board.{file}" for file in ("board", "documents", "words"))
PURE = ("agent.events", "agent.signals", "agent.station", "agent.replay", "agent.report", *NOTIFY_PURE, *BOARD_PURE)
PURE_MAY_USE = {
    "__future__", "biip", "calendar", "collections", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fnmatch", "functools", "hashlib", "heapq", "json", "math", "orjson", "pydantic", "re", "string", "types", "typing",
    "zlib",
}  # fmt: skip
"""Libraries without I/O, clocks or threads."""

CLOCK_CALLS = {"now", "today", "utcnow"}

THREAD_MAKERS = {"Thread", "Timer", "ThreadPoolExecutor", "ThreadPool", "start_new_thread", "to_thread"}
THREAD_ROOM = "agent.runtime.supervisor"
THREAD_ROOMS = (THREAD_ROOM, "drivers.conformance.checks")
"""Who makes threads: the supervisor; and the suite for drivers, which cancels from another thread as the agent does."""


class Source(NamedTuple):
    """One file: its module name, and its parsed text."""

    module: str
    path: str
    tree: ast.Module

    def says(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


def sources() -> list[Source]:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return [parsed(_module(file), file.read_text(encoding="utf-8")) for file in files]


def parsed(module: str, text: str) -> Source:
    return Source(module, module.replace(".", "/") + ".py", ast.parse(text))


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every module that the file names in an import, wherever the import stands."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module, names, level):
                base = _absolute(source.module, module or "", level or 0)
                for alias in names:
                    inner = f"{base}.{alias.name}"
                    yield node, inner if is_module(inner) else base
            case ast.Call(
                func=ast.Name("import_module" | "__import__") | ast.Attribute(_, "import_module"),
                args=[ast.Constant(str(name)), *_],
            ):
                yield node, name


def _absolute(module: str, target: str, level: int) -> str:
    if not level:
        return target
    above = module.split(".")[:-level]
    return ".".join([*above, target] if target else above)


def within(module: str, rooms: tuple[str, ...] | set[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def room_of(module: str) -> str | None:
    return next((room for room in MAY_IMPORT if within(module, (room,))), None)


def wrong_imports(source: Source) -> Iterator[str]:
    """Imports of our own that go up or sideways."""
    if source.module == "agent":
        for node, name in imports(source):
            yield source.says(node, f"agent/__init__.py imports {name}; it may import nothing")
        return
    room = room_of(source.module)
    if room is None:
        yield source.says(source.tree, f"{source.module} stands in no room: give it one in MAY_IMPORT and in DESIGN 1")
        return
    allowed = (room, *MAY_IMPORT[room])
    for node, name in imports(source):
        is_version = name == "agent" and source.module.startswith("agent.")
        if within(name, set(PACKAGES)) and not is_version and not within(name, allowed):
            told = ", ".join(MAY_IMPORT[room]) or "nothing of ours"
            yield source.says(node, f"{room} imports {name}; besides itself it may import: {told}")


def wrong_vendors(source: Source) -> Iterator[str]:
    """Libraries named outside their one room."""
    for node, name in imports(source):
        library = name.partition(".")[0]
        rooms = VENDOR_ROOMS.get(library)
        if rooms is not None and not within(source.module, rooms):
            yield source.says(node, f"names {library}, whose room is {' or '.join(rooms)}: go through that room")


def wrong_purity(source: Source) -> Iterator[str]:
    """I/O, clocks and threads in a room that decides."""
    if not within(source.module, PURE):
        return
    for node, name in imports(source):
        library = name.partition(".")[0]
        if library not in PURE_MAY_USE and library not in PACKAGES:
            yield source.says(node, f"imports {library} into a pure room; if it has no I/O, add it to PURE_MAY_USE")
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=word)) if word in CLOCK_CALLS:
                yield source.says(node, f"calls {word}() in a pure room: time comes in as an argument")
            case ast.Call(func=ast.Name("open" | "print" | "input")):
                yield source.says(node, f"calls {ast.unparse(node.func)}() in a pure room")


def wrong_threads(source: Source) -> Iterator[str]:
    """Threads made anywhere but by the supervisor."""
    if source.module in THREAD_ROOMS or source.module.startswith("simulators"):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(word) | ast.Attribute(attr=word) | ast.alias(name=word) if word in THREAD_MAKERS:
                yield source.says(node, f"names {word}: only {THREAD_ROOM} makes threads; be a Worker instead")


CHECKS = (wrong_imports, wrong_vendors, wrong_purity, wrong_threads)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_file_breaks_the_house(check: object) -> None:
    """Every file of the agent, the drivers and the simulators keeps to its room."""
    assert callable(check)
    wrong = [told for source in sources() for told in check(source)]
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_table_names_only_rooms_that_exist() -> None:
    """A room that is gone leaves no permission behind."""
    named = {*MAY_IMPORT, *(target for targets in MAY_IMPORT.values() for target in targets)}
    named |= {room for rooms in VENDOR_ROOMS.values() for room in rooms}
    assert {name for name in named if not is_module(name)} == set()


PLANTED = [
    ("agent.station.andon", "from agent.journal.journal import Journal", "agent.station imports agent.journal.journal"),
    ("agent.journal.schema", "import agent.station.rules", "agent.journal imports agent.station.rules"),
    ("agent.uplink.lane", "from agent import runtime", "agent.uplink imports agent.runtime"),
    ("agent.runtime.reader", "from agent.app import Agent", "agent.runtime imports agent.app"),
    ("agent.runtime.reader", "from drivers import catalog", "agent.runtime imports drivers.catalog"),
    ("agent.panel.views", "def page():\n    from agent.runtime import health", "agent/panel/views.py:2"),
    ("agent.config", "if TYPE_CHECKING:\n    from agent.uplink.topics import ROOT", "agent/config.py:2"),
    ("agent.station.andon", "from ..journal import lock", "agent.station imports agent.journal.lock"),
    ("agent.runtime.clock", "import_module('agent.panel.server')", "agent.runtime imports agent.panel.server"),
    ("agent.events", "from agent.signals import Input", "agent.events imports agent.signals"),
    ("agent.app", "from agent.cli import main", "agent.app imports agent.cli"),
    ("drivers.port", "from agent.events import Event", "drivers imports agent.events"),
    ("drivers.port", "from agent import __version__", "drivers imports agent"),
    ("simulators.central", "from agent.journal.reader import Chunk", "simulators imports agent.journal.reader"),
    ("agent.attic", "", "agent.attic stands in no room"),
    ("agent.uplink.forwarder", "from paho.mqtt.client import Client", "names paho"),
    ("agent.runtime.health", "import sqlite3", "names sqlite3"),
    ("drivers.gauges.mitutoyo", "import serial", "names serial"),
    ("agent.station.andon", "import time", "imports time into a pure room"),
    ("agent.events", "stamp = datetime.now(UTC)", "calls now() in a pure room"),
    ("agent.station.codes", "text = open('codes')", "calls open() in a pure room"),
    ("agent.panel.server", "from threading import Thread", "names Thread"),
    ("drivers.port", "threading.Thread(target=run).start()", "names Thread"),
    ("agent.uplink.client", "class Loop(Thread): pass", "names Thread"),
]


@pytest.mark.parametrize(("module", "text", "told"), PLANTED)
def test_a_planted_violation_is_found(module: str, text: str, told: str) -> None:
    """The checks see what they are there to see, and say where it is."""
    source = parsed(module, text)
    assert told in "\n".join(line for check in CHECKS for line in check(source))


ALLOWED = [
    ("agent.runtime.reader", "from agent import __version__\nfrom drivers.contract import Driver"),
    ("agent.uplink.client", "from paho.mqtt.client import Client\nfrom agent.config import Broker"),
    ("agent.runtime.supervisor", "from threading import Thread\nThread()"),
    ("agent.station.andon", "from agent.station.rules import Rules\nimport re"),
    ("simulators.central", "import paho.mqtt.client\nfrom threading import Thread\nfrom agent.events import Lane"),
]


@pytest.mark.parametrize(("module", "text"), ALLOWED)
def test_what_is_allowed_is_not_blamed(module: str, text: str) -> None:
    """The checks stay silent where nothing is wrong."""
    source = parsed(module, text)
    assert [line for check in CHECKS for line in check(source)] == []
