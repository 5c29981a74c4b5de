"""One agent with scanners of three kinds, a gauge that is asked by foot, and a machine's contact."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

import pytest

from simulators.gauges.protocols import PROTOCOLS
from simulators.pty_line import PtyLine
from tests.support.eventually import PATIENCE_S
from tests.support.pictures import GS1_LABEL, GS1_TEXT, code, save, scene
from tests.support.stands.hid import hid
from tests.support.typist import Typist, packed
from tests.support.works import Works

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEVICES = ("scanner-1", "gauge-1", "box-1", "keyboard", "camera", "scale")
LABEL = {"name": "gs1-lot", "format": "gs1", "elements": {"part": "01", "lot": "10"}, "maybe": ["21"]}


class Scale:
    """A balance that answers when it is asked, in a thread of its own."""

    def __init__(self, link: Path) -> None:
        self.line = PtyLine(link)
        self.gauge = PROTOCOLS["mt-sics"]("scale", self.line)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self.line.plug()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self.line.unplug()

    def _listen(self) -> None:
        while not self._stop.is_set():
            if heard := self.line.read(0.05):
                self.gauge.hear(heard)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[tuple[Works, int, Path, Scale]]:
    """A station that is running, the keyboard scanner's pipe, the camera's folder, and the scale."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with Works(tmp_path) as works, hid(tmp_path) as keyboard, Scale(tmp_path / "scale") as scale:
        works.station["device"] += [
            {"name": "keyboard", "driver": "hid-scanner", **keyboard},
            {"name": "camera", "driver": "camera-scanner", "source": str(pictures)},
            {"name": "scale", "driver": "mt-sics", "port": str(tmp_path / "scale"), "mode": "ask"},
        ]
        works.station["scan"].append(LABEL)
        works.station["request"] = [{"device": "box-1", "input": "foot", "gauge": "scale"}]
        works.station["machine"] = [{"name": "running", "machine": "press-7", "device": "box-1", "input": "run"}]
        works.start_agent(DEVICES)
        pipe = os.open(tmp_path / "hid-scanner", os.O_WRONLY)
        try:
            yield works, pipe, pictures, scale
        finally:
            os.close(pipe)


Station = tuple[Works, int, "Path", Scale]


def test_one_label_means_the_same_through_each_scanner(station: Station) -> None:
    """Serial with the characters as they are, typed with Alt codes, and seen by a camera; each kept as it came."""
    works, keyboard, pictures, _ = station
    assert works.scanner.scan(GS1_TEXT) == b"\x15"  # no unit is open, but it was understood
    os.write(keyboard, packed(Typist("us").type(GS1_TEXT).events))
    save(pictures / "label.png", scene(code(GS1_LABEL, gs1=True)))
    told = [works.wait_for_fact("part.rejected", device=device) for device in ("scanner-1", "keyboard", "camera")]
    meant = {(one["data"]["part"], one["data"]["lot"], one["data"]["text"], one["data"]["rule"]) for one in told}
    assert meant == {("09506000134352", "ABC123", GS1_TEXT, "gs1-lot")}
    assert not any(one["data"].get("nonconforming") for one in told)
    assert [one["data"]["symbology"] for one in told] == ["", "", "]d2"]
    works.settle()


def test_a_foot_switch_brings_a_value(station: Station) -> None:
    """Asked for once, answered once, with the balance's serial number."""
    works, _, _, scale = station
    scale.gauge.show("0.250")
    assert works.box.line.write(b"foot=1\nfoot=0\n")
    value = works.wait_for_fact("measurement.taken", gauge="scale")["data"]
    assert (value["value"], value["unit"], value["stable"]) == (0.25, "g", True)
    assert value["instrument"]
    works.settle()
    assert len(works.book.events("measurement.taken", gauge="scale")) == 1


def test_a_machine_that_runs_and_stops_is_two_facts(station: Station) -> None:
    works, _, _, _ = station
    assert works.box.line.write(b"run=1\nrun=1\nrun=0\n")
    stopped = works.wait_for_fact("machine.changed", "press-7", signal="running", active=False)
    assert stopped["data"]["lasted_s"] >= 0
    works.settle()
    assert len(works.book.events("machine.changed", "press-7")) == 2
