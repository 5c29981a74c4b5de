"""The operator's page in a real browser: what it shows, and what it must never go on showing.

Drives headless Chromium through ChromeDriver's own HTTP interface (W3C WebDriver).  With LINESIDE_SCREENSHOTS set
to a folder, every test leaves a picture there.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.config import Panel
from agent.panel.server import PanelServer
from simulators.broker import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_S = 60
SOON_S = 20
HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'
SCREENS = {"hall": (1920, 1080), "panel": (1024, 600), "phone": (390, 844)}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None, reason="no Chromium with ChromeDriver here: apt install chromium-driver"
)


class Browser:
    """One session of headless Chromium."""

    def __init__(self, port: int, profile: Path) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=START_S)
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._session = self._send("POST", "/session", wanted)["sessionId"]
        self._do("POST", "timeouts", {"script": SOON_S * 1000})

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self._http.request(method, path, body=None if body is None else json.dumps(body))
        with self._http.getresponse() as answer:
            value = json.loads(answer.read())["value"]
            assert answer.status == 200, value
        return value

    def _do(self, method: str, command: str, body: dict[str, Any] | None = None) -> Any:
        return self._send(method, f"/session/{self._session}/{command}", body)

    def visit(self, address: str) -> None:
        self._do("POST", "url", {"url": address})

    def evaluate(self, expression: str) -> Any:
        return self._do("POST", "execute/sync", {"script": f"return {expression}", "args": []})

    def wait_for(self, condition: str) -> None:
        """Wait until the JavaScript `condition` holds.  Fails after SOON_S, with what the page says instead."""
        script = """
            const done = arguments[arguments.length - 1];
            const end = performance.now() + arguments[0];
            const look = () => {
              if (%s) done("");
              else if (performance.now() > end) done(document.body.dataset.link + ": " + document.body.innerText);
              else setTimeout(look, 25);
            };
            look();
        """
        args = [SOON_S * 1000 - 2000]
        instead = self._do("POST", "execute/async", {"script": script % condition, "args": args})
        assert not instead, f"never came true: {condition}; the page says: {instead}"

    def text(self, selector: str) -> str:
        """What a reader sees there."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def seen(self, selector: str) -> bool:
        """Whether it takes part in what a reader sees."""
        return bool(
            self.evaluate(
                f"document.querySelector({json.dumps(selector)}).checkVisibility({{visibilityProperty: true}})"
            )
        )

    def colour(self, selector: str) -> tuple[int, int, int]:
        """Background there, red, green, blue."""
        style = f"getComputedStyle(document.querySelector({json.dumps(selector)})).backgroundColor"
        red, green, blue = (int(part) for part in re.findall(r"\d+", self.evaluate(style))[:3])
        return red, green, blue

    def cdp(self, command: str, **params: Any) -> Any:
        """One command of Chrome's own protocol."""
        return self._do("POST", "goog/cdp/execute", {"cmd": command, "params": params})

    def resize(self, width: int, height: int) -> None:
        """Show the page as on a screen of this size in CSS pixels."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, shade: str) -> None:
        """Say that the user prefers dark, or light, and nothing that moves."""
        features = [
            {"name": "prefers-color-scheme", "value": shade},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def picture(self, name: str) -> None:
        """Leave a picture of the screen, if somebody wants one."""
        if folder := os.environ.get("LINESIDE_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(self._do("GET", "screenshot")))

    def quit(self) -> None:
        self._send("DELETE", f"/session/{self._session}")
        self._http.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    port = free_port()
    folder = tmp_path_factory.mktemp("chromium")
    command = [str(CHROMEDRIVER), f"--port={port}", f"--log-path={folder / 'driver.log'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as driver:
        assert driver.stdout is not None
        try:
            assert any("started successfully" in line for line in driver.stdout), "ChromeDriver did not start"
            session = Browser(port, folder / "profile")
            try:
                yield session
            finally:
                session.quit()
        finally:
            driver.terminate()


class Station:
    """A panel that runs as under the supervisor, can be taken away and brought back, and the status behind it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status = working_status()
        self._stop = threading.Event()
        self.awake = threading.Event()
        self.awake.set()
        self._server = PanelServer(Panel(port=self.port), self._look)
        self._thread = threading.Thread()

    def _look(self) -> dict[str, Any]:
        self.awake.wait(SOON_S)
        return self.status

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        listening = threading.Event()
        self._stop.clear()

        def work() -> None:
            self._server.open()
            listening.set()
            while not self._stop.is_set():
                self._server.step()
            self._server.close()

        self._thread = threading.Thread(target=work, name="panel")
        self._thread.start()
        assert listening.wait(SOON_S)

    def stop(self) -> None:
        self._stop.set()
        self._server.cancel()
        if self._thread.is_alive():
            self._thread.join(SOON_S)
        assert not self._thread.is_alive()


@pytest.fixture
def station(browser: Browser) -> Iterator[Station]:
    browser.visit("about:blank")
    browser.resize(*SCREENS["hall"])
    browser.prefer("light")
    station = Station()
    station.start()
    yield station
    station.stop()


def ago(seconds: float) -> str:
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}Z"


def verdict(word: str, text: str, age_s: float = 2.0) -> dict[str, Any]:
    return {"verdict": word, "text": text, "time": ago(age_s)}


def call(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "call": f"c-{name}",
        "type": name,
        "name": name,
        "mode": "call",
        "state": "raised",
        "time": ago(184),
        "delivered": True,
        "level": 0,
        "stop": "no",
        **changes,
    }


def working_status() -> dict[str, Any]:
    """The document of a station in the middle of an operation, all well."""
    lane = {"captured": 1412, "sent": 1412, "confirmed": 1412, "depth": 0, "bytes": 0, "oldest_age_s": None}
    return {
        "ok": True,
        "reasons": [],
        "trouble": "",
        "agent": {"version": "0.1.0", "pid": 4242},
        "source": "/acme/plant1/assembly/line3/st-040",
        "epoch": "5f0c",
        "broker": {"state": "online", "reason": "", "since_s": 8040.0, "confirmed_age_s": 0.4},
        "devices": {
            "scanner-1": {"state": "open", "reason": "", "signals": 314, "noise": 0},
            "gauge-1": {"state": "open", "reason": "", "signals": 92, "noise": 0},
            "buttons": {"state": "open", "reason": "", "signals": 3, "noise": 0},
        },
        "lanes": {name: dict(lane) for name in ("andon", "alarm", "work", "measurement", "health")},
        "operator": {"operator": "0042", "since": ago(7260)},
        "operation": {
            "operation": "fit-bearing",
            "unit": "SN0001234567",
            "started": ago(95),
            "parts": [{"part": "4711-B", "lot": "L77"}],
            "measurements": [{"name": "bore", "value": "12.003", "unit": "mm", "verdict": "pass"}],
            "needs": ["scan part 4711-A", "measure depth with gauge-1"],
        },
        "last": verdict("pass", "bore 12.003 mm is within 11.995 to 12.010"),
        "calls": [],
        "line": {"state": "running"},
        "unclosed": [],
        "lamps": ["green"],
    }


def troubled_status() -> dict[str, Any]:
    """The document of a station with everything wrong that does not stop it from speaking."""
    status = working_status()
    status["ok"] = False
    status["reasons"] = ["scanner-1 is lost", "oldest fact waits 41 s"]
    status["broker"] = {"state": "offline", "reason": "connection refused", "since_s": 43.0, "confirmed_age_s": 44.1}
    status["devices"]["scanner-1"].update(state="lost", reason="/dev/serial/by-id/usb-Honeywell is gone")
    status["devices"]["gauge-1"]["noise"] = 3
    status["lanes"]["work"].update(depth=131, oldest_age_s=41.2)
    status["lanes"]["andon"].update(depth=1, oldest_age_s=12.0)
    status["last"] = verdict("refuse", "part 4711-C is not in operation fit-bearing: scan 4711-A")
    status["calls"] = [call("material", delivered=False), call("quality", state="acknowledged", time=ago(911))]
    status["alarms"] = [
        {"id": "press-overload", "alarm": "press-overload", "name": "press-overload", "device": "io-1",
         "priority": "high", "state": "unacknowledged", "raised": ago(75), "detail": "", "text": "Press overload"},
        {"id": "device-lost/scanner-1", "alarm": "device-lost", "device": "scanner-1", "priority": "high",
         "state": "shelved", "raised": ago(400), "detail": "unplugged", "quiet": True},
    ]  # fmt: skip
    status["alarms_standing"] = 9
    status["lamps"] = ["red", "yellow"]
    return status


def is_green(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return green > 1.5 * max(red, blue)


def is_red(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return red > 1.5 * max(green, blue)


def test_pass_is_green_and_says_so(browser: Browser, station: Station) -> None:
    """Colour, word and shape agree, and the page tells who works on what and what is missing."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.link === 'live'")
    browser.picture("pass")
    assert browser.text("#word").upper() == "PASS"
    assert is_green(browser.colour("#verdict"))
    assert browser.evaluate("document.querySelector('#shape').getAttribute('href')") == "#shape-pass"
    assert browser.text("#reason") == "bore 12.003 mm is within 11.995 to 12.010"
    assert browser.text("#unit") == "SN0001234567"
    assert "0042" in browser.text("#operator")
    assert browser.text("#needs").split("\n") == ["scan part 4711-A", "measure depth with gauge-1"]
    assert browser.text("#done").split("\n") == ["bore 12.003 mm", "4711-B, lot L77"]
    assert browser.text("#backlog") == "Everything delivered"
    assert not browser.seen("#reasons")
    assert browser.evaluate("document.documentElement.lang") == "en"
    assert (
        browser.evaluate("document.querySelector('#word').closest('[aria-live]').getAttribute('aria-live')")
        == "assertive"
    )


def test_refusal_is_red_and_tells_the_reason(browser: Browser, station: Station) -> None:
    """A change comes by itself; shape and word differ from a pass, not only the colour."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    station.status = {**station.status, "last": verdict("refuse", "part 4711-C is not in operation fit-bearing")}
    browser.wait_for("document.body.dataset.verdict === 'refuse'")
    browser.picture("refuse")
    assert browser.text("#word").upper() == "REFUSED"
    assert is_red(browser.colour("#verdict"))
    assert browser.evaluate("document.querySelector('#shape').getAttribute('href')") == "#shape-refuse"
    assert browser.text("#reason") == "part 4711-C is not in operation fit-bearing"


def test_old_pass_no_longer_fills_the_screen(browser: Browser, station: Station) -> None:
    """Somebody whose scanner is dead does not take the last unit's green for an answer."""
    station.status["last"] = verdict("pass", "unit complete", age_s=400)
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    browser.picture("pass-old")
    assert not is_green(browser.colour("#verdict"))
    assert "6 min ago" in browser.text("#when")


def test_stop_call_covers_a_pass(browser: Browser, station: Station) -> None:
    """While the line is stopped nothing is shown green."""
    station.status["calls"] = [call("safety", mode="stop", stop="stopped")]
    station.status["lamps"] = ["red"]
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'stop'")
    browser.picture("stop")
    assert is_red(browser.colour("#verdict"))
    assert browser.text("#word").upper() == "STOP"
    assert "safety" in browser.text("#reason")


def test_calls_tell_what_they_do_to_the_line_and_who_comes(browser: Browser, station: Station) -> None:
    """A stop that is to come is counted down; one that came covers the pass, since when it holds the line."""
    pending = call("cord", type="process", stop="pending", stop_after_s=600.0, delivered=False)
    fixed = call("belt", stop="pending", stop_at="position")
    escalated = call("press", level=1, escalated_to="supervisor", severity="major", state="arrived", arrived_by="9")
    station.status["calls"] = [pending, fixed, escalated]
    browser.visit(station.address)
    browser.wait_for("document.querySelectorAll('#call-list li').length === 3")
    browser.picture("calls")
    entries = browser.evaluate("[...document.querySelectorAll('#call-list li')].map((entry) => entry.innerText)")
    first, second, third = ([line for line in entry.split("\n") if line] for entry in entries)
    assert first[2:] == ["Stops the line in 6 min", "process, raised not yet delivered"]
    assert second[2:] == ["Stops the line at position", "raised"]
    assert third[2:] == ["Level 1: supervisor told", "major, arrived (9)"]
    assert is_green(browser.colour("#verdict"))
    pending.update(stop="stopped", stopped=ago(65), delivered=True)
    station.status = {**station.status, "calls": [{**pending, "state": "acknowledged", "acknowledged_by": "9"}]}
    browser.wait_for("document.body.dataset.verdict === 'stop'")
    assert browser.text("#reason") == "cord (process)"
    assert "1 min ago" in browser.text("#when")
    assert browser.text("#call-list .fate") == "Line stopped"
    assert is_red(browser.colour("#call-list .stop"))


def test_a_line_that_was_released_and_does_not_run_is_told(browser: Browser, station: Station) -> None:
    """And which calls still wait for their reason."""
    station.status["line"] = {"state": "released", "since": ago(130), "calls": ["c-1"]}
    station.status["unclosed"] = [call("press", state="resolved")]
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.link === 'live'")
    browser.picture("released")
    assert browser.text("#line-state") == "Line released, not started again: stands for 2 min"
    assert browser.text("#unclosed") == "Reason awaited: press"
    station.status = working_status()
    browser.wait_for("document.querySelector('#line-state').hidden && document.querySelector('#unclosed').hidden")


def test_no_green_while_nothing_can_be_recorded(browser: Browser, station: Station) -> None:
    """The last pass stands in the journal, but what is scanned now is refused."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    reasons = ["cannot record: disk full"]
    station.status = {**station.status, "ok": False, "reasons": reasons, "trouble": "disk full"}
    browser.wait_for("document.body.dataset.verdict === 'refuse'")
    assert is_red(browser.colour("#verdict"))
    assert browser.text("#reason") == "cannot record: disk full"


def test_trouble_is_told(browser: Browser, station: Station) -> None:
    """Lost devices, undelivered calls and waiting facts, by age."""
    station.status = troubled_status()
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.link === 'live'")
    browser.picture("trouble")
    assert browser.text("#reasons").split("\n") == ["scanner-1 is lost", "oldest fact waits 41 s"]
    assert browser.text("#device-list").split("\n")[0] == "scanner-1 lost: /dev/serial/by-id/usb-Honeywell is gone"
    assert is_red(browser.colour("#device-list .lost"))
    assert browser.text("#backlog") == "132 facts waiting, oldest 41 s"
    assert "offline for 43 s: connection refused" in browser.text("#broker")
    first, second = browser.evaluate("[...document.querySelectorAll('#call-list li')].map((entry) => entry.innerText)")
    assert "not yet delivered" in first
    assert "3 min" in first
    assert "not yet delivered" not in second
    assert "acknowledged" in second
    assert browser.text("#alarm-list").split("\n") == [
        "Press overload high, unacknowledged, 1 min",
        "device-lost scanner-1 high, shelved, 6 min",
        "unplugged",
        "and 7 more alarms",
    ]


def test_hostile_text_stays_text(browser: Browser, station: Station) -> None:
    """A printed code cannot run, draw or hide anything on the page."""
    status = station.status
    status["last"] = verdict("refuse", HOSTILE)
    status["operation"].update(
        unit=HOSTILE, operation=HOSTILE, needs=[HOSTILE], parts=[{"part": HOSTILE, "lot": HOSTILE}]
    )
    status["operation"]["measurements"] = [{"name": HOSTILE, "value": HOSTILE, "unit": HOSTILE, "verdict": HOSTILE}]
    status["operator"]["operator"] = HOSTILE
    status["calls"] = [
        call(HOSTILE, type="x", severity=HOSTILE, level=1, escalated_to=HOSTILE, stop="pending", stop_at=HOSTILE)
    ]
    status["line"] = {"state": "released", "since": HOSTILE}
    status["unclosed"] = [call(HOSTILE)]
    status["devices"][HOSTILE] = {"state": "lost", "reason": HOSTILE, "signals": 0, "noise": 0}
    status["broker"]["reason"] = HOSTILE
    status["lamps"] = [HOSTILE]
    status["ok"] = False
    status["reasons"] = [HOSTILE, "gs \u001d and \u202e turned"]
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'refuse'")
    browser.picture("hostile")
    assert browser.text("#reason") == HOSTILE
    assert browser.evaluate("document.querySelector('header').offsetHeight") < 100
    assert browser.text("#unit") == HOSTILE
    assert browser.evaluate("document.querySelectorAll('img, body script').length") == 0
    assert "taken" not in browser.evaluate("document.title.split(' ')[0]")
    assert browser.text("#reasons li:last-child") == "gs <GS> and \ufffd turned"


def test_no_green_without_the_agent(browser: Browser, station: Station) -> None:
    """When the agent goes the page says so loudly at once; when it is back the page is, by itself."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    station.stop()
    browser.wait_for("document.body.dataset.link === 'lost'")
    browser.wait_for("document.querySelector('#when').innerText.startsWith('Last heard')")
    browser.picture("lost")
    assert browser.text("#word").upper() == "NO CONNECTION"
    assert "does not answer" in browser.text("#reason")
    assert not is_green(browser.colour("#verdict"))
    for selector in ("#unit", "#needs", "#backlog", "#device-list", "#lamps", "#operator"):
        assert not browser.seen(selector), selector
    station.start()
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    assert browser.seen("#unit")


def test_no_green_when_the_agent_hangs(browser: Browser, station: Station) -> None:
    """An agent whose connection is up but that says nothing counts as gone."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    station.awake.clear()
    try:
        browser.wait_for("document.body.dataset.link === 'lost'")
        assert not is_green(browser.colour("#verdict"))
    finally:
        station.awake.set()
    browser.wait_for("document.body.dataset.verdict === 'pass'")


def test_no_green_by_a_status_the_page_cannot_read(browser: Browser, station: Station) -> None:
    """Half a picture is no picture."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    station.status = {key: value for key, value in station.status.items() if key != "lanes"}
    browser.wait_for("document.body.dataset.link === 'lost'")
    assert "cannot read" in browser.text("#reason")


def test_nothing_is_called_well_without_the_journal(browser: Browser, station: Station) -> None:
    """An agent that cannot read its journal knows no lane and no call, which is not "no open call"."""
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.verdict === 'pass'")
    reason = "journal cannot be read: disk I/O error"
    station.status = {**station.status, "ok": False, "reasons": [reason], "lanes": {}, "last": None}
    browser.wait_for("document.body.dataset.link === 'lost'")
    browser.picture("unknown")
    assert browser.text("#word").upper() == "UNKNOWN"
    assert reason in browser.text("#reason")
    assert not browser.seen("#backlog")
    assert not browser.seen("#no-calls")


def test_empty_station_is_ready(browser: Browser, station: Station) -> None:
    """Nobody there and nothing done is no fault."""
    station.status.update(operator=None, operation=None, last=None, lamps=[])
    station.status["broker"]["confirmed_age_s"] = None
    browser.visit(station.address)
    browser.wait_for("document.body.dataset.link === 'live'")
    browser.picture("ready")
    assert browser.text("#word").upper() == "READY"
    assert browser.text("#operator") == "Nobody signed on"
    assert browser.text("#unit") == "No unit in work"
    assert "nothing confirmed yet" in browser.text("#broker")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("shade", ["light", "dark"])
def test_it_fits_the_screen(browser: Browser, station: Station, screen: str, shade: str) -> None:
    """Nothing is pushed out sideways, and the verdict is on the first screen, whole."""
    browser.resize(*SCREENS[screen])
    browser.prefer(shade)
    browser.visit(station.address)
    for name, status in (("well", working_status()), ("trouble", troubled_status())):
        station.status = status
        browser.wait_for(f"document.body.dataset.verdict === '{'pass' if name == 'well' else 'refuse'}'")
        browser.picture(f"{screen}-{shade}-{name}")
        width, height = SCREENS[screen]
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        box = browser.evaluate("document.querySelector('#verdict').getBoundingClientRect().toJSON()")
        assert box["bottom"] <= height
        for selector in ("#word", "#reason"):
            inner = browser.evaluate(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
            assert box["left"] <= inner["left"], selector
            assert inner["right"] <= box["right"], selector
            assert box["top"] <= inner["top"], selector
            assert inner["bottom"] <= box["bottom"], selector
        assert browser.evaluate(
            "document.querySelector('#word').scrollWidth <= document.querySelector('#word').clientWidth"
        )
