"""The notifier as a process: a real broker, a real HTTP server as target, kills, outages and floods."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self

import pytest

from agent.events import Envelope
from simulators.broker import Mosquitto, free_port
from tests.support.agent_process import STOP_S, lineside, ran
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.listener import Listener
from tests.support.station_file import write
from tests.support.tuned_broker import TunedMosquitto
from tests.unit.station.test_answers import Clockwork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tests.support.works import Works

pytestmark = pytest.mark.skipif(
    Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto"
)

PATH = "acme/plant1/assembly/line3/st-040"
TOPIC = f"lineside/v1/{PATH}/event"
SECRET = "T0P-S3CRET"
UNIT = Path(__file__).parents[2] / "systemd" / "lineside-notify.service"


class Sink:
    """A web hook.  It keeps what it takes; `answer` is its HTTP status."""

    def __init__(self) -> None:
        self.answer = 200
        self._messages: list[dict[str, Any]] = []
        self._asked = 0
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/hook/{SECRET}?rto=5&cto=5"

    @property
    def titles(self) -> list[str]:
        with self._lock:
            return [message["title"] for message in self._messages]

    @property
    def bodies(self) -> list[str]:
        with self._lock:
            return [message["message"] for message in self._messages]

    @property
    def asked(self) -> int:
        """How often somebody tried."""
        with self._lock:
            return self._asked

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with sink._lock:
                    sink._asked += 1
                    if sink.answer == 200:
                        sink._messages.append(document)
                self.send_response(sink.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class NotifierProcess:
    """`lineside notify --config FILE`, started as often as wanted; its log grows in one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.log = file.with_suffix(".log")
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it hears the broker."""
        self.launch()
        eventually(self.is_online)

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                lineside("notify", "--config", self.file),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                process_group=0,
            )

    def is_online(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return self.status().get("broker", {}).get("state") == "online"

    def status(self) -> dict[str, Any]:
        said = ran("notify", "status", "--config", self.file, "--json")
        return json.loads(said.stdout) if said.stdout else {}

    def counts(self) -> dict[str, int]:
        return {one["name"]: one["n"] for one in self.status()["counts"]}

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_S)
        self._process = None
        return code

    def end(self) -> None:
        if self._process is not None:
            self.kill()


class Plant:
    """A broker, a station that says what a test wants, a web hook, and the notifier that the test starts."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.broker = broker or Mosquitto(folder / "broker", free_port())
        self.sink = Sink()
        self.notifier = NotifierProcess(folder / "notify.toml")
        self.tables: dict[str, Any] = {
            "notify": {"path": str(folder / "notify.db"), "timezone": "UTC"},
            "broker": {"host": "127.0.0.1", "port": self.broker.port, "retry_max_s": 0.3, "refused_retry_s": 0.3},
            "target": [{"name": "shift", "url_env": "HOOK_URL", "retry_max_s": 0.2, "rate": {"messages": 1000}}],
            "rule": [{"name": "all", "to": ["shift"], "resolve": True}],
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.broker.pid is None:
                stack.enter_context(self.broker)
            stack.enter_context(self.sink)
            stack.callback(self._tell)
            stack.callback(self.notifier.end)
            self.notifier.environment["HOOK_URL"] = self.sink.url
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        os.environ["HOOK_URL"] = self.sink.url  # `status` reads the same file
        write(self.tables, self.notifier.file)
        self.notifier.start()

    def say(self, *numbers: int, kind: str = "andon.raised", at: datetime | None = None, batch: bool = False) -> None:
        """Let the station publish these events."""
        events = [_event(number, kind, at or datetime.now(UTC)) for number in numbers]
        with Listener(self.broker.port, "nothing") as station:
            if batch:
                station.send(f"{TOPIC}/andon", events)
            else:
                for one in events:
                    station.send(f"{TOPIC}/andon", one)

    def hears(self, *numbers: int) -> None:
        """Return when each of these calls was told; AssertionError if one was told twice."""
        wanted = sorted(f"Call: call {number} (line3/st-040)" for number in numbers)
        eventually(lambda: set(self.sink.titles) >= set(wanted))
        assert sorted(self.sink.titles) == wanted

    def settles(self) -> None:
        """Return when the notifier knows that everything was taken: a kill from now on repeats nothing."""
        eventually(lambda: not any(target["waiting"] for target in self.notifier.status()["targets"]))

    def _tell(self) -> None:
        os.environ.pop("HOOK_URL", None)
        if self.notifier.log.exists():
            text = self.notifier.log.read_text()
            print(text)
            assert SECRET not in text


def _event(number: int, kind: str, at: datetime) -> dict[str, Any]:
    call = f"c-{number if kind == 'andon.raised' else number - 1000}"
    name = f"call {number if kind == 'andon.raised' else number - 1000}"
    return {
        "specversion": "1.0", "type": f"lineside.{kind}", "source": f"/{PATH}", "id": f"e.andon.{number}",
        "time": at.isoformat(), "epoch": "e", "lane": "andon", "sequence": str(number), "clock": "synced",
        "data": {"call": call, "name": name, "type": "quality", "mode": "call"},
    }  # fmt: skip


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path) as up:
        yield up


# --- nothing lost, nothing twice


def test_a_call_is_told_once_and_a_repeat_is_not(plant: Plant) -> None:
    """Events, batches, and the same ones sent again by the station."""
    plant.start()
    plant.say(1, 2)
    plant.say(3, 4, 5, batch=True)
    plant.hears(1, 2, 3, 4, 5)
    plant.say(1, 2, 3, 4, 5, batch=True)
    plant.say(6)
    plant.hears(1, 2, 3, 4, 5, 6)
    assert plant.notifier.counts() == {"told": 6, "repeated": 5}
    assert plant.notifier.stop() == 0


def test_killed_between_receipt_and_delivery_it_still_delivers_once(plant: Plant) -> None:
    """What was acknowledged to the broker is on disk."""
    plant.sink.answer = 503
    plant.start()
    plant.say(1, 2, 3)
    eventually(lambda: plant.sink.asked and plant.notifier.counts().get("told") == 3)
    plant.notifier.kill()
    plant.sink.answer = 200
    plant.notifier.start()
    plant.hears(1, 2, 3)
    plant.settles()
    plant.notifier.kill()
    plant.notifier.start()
    plant.say(4)
    plant.hears(1, 2, 3, 4)


@pytest.mark.parametrize(
    "settings", [{}, {"group": "night"}, {"protocol": "3.1.1"}], ids=["of its own", "shared", "MQTT 3.1.1"]
)
def test_what_is_said_while_it_is_dead_is_told_after(plant: Plant, settings: dict[str, Any]) -> None:
    """The session at the broker waits for it, with a shared subscription and without."""
    plant.tables["broker"] |= settings
    plant.start()
    plant.say(1)
    plant.hears(1)
    plant.settles()
    plant.notifier.kill()
    plant.say(2, 3)
    plant.notifier.start()
    plant.hears(1, 2, 3)


def test_killed_again_and_again_it_loses_nothing(plant: Plant) -> None:
    """At any instruction; only what was on its way to the target at that moment may come twice."""
    plant.start()
    lives = 5
    for life in range(lives):
        numbers = range(100 * life + 1, 100 * life + 41)
        plant.say(*numbers)
        plant.notifier.kill()
        plant.notifier.launch()
    wanted = {f"Call: call {100 * life + number} (line3/st-040)" for life in range(lives) for number in range(1, 41)}
    eventually(lambda: set(plant.sink.titles) == wanted, 2 * PATIENCE_S)
    assert len(plant.sink.titles) <= len(wanted) + lives


def test_the_broker_goes_away_and_comes_back(plant: Plant) -> None:
    """It dials again by itself; what the broker still had is told, and status says what is going on."""
    plant.start()
    plant.say(1)
    plant.hears(1)
    plant.broker.stop()
    eventually(lambda: "cannot be reached" in plant.notifier.status()["broker"]["state"])
    plant.broker.start()
    plant.say(2)
    plant.hears(1, 2)
    eventually(plant.notifier.is_online)


def test_two_notifiers_of_one_group_share_the_work(plant: Plant) -> None:
    """Each call is told by one of them."""
    plant.tables["broker"]["group"] = "night"
    plant.start()
    with Plant(plant.folder / "other", plant.broker) as other:
        other.tables["broker"] |= {"group": "night", "client_id": "lineside-notify-2"}
        other.start()
        plant.say(*range(1, 21))
        wanted = {f"Call: call {number} (line3/st-040)" for number in range(1, 21)}
        eventually(lambda: {*plant.sink.titles, *other.sink.titles} == wanted)
        assert len(plant.sink.titles) + len(other.sink.titles) == len(wanted)
        assert plant.sink.titles
        assert other.sink.titles


def test_a_broker_that_forgot_the_session_is_told(plant: Plant) -> None:
    """Then events may be missing, and somebody should know."""
    plant.start()
    plant.broker.kill()
    for kept in plant.broker.directory.glob("mosquitto.db*"):
        kept.unlink()
    plant.broker.start()
    eventually(lambda: plant.notifier.counts().get("session lost"))
    assert any("forgotten" in reason for reason in plant.notifier.status()["reasons"])


def test_a_subscription_that_is_no_longer_wanted_is_taken_back(plant: Plant) -> None:
    """The session at the broker would go on delivering it."""
    plant.start()
    plant.notifier.stop()
    plant.tables["broker"]["scope"] = ["acme/plant2/+/+/+"]
    plant.start()
    plant.say(1)
    plant.notifier.stop()
    plant.tables["broker"]["scope"] = [PATH]
    plant.start()
    plant.say(2)
    plant.hears(2)


def test_a_subscription_that_the_broker_refuses_is_told(tmp_path: Path) -> None:
    """Two notifiers with one name, a login that is wrong: status says what to do."""
    with Plant(tmp_path, TunedMosquitto(tmp_path / "broker", "allow_anonymous false")) as plant:
        os.environ["HOOK_URL"] = plant.sink.url
        write(plant.tables, plant.notifier.file)
        plant.notifier.launch()
        eventually(lambda: "refuses us" in plant.notifier.status().get("broker", {}).get("state", ""))


def test_garbage_on_the_wire_costs_nothing_but_a_count(plant: Plant) -> None:
    """It is acknowledged, told, and the next call goes on."""
    plant.start()
    with Listener(plant.broker.port, "nothing") as station:
        for garbage in ("nonsense", [1, {}], {"type": "lineside.andon.raised"}):
            station.send(f"{TOPIC}/andon", garbage)
    plant.say(1)
    plant.hears(1)
    assert plant.notifier.counts() == {"garbage": 4, "told": 1}


# --- targets


def test_one_dead_target_holds_up_no_other(plant: Plant) -> None:
    """And gets what is its when it is back; status names it, without its URL."""
    with Sink() as dead:
        dead.answer = 500
        plant.tables["target"] += [{"name": "office", "url": dead.url, "retry_max_s": 0.2}]
        plant.tables["rule"] += [{"name": "office", "to": ["office"]}]
        plant.start()
        plant.say(1, 2)
        plant.hears(1, 2)
        eventually(lambda: dead.asked >= 3)
        said = ran("notify", "status", "--config", plant.notifier.file)
        assert said.returncode == 1
        assert "target office takes nothing" in said.stdout
        assert SECRET not in said.stdout
        dead.answer = 200
        eventually(lambda: len(dead.titles) == 2)
        assert eventually(lambda: plant.notifier.status().get("ok"))


def test_a_flood_is_a_digest_in_the_plants_language(plant: Plant) -> None:
    """One message for a hundred calls that were said while nobody listened."""
    plant.tables["target"][0]["rate"] = {"messages": 5, "in_s": 60.0}
    plant.tables["text"] = {"digest_title": "{count} 条消息", "words": {"andon.raised": "呼叫"}}
    plant.start()
    plant.notifier.kill()
    plant.say(*range(1, 101), batch=True)
    plant.notifier.start()
    eventually(lambda: plant.sink.titles)
    plant.notifier.stop()
    assert plant.sink.titles == ["100 条消息"]
    assert plant.sink.bodies[0].startswith("100 x 呼叫\n")


def test_late_and_ended_calls_are_told_as_such(plant: Plant) -> None:
    """A station that was offline for three hours."""
    plant.start()
    before = datetime.now(UTC) - timedelta(hours=3)
    plant.say(1, at=before)
    plant.hears(1)
    assert "heard 3 h late" in plant.sink.bodies[0]
    plant.say(1001, kind="andon.resolved")
    eventually(lambda: plant.sink.titles[-1] == "Resolved: call 1 (line3/st-040)")


def test_each_level_of_a_ladder_reaches_its_own_people_and_no_others(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts that a station has decided, heard hours late: told with their true times, to whom the ladder names."""
    bench = Clockwork()
    bench.press("press")
    bench.pass_time(300)
    bench.press("cord")
    bench.pass_time(60)
    call = bench.order("andon/raise", name="bad").reply["call"]["call"]
    bench.order("andon/resolve", call=call, by="7")
    bench.order("andon/close", call=call, by="7", reason="burr")
    bench.press("key")
    envelope = Envelope(f"/{PATH}")
    with Sink() as supervisor:
        monkeypatch.setenv("SUPERVISOR_URL", supervisor.url)
        plant.tables["target"] += [{"name": "supervisor", "url_env": "SUPERVISOR_URL", "rate": {"messages": 1000}}]
        escalated = {"events": ["andon.escalated"], "escalated_to": ["supervisor"]}
        line = {"stops": ["stopped"]}
        plant.tables["rule"] = [
            {"name": "calls", "to": ["shift"], "resolve": True, "match": {"events": ["andon.raised", "andon.stopped"]}},
            {"name": "nobody-comes", "to": ["supervisor"], "match": escalated},
            {"name": "line", "to": ["supervisor"], "resolve": True, "match": {**line, "events": ["andon.stopped"]}},
        ]
        plant.start()
        with Listener(plant.broker.port, "nothing") as station:
            for number, event in enumerate(bench.events, 1):
                station.send(f"{TOPIC}/andon", json.loads(envelope.row(event, "e", number)[4]))
                plant.settles()
        eventually(lambda: len(plant.sink.titles) == 7)
        assert [title.removesuffix(" (line3/st-040)") for title in plant.sink.titles] == [
            "Call: press", "Call: cord", "Line stopped: cord", "Call: bad", "Resolved: bad", "Resolved: press",
            "Resolved: cord",
        ]  # fmt: skip
        nobody, stopped, resolved = supervisor.bodies
        assert nobody.startswith("Nobody answers: press\nacme/plant1/assembly/line3/st-040\n1970-01-01 00:05:02\n")
        assert "level: 1 supervisor" in nobody
        assert "after 5 min" in nobody
        assert "late" in nobody
        assert "stops the line" in stopped
        assert "1970-01-01 00:06:03" in stopped
        assert resolved.startswith("Resolved: cord")
        assert plant.notifier.stop() == 0


def test_what_a_real_station_says_is_told(works: Works, tmp_path: Path) -> None:
    """The agent, its button box, and the notifier beside the central server."""
    with Plant(tmp_path / "notify") as plant:
        plant.tables["broker"]["port"] = works.broker.port
        plant.start()
        works.start_agent()
        works.box.press("cord")
        eventually(lambda: "Call: cord (line3/st-040)" in plant.sink.titles)
        works.box.release("cord")
        eventually(lambda: "Resolved: cord (line3/st-040)" in plant.sink.titles)
        works.settle()


# --- commands


def test_the_file_is_checked(plant: Plant) -> None:
    """Every mistake with its place; a URL that apprise does not know too; nothing shows the URL."""
    os.environ["HOOK_URL"] = plant.sink.url
    write(plant.tables, plant.notifier.file)
    good = ran("notify", "--check", "--config", plant.notifier.file)
    assert (good.returncode, good.stderr) == (0, "")
    os.environ["HOOK_URL"] = f"nosuch://{SECRET}"
    bad = ran("notify", "--check", "--config", plant.notifier.file)
    assert bad.returncode == 78
    assert "target[0]: shift: apprise knows no such URL" in bad.stderr
    plant.tables["rule"][0]["to"] = ["shfit"]
    write(plant.tables, plant.notifier.file)
    wrong = ran("notify", "--config", plant.notifier.file)
    assert wrong.returncode == 78
    assert "did you mean 'shift'" in wrong.stderr
    assert SECRET not in good.stdout + bad.stderr + wrong.stderr


def test_a_target_can_be_tried(plant: Plant) -> None:
    """Taken or not, and why not."""
    os.environ["HOOK_URL"] = plant.sink.url
    write(plant.tables, plant.notifier.file)
    good = ran("notify", "test", "shift", "--config", plant.notifier.file)
    assert (good.returncode, plant.sink.titles) == (0, ["Lineside: test"])
    plant.sink.answer = 403
    bad = ran("notify", "test", "shift", "--config", plant.notifier.file)
    assert bad.returncode == 1
    assert "403" in bad.stderr
    assert SECRET not in bad.stderr
    assert ran("notify", "test", "shfit", "--config", plant.notifier.file).returncode == 1


def test_the_outbox_can_be_read(plant: Plant) -> None:
    """Beside the running notifier: what was told, and what waits."""
    plant.start()
    plant.say(1)
    plant.hears(1)
    plant.sink.answer = 500
    plant.say(2)
    eventually(lambda: plant.notifier.counts()["told"] == 2)
    rows = ran("notify", "outbox", "--config", plant.notifier.file).stdout.splitlines()
    assert ["call 2" in row and "waits" in row for row in rows] == [True, False]
    waiting = ran("notify", "outbox", "--waiting", "--json", "--config", plant.notifier.file).stdout.splitlines()
    assert [json.loads(row)["target"] for row in waiting] == ["shift"]


def test_a_second_notifier_with_the_same_file_is_refused(plant: Plant) -> None:
    """Two would tell everything twice."""
    plant.start()
    second = ran("notify", "--config", plant.notifier.file)
    assert second.returncode == os.EX_TEMPFAIL
    assert "another notifier" in second.stderr


def test_no_url_is_in_its_file(plant: Plant) -> None:
    """Whoever copies the file to look into it copies no secret."""
    plant.start()
    plant.say(1)
    plant.hears(1)
    plant.notifier.stop()
    assert SECRET.encode() not in (plant.folder / "notify.db").read_bytes()


# --- the service


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    """As installed: the program it names is there (here a stand-in for it)."""
    program = tmp_path / "lineside"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = UNIT.read_text()
    assert text.count("ExecStart=/opt/lineside/venv/bin/lineside ") == 1
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/lineside/venv/bin/lineside", str(program)))
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def test_the_service_manager_hears_ready_alive_and_stopping(plant: Plant) -> None:
    """Alive while it hears, though a target is dead."""
    plant.sink.answer = 500
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(plant.folder / "manager"))
        manager.settimeout(PATIENCE_S)
        plant.notifier.environment |= {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"}
        plant.start()
        plant.say(1)
        said = [manager.recv(100) for _ in range(5)]
        assert said == [b"READY=1", *[b"WATCHDOG=1"] * 4]
        assert plant.notifier.stop() == 0
        while (last := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert last == b"STOPPING=1"
