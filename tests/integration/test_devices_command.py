"""The commands for the one who connects devices: list, test, record, and a foreign driver; as real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drivers import capture
from drivers.capture import What
from simulators.pty_line import PtyLine
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.station_file import LEVELS, write

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "drivers.md"

WITHOUT = """
import sys
for library in {libraries!r}:
    sys.modules[library] = None
from agent.cli import main
main()
"""
"""Run the command as on a machine that lacks some libraries."""


def lineside(*words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *words],
        cwd=ROOT,
        env=environment(path),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(path: Path | None = None) -> dict[str, str]:
    paths = [str(ROOT), *([str(path)] if path else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}


def station(folder: Path, *devices: dict[str, Any]) -> Path:
    """A station file with these devices."""
    tables = {
        "station": dict(zip(("enterprise", "site", "area", "line", "station"), LEVELS, strict=True)),
        "broker": {"host": "127.0.0.1"},
        "journal": {"path": str(folder / "journal.db")},
        "device": list(devices),
    }
    return write(tables, folder / "station.toml")


def scanner(port: object, **more: Any) -> dict[str, Any]:
    return {"name": "scanner-1", "driver": "serial-scanner", "port": str(port), **more}


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    """The device's side of a serial cable whose other end is `scanner` in the folder."""
    one = PtyLine(tmp_path / "scanner")
    one.plug()
    yield one
    one.unplug()


def test_devices_prints_tables_to_paste(tmp_path: Path) -> None:
    node = tmp_path / "dev/gpiochip0"
    node.parent.mkdir()
    node.touch()
    told = lineside("devices", "--root", str(tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[:2] == ["# gpio /dev/gpiochip0", "# GPIO chip"]
    assert '[[device]]\nname = "device-1"\ndriver = "gpio"\nchip = "/dev/gpiochip0"\n' in told.stdout
    (row,) = json.loads(lineside("devices", "--json", "--root", str(tmp_path)).stdout)
    assert (row["kind"], row["driver"]) == ("gpio", "gpio")


def test_devices_says_that_there_are_none(tmp_path: Path) -> None:
    told = lineside("devices", "--root", str(tmp_path))
    assert (told.stdout, told.stderr) == ("", "nothing is plugged in that Lineside could use\n")


def test_drivers_test_passes_a_good_device(tmp_path: Path, line: PtyLine) -> None:
    """A line a check, and the sum."""
    told = lineside("drivers", "test", "scanner-1", "--config", str(station(tmp_path, scanner(line.link))))
    assert told.returncode == 0, told.stdout
    lines = told.stdout.splitlines()
    assert lines[-1] == "scanner-1: 12 passed, 0 failed, 0 not applicable"
    assert all(line.startswith("ok    ") for line in lines[:-1])


def test_drivers_test_tells_a_device_that_is_not_there(tmp_path: Path) -> None:
    file = station(tmp_path, scanner(tmp_path / "absent"))
    told = lineside("drivers", "test", "scanner-1", "--config", str(file))
    assert told.returncode == 1
    assert f"FAIL  opens in time: scanner-1: {tmp_path / 'absent'}: no such port" in told.stdout
    assert told.stdout.splitlines()[-1] == "scanner-1: 5 passed, 1 failed, 6 not applicable"


def test_a_name_that_no_device_bears_is_told(tmp_path: Path) -> None:
    file = str(station(tmp_path, scanner(tmp_path / "absent")))
    for words in (("drivers", "test", "scaner", "-c", file), ("record", "scaner", "-c", file, "--out", "x")):
        told = lineside(*words)
        assert (told.returncode, told.stderr) == (
            1, "lineside: no device 'scaner' in the station file; there is: scanner-1\n",
        )  # fmt: skip


def test_a_missing_library_is_told_with_what_brings_it() -> None:
    """One sentence that can be acted upon; the other drivers are usable."""
    program = WITHOUT.format(libraries=["evdev", "gpiod", "cv2"])
    told = subprocess.run(
        [sys.executable, "-c", program, "drivers", "--json"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        check=True,
    )
    reasons = {row["driver"]: row["reason"] for row in json.loads(told.stdout) if not row["usable"]}
    assert set(reasons) == {"camera-scanner", "gpio", "hid-scanner"}
    for name, extra in {"camera-scanner": "camera", "gpio": "gpio", "hid-scanner": "hid"}.items():
        assert f"pip install 'lineside[{extra}]'" in reasons[name]


def test_what_is_recorded_can_be_played(tmp_path: Path, line: PtyLine) -> None:
    """The whole way of a bug report: recorded on a device, replayed without it, and made a test case."""
    out = tmp_path / "bug.capture"
    file = station(tmp_path, scanner(line.link, on_pass="\x06"))
    words = ["record", "scanner-1", "-c", str(file), "--out", str(out), "--case", str(tmp_path / "case")]
    with subprocess.Popen(
        [sys.executable, "-m", "agent.cli", *words], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as recording:
        eventually(lambda: line.write(b"SN0001\r") and out.exists() and "SN0001" in out.read_text())
        line.write(b"\xff\r")
        assert recording.stdout is not None
        while "Noise" not in recording.stdout.readline():
            pass
        recording.send_signal(signal.SIGINT)
        assert recording.wait(PATIENCE_S) == 0
    header = capture.header_of(out)
    assert (header.driver, header.settings["on_pass"]) == ("serial-scanner", "\x06")
    assert {What.RX, What.SIGNAL} == {one.what for one in capture.lines_of(out)}
    expected = json.loads((tmp_path / "case" / "expected.json").read_text())
    assert expected["settings"] == {"on_pass": "\x06"}
    assert [one["is"] for one in expected["signals"]][-2:] == ["Scan", "Noise"]
    played = tmp_path / "played"
    played.mkdir()
    replay = station(played, scanner(f"replay:{out}?speed=0&end=gone"))
    again = lineside("record", "scanner-1", "-c", str(replay), "--out", str(played / "x"), "--seconds", "0.5")
    assert again.returncode == 0, again.stderr
    heard = [one.data for one in capture.lines_of(played / "x") if one.what is What.SIGNAL]
    assert heard == expected["signals"]
    assert any(one.what is What.GONE for one in capture.lines_of(played / "x"))


def test_a_capture_is_never_overwritten(tmp_path: Path, line: PtyLine) -> None:
    (tmp_path / "x").write_text("kept")
    told = lineside(
        "record", "scanner-1", "-c", str(station(tmp_path, scanner(line.link))), "--out", str(tmp_path / "x")
    )
    assert told.returncode == 1
    assert "File exists" in told.stderr
    assert (tmp_path / "x").read_text() == "kept"


def test_recording_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = station(tmp_path, scanner(tmp_path / "absent"))
    told = lineside("record", "scanner-1", "-c", str(file), "--out", str(tmp_path / "x"))
    assert told.returncode == 1
    assert told.stderr.startswith(f"lineside: scanner-1: {tmp_path / 'absent'}: no such port")


def block(language: str, having: str) -> str:
    """The example in the guide that has `having` in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (found,) = [text for text in blocks if having in text]
    return str(found)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder into which pip has installed the driver of the guide, as its author would ship it."""
    entry = re.search(r'\[project.entry-points."(.+)"\]\n(.+) = "(.+)"', block("toml", "entry-points"))
    assert entry is not None
    wheel = tmp_path / "acme_wrench-1.0-py3-none-any.whl"
    files = {
        "acme_wrench.py": block("python", "# acme_wrench.py"),
        "acme_wrench-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-wrench\nVersion: 1.0\n",
        "acme_wrench-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "acme_wrench-1.0.dist-info/entry_points.txt": f"[{entry[1]}]\n{entry[2]} = {entry[3]}\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, "acme_wrench-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "acme_wrench-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    told = subprocess.run([*pip, "--target", str(target), str(wheel)], capture_output=True, text=True, check=False)
    if "No module named pip" in told.stderr:
        pytest.skip("this environment has no pip")
    assert told.returncode == 0, told.stderr
    return target


def wrench(port: object, **more: Any) -> dict[str, Any]:
    return {"name": "wrench-1", "driver": "acme-wrench", "port": str(port), **more}


def test_the_driver_in_the_guide_works_as_it_stands(tmp_path: Path, line: PtyLine, installed: Path) -> None:
    """Installed by pip and nothing else: listed, checked, tested and recorded like one of our own."""
    assert "acme-wrench: usable" in lineside("drivers", path=installed).stdout.splitlines()
    file = str(station(tmp_path, wrench(line.link, serial_number="W-7")))
    assert lineside("check", file, path=installed).returncode == 0
    passed = lineside("drivers", "test", "wrench-1", "-c", file, path=installed)
    assert passed.stdout.splitlines()[-1] == "wrench-1: 12 passed, 0 failed, 0 not applicable"
    assert block("text", "wrench-1:").splitlines() == passed.stdout.splitlines()
    out = tmp_path / "x.capture"
    header = {"capture": 1, "driver": "acme-wrench", "settings": {}, "lineside": "0"}
    out.write_text(json.dumps(header) + '\n{"at": 0.1, "rx": "T+012.50Nm\\r"}\n')
    replay = str(station(tmp_path, wrench(f"replay:{out}?speed=0", serial_number="W-7")))
    words = ("record", "wrench-1", "-c", replay, "--out", str(tmp_path / "y"), "--seconds", "0.3")
    assert lineside(*words, path=installed).returncode == 0
    (told,) = [one.data for one in capture.lines_of(tmp_path / "y") if one.what is What.SIGNAL]
    assert (told["is"], told["value"], told["unit"], told["gauge"]) == ("Reading", "12.50", "Nm", "W-7")


def test_mistakes_in_the_keys_of_a_foreign_driver_are_told(tmp_path: Path, installed: Path) -> None:
    told = lineside("check", str(station(tmp_path, wrench("/dev/x", serial="W-7"))), path=installed)
    assert told.returncode == os.EX_CONFIG
    assert "device[0].serial: unknown key; did you mean 'serial_number'?" in told.stderr


def test_a_foreign_driver_that_does_not_load_is_a_state(tmp_path: Path, installed: Path) -> None:
    """It is named with the reason, and everything else works on."""
    (installed / "acme_wrench.py").write_text("import acme_library\n")
    lines = lineside("drivers", path=installed).stdout.splitlines()
    assert "acme-wrench: not usable: acme_wrench:Wrench does not load: No module named 'acme_library'" in lines
    assert "serial-scanner: usable" in lines
    told = lineside("check", str(station(tmp_path, wrench("/dev/x"))), path=installed)
    assert "device[0].driver: driver 'acme-wrench' is not usable here: " in told.stderr
