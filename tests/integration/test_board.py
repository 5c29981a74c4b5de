"""`lineside board` as a process, on a real broker and a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest

from simulators.broker import Mosquitto, free_port
from tests.support.agent_process import STOP_S, lineside, ran
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.guarded_broker import PASSWORD, USER, Certificates, GuardedMosquitto
from tests.support.listener import Listener
from tests.support.station_file import LEVELS, station, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from tests.support.works import Works

pytestmark = pytest.mark.skipif(
    Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto"
)

LINE = "/".join(LEVELS[:4])
ROWS, COLUMNS = 24, 110
ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|[()][0-9A-B])")
HOME = b"\x1b[H"
SHOW_CURSOR, LEAVE_SCREEN = b"\x1b[?25h", b"\x1b[?1049l"


def iso(ago_s: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat()


def call(name: str = "cord", ago_s: float = 100, **values: Any) -> dict[str, Any]:
    known = {"call": name, "name": name, "type": "process", "mode": "stop", "state": "raised", "raised": iso(ago_s)}
    return {**known, "level": 0, "delivered": True, **values}


class Plant:
    """A broker, and the stations of a line that write their documents to it."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        self.broker = broker or Mosquitto(folder / "broker", free_port())
        self._client = ExitStack()

    def __enter__(self) -> Self:
        self.broker.start()
        self.join()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def join(self) -> None:
        self._listener = self._client.enter_context(Listener(self.broker.port, "none"))

    def leave(self) -> None:
        self._client.close()
        self.broker.stop()

    def agent(self, name: str, status: str) -> None:
        self._say(name, "agent", {"status": status, "epoch": "e", "version": "1"})

    def calls(self, name: str, *calls: dict[str, Any], **more: Any) -> None:
        self._say(name, "andon", {"epoch": "e", "time": iso(), "calls": calls, **more})

    def alarms(self, name: str, *alarms: dict[str, Any]) -> None:
        self._say(name, "alarms", {"epoch": "e", "time": iso(), "alarms": alarms})

    def junk(self, name: str, what: str) -> None:
        self._say(name, what, "junk")

    def _say(self, name: str, what: str, document: Any) -> None:
        self._listener.send(f"lineside/v1/{LINE}/{name}/state/{what}", document, retain=True)


@contextmanager
def ended(board: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """See to it that a failed test leaves no board behind."""
    with board:
        try:
            yield board
        finally:
            board.kill()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path) as up:
        yield up


def words(plant: Plant, *more: str | Path) -> list[str]:
    return ["board", "--line", LINE, "--broker", f"127.0.0.1:{plant.broker.port}", *map(str, more)]


def once(plant: Plant, *more: str | Path) -> dict[str, Any]:
    done = ran(*words(plant, "--once", "--json", *more))
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


class Terminal:
    """The board on a terminal of its own; what stands on it, and its keyboard."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self.output = b""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *lineside(*self._command)],  # Ctrl-C needs a controlling terminal
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def raw(self) -> bytes:
        """The newest whole picture, with its colours."""
        self._read()
        pictures = self.output.split(HOME)
        return pictures[-2] if len(pictures) > 1 else b""

    def text(self) -> str:
        return ESCAPES.sub(b"", self.raw()).decode()

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ends(self) -> int:
        """Read to the end, and return the exit code."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self._read()
        self._read()
        return self.process.wait(STOP_S)

    def _read(self) -> None:
        while select.select([self._master], [], [], 0.01)[0]:
            try:
                read = os.read(self._master, 65536)
            except OSError:
                return
            if not read:
                return
            self.output += read


def test_one_picture_for_scripts(plant: Plant) -> None:
    plant.agent("st-010", "online")
    plant.agent("st-020", "offline")
    plant.calls("st-010", call("old", 300), call("high", 10, level=2, mode="call", delivered=False))
    plant.alarms("st-020", {"alarm": "a", "device": "gauge-1", "priority": "high", "state": "unacknowledged"})
    plant.calls("st-020")
    document = once(plant)
    assert [(one["station"], one["call"], one["level"]) for one in document["calls"]] == [
        ("st-010", "high", 2),
        ("st-010", "old", 0),
    ]
    assert 300 <= document["calls"][1]["age_s"] < 300 + PATIENCE_S
    assert [one["device"] for one in document["alarms"]] == ["gauge-1"]
    assert {one["station"]: one["status"] for one in document["stations"]} == {"st-010": "online", "st-020": "offline"}
    text = ran(*words(plant, "--once")).stdout
    assert "STOP" in text
    assert "not delivered" in text


def test_what_stops_the_line_and_who_was_told(plant: Plant) -> None:
    """A stop that is still to come, one that holds the line, and a reason that nobody has given."""
    pending = call("belt", 5, mode="call", stop="pending", stop_after_s=600)
    stopped = call("cord", 400, mode="call", stop="stopped", level=1, escalated_to="supervisor")
    line = {"state": "stopped", "since": iso(340), "calls": ["cord"]}
    plant.agent("st-010", "online")
    plant.calls("st-010", stopped, pending, line=line, unclosed=[call("bad")])
    document = once(plant)
    assert [(one["call"], one["stop"], one["escalated_to"]) for one in document["calls"]] == [
        ("cord", "stopped", "supervisor"),
        ("belt", "pending", ""),
    ]
    (station,) = document["stations"]
    assert (station["line"], station["unclosed"]) == ("stopped", 1)
    assert 340 <= station["line_for_s"] < 340 + PATIENCE_S
    text = ran(*words(plant, "--once")).stdout
    assert re.search(r"STOP in 9:\d\d", text)
    assert re.search(r"  STOP  6:\d\d  level 1  st-010  cord \(process\)  raised  supervisor told", text)
    assert "1 call waits for its reason" in text


def test_only_the_line_that_was_asked_for_is_shown(plant: Plant) -> None:
    plant.agent("st-010", "online")
    done = ran("board", "--line", f"{LINE}x", "--broker", f"127.0.0.1:{plant.broker.port}", "--once", "--json")
    assert json.loads(done.stdout)["stations"] == []


def test_a_line_of_hundreds_of_calls_is_heard_whole(plant: Plant) -> None:
    for number in range(60):
        plant.agent(f"st-{number}", "online")
        plant.calls(f"st-{number}", *(call(f"c{count}", number + count) for count in range(10)))
    document = once(plant)
    assert (len(document["stations"]), len(document["calls"])) == (60, 600)


def test_without_a_broker_one_picture_fails_and_says_why(plant: Plant) -> None:
    plant.broker.stop()
    done = ran(*words(plant, "--once"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be reached" in done.stderr
    plant.broker.start()


def test_the_terminal_shows_calls_as_they_come_and_go_and_ends_on_ctrl_c(plant: Plant) -> None:
    plant.agent("st-010", "online")
    with Terminal(words(plant)) as terminal:
        eventually(lambda: "1 of 1 online" in terminal.text())
        plant.calls("st-010", call("cord", 0))
        eventually(lambda: "STOP" in terminal.text())
        eventually(lambda: b"31;7m" in terminal.raw() or b"7;31m" in terminal.raw())  # red, and lit
        eventually(lambda: re.search(r"0:0[1-9]", terminal.text()))  # its age ticks
        plant.agent("st-010", "offline")
        eventually(lambda: "0 of 1 online" in terminal.text() and "station not online" in terminal.text())
        plant.calls("st-010")
        eventually(lambda: "STOP" not in terminal.text())
        terminal.type(b"\x03")
        assert terminal.ends() == 0
        assert SHOW_CURSOR in terminal.output
        assert LEAVE_SCREEN in terminal.output
        assert b"Traceback" not in terminal.output
        assert b"Warning" not in terminal.output


def test_the_lost_broker_is_shown_at_once_and_the_board_comes_back(plant: Plant) -> None:
    plant.agent("st-010", "online")
    plant.calls("st-010", call("cord"))
    with Terminal(words(plant)) as terminal:
        eventually(lambda: "cord" in terminal.text())
        plant.leave()
        began_s = time.monotonic()
        eventually(lambda: "BROKER LOST" in terminal.text())
        assert time.monotonic() - began_s < 3
        assert "cord" in terminal.text()
        eventually(lambda: re.search(r"last news 0:0[2-9] ago", terminal.text()))
        shutil.rmtree(plant.broker.directory)  # the broker forgets the retained documents
        plant.broker.start()
        plant.join()
        plant.agent("st-020", "online")
        eventually(lambda: "broker connected" in terminal.text() and "1 of 1 online" in terminal.text())
        eventually(lambda: "cord" not in terminal.text())
        terminal.type(b"\x03")
        assert terminal.ends() == 0


def test_ctrl_c_ends_a_board_that_never_reached_a_broker() -> None:
    with Terminal(["board", "--line", LINE, "--broker", f"127.0.0.1:{free_port()}"]) as terminal:
        eventually(lambda: "cannot be reached" in terminal.text())
        terminal.type(b"\x03")
        assert terminal.ends() == 0


def test_a_board_that_joins_late_sees_the_same(plant: Plant) -> None:
    plant.agent("st-010", "online")
    plant.calls("st-010")
    with Terminal(words(plant)) as early:
        eventually(lambda: "1 of 1 online" in early.text())
        plant.calls("st-010", call("cord", 0), call("help", 50, level=1, mode="help"))
        eventually(lambda: re.search(r"0:0[3-9]\s+st-010\s+cord", early.text()))
        late = once(plant)
        shown = [int(seconds) for seconds in re.findall(r"0:(\d\d) .*st-010", early.text())]
        ages = [one["age_s"] for one in late["calls"]]
        assert [one["call"] for one in late["calls"]] == ["help", "cord"]
        assert all(abs(one - other) <= PATIENCE_S / 4 for one, other in zip(shown, ages, strict=True))


def test_into_a_pipe_a_picture_is_printed_on_each_change_and_only_then(plant: Plant) -> None:
    plant.agent("st-010", "online")
    board = subprocess.Popen(
        lineside(*words(plant, "--json")), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with ended(board) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["calls"] == []
        plant.calls("st-010", call("cord"))
        assert [one["call"] for one in json.loads(process.stdout.readline())["calls"]] == ["cord"]
        plant.calls("st-010", call("cord", state="acknowledged", by="team leader"))
        assert json.loads(process.stdout.readline())["calls"][0]["by"] == "team leader"
        plant.junk("st-010", "andon")
        told = json.loads(process.stdout.readline())
        assert (len(told["calls"]), told["stations"][0]["unreadable"]) == (1, 1)
        plant.broker.stop()
        assert not json.loads(process.stdout.readline())["broker"]["connected"]
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=STOP_S)
        assert (process.returncode, complaints) == (0, "")
        assert all(not json.loads(line)["broker"]["connected"] for line in rest.splitlines())


def test_a_reader_that_goes_away_ends_the_board_quietly(plant: Plant) -> None:
    plant.agent("st-010", "online")
    board = subprocess.Popen(lineside(*words(plant)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with ended(board) as process:
        assert process.stdout is not None
        assert LINE in process.stdout.readline()
        process.stdout.close()
        plant.calls("st-010", call("cord"))
        assert process.wait(STOP_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_call_of_a_real_station_escalates_and_stops_the_line_on_the_board(works: Works) -> None:
    """From the button to the board: nobody comes, the supervisor is told, the line stops, and runs again."""
    works.station["andon"] |= {"escalate_after_s": 0.3}
    works.station["andon"]["call"][0] |= {"stop_after_s": 1.0}
    works.start_agent()

    def board() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(ran("board", "--config", works.agent.file, "--once", "--json").stdout)
        return document

    works.box.press("quality")
    eventually(lambda: [one["stop"] for one in board()["calls"]] == ["stopped"])
    (call,) = board()["calls"]
    assert (call["level"], call["escalated_to"], call["delivered"]) == (1, "supervisor", True)
    assert board()["stations"][0]["line"] == "stopped"
    works.box.shows("red")
    works.box.release("quality")
    eventually(lambda: not board()["calls"])
    assert board()["stations"][0]["line"] == "running"
    works.settle()


def test_line_and_broker_of_a_real_station_come_from_its_file(running: Works) -> None:
    def stations() -> list[tuple[str, str]]:
        document = json.loads(ran("board", "--config", running.agent.file, "--once", "--json").stdout)
        assert document["line"] == LINE
        return [(one["station"], one["status"]) for one in document["stations"]]

    assert stations() == [(LEVELS[4], "online")]
    running.agent.kill()  # the broker speaks its last will
    eventually(lambda: stations() == [(LEVELS[4], "offline")])


def test_the_agent_does_not_pay_for_board_and_report() -> None:
    """The commands are found without loading what they need; memory of the daemon is counted."""
    script = "import sys, agent.cli.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    wrong = [name for name in loaded if re.match(r"agent\.(board|report)|paho|rich\.live", name)]
    assert wrong == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--line", LINE], "--broker"),
        (["--line", "acme/plant1", "--broker", "x"], "ENTERPRISE/SITE/AREA/LINE"),
        (["--line", "acme/+/a/l", "--broker", "x"], "ENTERPRISE/SITE/AREA/LINE"),
        (["--line", LINE, "--broker", "x:99999"], "port"),
        (["--line", LINE, "--broker", "x", "--protocol", "4"], "protocol"),
    ],
)
def test_options_that_make_no_sense_are_told(options: list[str], told: str) -> None:
    done = ran("board", *options)
    assert done.returncode == 2
    assert told in re.sub(r"[│\s]+", "", done.stderr).replace("ENTERPRISE", " ENTERPRISE").replace(" ", "")


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="mosquitto_passwd is not on the PATH")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_password_and_tls_open_the_door_and_nothing_else_does(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    broker = GuardedMosquitto(tmp_path / "broker", certificates)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "wrong").write_text("wrong\n")
    with Plant(tmp_path, broker) as plant:
        plant.agent("st-010", "online")
        door = ["board", "--line", LINE, "--broker", f"127.0.0.1:{broker.guarded_port}", "--once", "--username", USER]

        def knocked(password: str, ca: Path) -> tuple[int, str]:
            done = ran(*door, "--password-file", str(tmp_path / password), "--tls-ca", str(ca))
            return done.returncode, done.stdout + done.stderr

        assert knocked("password", certificates.right)[0] == 0
        for password, ca, told in (
            ("wrong", certificates.right, "refuses us"),
            ("password", certificates.wrong, "CERTIFICATE_VERIFY_FAILED"),
            ("none", certificates.right, "password file"),
            ("password", tmp_path / "none.pem", "none.pem"),
        ):
            code, said = knocked(password, ca)
            assert (code, told in said) == (1, True), said


def test_the_station_file_is_needed_only_for_what_the_options_leave_out(plant: Plant, tmp_path: Path) -> None:
    file = write(station(tmp_path, free_port(), free_port()), tmp_path / "station.toml")
    plant.agent("st-010", "online")
    done = ran("board", "--config", file, "--broker", f"127.0.0.1:{plant.broker.port}", "--once", "--json")
    assert [one["station"] for one in json.loads(done.stdout)["stations"]] == ["st-010"]
