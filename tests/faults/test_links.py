"""The network between agent and broker is as bad as it can be: all facts arrive once in effect, and calls first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from agent.events import Kind, Lane
from simulators.broker import Mosquitto
from simulators.proxy import Proxy, ProxyCommandError
from tests.support.listener import Listener
from tests.support.scripted_broker import SESSION_TAKEN_OVER, WELCOME, ScriptedBroker
from tests.support.uplink_rig import TOPIC, Rig

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto"
)

BACKLOG = 1500


def rig(folder: Path, **settings: Any) -> Rig:
    return Rig(folder, proxied=True, **settings)


def online(up: Rig) -> Rig:
    """With the central there and the first facts delivered."""
    up.start_central()
    up.start()
    up.capture(10)
    up.until_settled()
    return up


def offline_reasons(up: Rig) -> list[str]:
    """Why it was offline each time, but for the start."""
    return [reason for state, reason in up.states[1:] if state == "offline"]


def test_a_line_that_swallows_everything_is_noticed_by_missing_acknowledgements(tmp_path: Path) -> None:
    """No FIN, no RST, the socket stays up: redialled after `ack_timeout_s`, also into the void, and nothing is lost."""
    with rig(tmp_path, ack_timeout_s=0.3, connect_timeout_s=0.3) as up:
        online(up)
        up.proxy.tell("half-open")
        up.capture(200)
        dialled = up.proxy.accepted
        up.until(lambda: up.proxy.accepted >= dialled + 2)
        assert up.counts().delivered == 10
        assert any("no acknowledgement for" in reason for _, reason in up.states)
        assert any("does not answer" in reason for _, reason in up.states)
        up.proxy.tell("pass")
        assert up.until_settled().delivered == 210


def test_a_line_that_went_silent_stays_so(tmp_path: Path) -> None:
    """Bytes are missing in it: only a new connection helps, even when the network is well again."""
    with rig(tmp_path, ack_timeout_s=0.3) as up:
        online(up)
        up.proxy.tell("half-open")
        up.proxy.tell("pass")
        up.capture(50)
        assert up.until_settled().delivered == 60
        assert up.proxy.accepted == 2


def test_a_line_that_is_cut_again_and_again_in_a_drain_costs_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, batch_events=3, window=8) as up:
        online(up)
        up.proxy.tell("delay 5")
        up.capture(BACKLOG)
        for share in (0.2, 0.4, 0.6):
            up.until(lambda share=share: up.counts().delivered > share * BACKLOG)
            up.proxy.tell("cut")
        up.proxy.tell("pass")
        assert up.until_settled().delivered == BACKLOG + 10
        assert up.proxy.accepted >= 4


@pytest.mark.parametrize("weather", ["delay 150", "slow-acks 300", "byte-wise"])
def test_a_slow_line_is_not_a_broken_one(tmp_path: Path, weather: str) -> None:
    """Late bytes, late acknowledgements, one byte a segment: the connection is kept and everything arrives."""
    with rig(tmp_path, batch_events=10, window=8, resend_after_s=20.0) as up:
        online(up)
        up.proxy.tell(weather)
        up.capture(100)
        assert up.until_settled().delivered == 110
        assert up.proxy.accepted == 1
        assert up.counts().dropped == 0


def test_a_call_goes_out_at_once_while_acknowledgements_are_outstanding(tmp_path: Path) -> None:
    """The window is full of work and the broker says nothing: the slots of andon are free."""
    with rig(tmp_path, window=8, andon_slots=2, batch_events=1) as up:
        online(up)
        up.proxy.tell("hold-acks")
        up.capture(500)
        up.until(lambda: up.counts().delivered >= 10 + 6)
        up.capture(1, Kind.ANDON_RAISED)
        up.capture(1, Kind.ANDON_PRESSED)
        up.until(lambda: up.counts().delivered >= 10 + 6 + 2)
        assert up.counts().delivered == 10 + 6 + 2, "the rest of the work waits"
        assert up.lanes()[Lane.WORK].sent == 10
        up.proxy.tell("pass")
        assert up.until_settled().delivered == 10 + 500 + 2


def test_a_session_taken_over_is_told_once_and_dialled_slowly(tmp_path: Path) -> None:
    """The status says which identifier is used twice; the work goes on, and all of it arrives afterwards."""
    with rig(tmp_path, client_id="twin") as up, ScriptedBroker(WELCOME + SESSION_TAKEN_OVER) as taken:
        online(up)
        up.proxy.tell(f"to {taken.port}")
        up.proxy.tell("cut")
        up.until(lambda: taken.dials >= 3)
        up.capture(30)
        refusals = [reason for state, reason in up.states if state == "refused"]
        assert set(refusals) == {"another client uses the client identifier 'twin': Session taken over"}
        up.proxy.tell(f"to {up.broker.port}")
        assert up.until_settled().delivered == 40


def test_a_client_with_our_name_at_a_broker_that_gives_no_reason_is_suspected(tmp_path: Path) -> None:
    """Two that throw each other out: after the third time the status says what it looks like."""
    with rig(tmp_path, client_id="twin") as up:
        online(up)
        for turn in range(1, 4):
            with Listener(up.broker.port, f"{TOPIC}/confirm", client_id="twin"):
                up.until(lambda turn=turn: len(offline_reasons(up)) >= turn)
                up.until(up.is_online)
        assert "identifier 'twin'" in offline_reasons(up)[-1]
        assert "identifier 'twin'" not in offline_reasons(up)[0]
        up.capture(30)
        assert up.until_settled().delivered == 40


def test_dials_are_spread_while_the_broker_is_away(tmp_path: Path) -> None:
    """Full jitter: no two stations keep step, and none waits longer than `retry_max_s`."""
    with rig(tmp_path, retry_max_s=0.5) as up:
        online(up)
        up.broker.stop()
        dialled = up.proxy.accepted
        up.until(lambda: up.proxy.accepted >= dialled + 12)
        waits = [later - earlier for earlier, later in pairwise(up.proxy.accepted_at_s[dialled:])]
        assert max(waits) - min(waits) > 0.1
        assert sum(waits) / len(waits) < 0.5 + 0.25
        up.capture(20)
        up.broker.start()
        assert up.until_settled().delivered == 30


def test_a_stop_on_a_silent_line_ends_in_time(tmp_path: Path) -> None:
    """What is not acknowledged goes out at the next start."""
    with rig(tmp_path) as up:
        online(up)
        up.proxy.tell("half-open")
        up.capture(20)
        up.stop()
        up.proxy.tell("pass")
        up.start()
        assert up.until_settled().delivered == 30


def test_the_bad_network_refuses_what_it_does_not_know() -> None:
    with Proxy(1) as proxy:
        with pytest.raises(ProxyCommandError, match="no command 'rain'"):
            proxy.tell("rain")
        with pytest.raises(ProxyCommandError, match="could not convert"):
            proxy.tell("delay much")
