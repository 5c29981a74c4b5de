"""Reference data reaches a real agent by every way there is, is taken whole or not at all, and stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.agent_process import ran
from tests.support.eventually import eventually
from tests.support.listener import Listener
from tests.support.mqtt import Subscriber
from tests.support.station_file import TOPIC

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.works import Works

LINE = TOPIC.rpartition("/")[0]
LOAD = f"{TOPIC}/cmd/reference/load"
ANSWER = f"{TOPIC}/answer/test"
ISSUED = "2026-11-20T06:00:00Z"


def gauges(revision: str = "g1", *names: str, **head: Any) -> dict[str, Any]:
    rows = [{"gauge": name, "due": "2027-01-31"} for name in names or ("gauge-1",)]
    return {"set": "gauges", "revision": revision, "issued": ISSUED, "data": rows, **head}


def in_use(works: Works) -> dict[str, str]:
    """Set -> revision, as the command line tells."""
    listed = ran("reference", "list", "--config", works.agent.file, "--json")
    assert listed.returncode == 0, listed.stderr
    return {row["set"]: row["revision"] for row in json.loads(listed.stdout)}


def load(works: Works, document: Any) -> Any:
    file = works.folder / "document.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return ran("reference", "load", file, "--config", works.agent.file)


def test_an_order_is_answered_and_told(running: Works) -> None:
    """Who sends a set hears that it is in use, with what marks the question; and the fact is an event."""
    with Listener(running.broker.port, ANSWER) as listener:
        listener.send(LOAD, gauges(), answer_to=ANSWER, mark=b"7")
        eventually(lambda: listener.messages)
        answer = json.loads(listener.messages[0].payload)
    assert listener.messages[0].correlation == b"7"
    assert answer == {
        "ok": True,
        "in_use": {"gauges": "g1"},
        "taken": [{"set": "gauges", "revision": "g1", "how": "whole"}],
    }
    applied = running.wait_for_fact("reference.applied", "gauges")["data"]
    assert (applied["revision"], applied["count"], applied["origin"]) == ("g1", 1, "order")
    assert in_use(running) == {"gauges": "g1"}
    running.settle()


def test_what_does_not_fit_is_refused_with_every_mistake(running: Works) -> None:
    """The old set stays, to the letter."""
    wrong = gauges("g2")
    wrong["data"] = [{"gauge": "gauge-1", "due": "soon"}, {"gage": "gauge-2"}]
    with Listener(running.broker.port, ANSWER) as listener:
        listener.send(LOAD, gauges(), answer_to=ANSWER, mark=b"1")
        listener.send(LOAD, wrong, answer_to=ANSWER, mark=b"2")
        eventually(lambda: len(listener.messages) == 2)
        answer = json.loads(listener.messages[1].payload)
    assert not answer["ok"]
    assert answer["in_use"] == {"gauges": "g1"}
    assert answer["mistakes_count"] == 4
    told = running.wait_for_fact("reference.refused", "gauges")["data"]
    assert told["mistakes"] == answer["mistakes"]
    assert in_use(running) == {"gauges": "g1"}


def test_an_order_is_heard_once(running: Works) -> None:
    """The same order again, after a restart of the agent too, is refused, recorded and answered."""
    with Listener(running.broker.port, ANSWER) as listener:
        listener.send(LOAD, gauges(), answer_to=ANSWER, mark=b"1")
        eventually(lambda: len(listener.messages) == 1)
        assert running.agent.stop() == 0
        running.start_agent()
        listener.send(LOAD, gauges("g2"), answer_to=ANSWER, mark=b"1")
        eventually(lambda: len(listener.messages) == 2)
        listener.send(LOAD, gauges("g3", epoch="another"), answer_to=ANSWER, mark=b"2")
        eventually(lambda: len(listener.messages) == 3)
        reasons = [json.loads(message.payload)["reason"] for message in listener.messages[1:]]
    assert reasons[0] == "repeated: it was heard before"
    assert reasons[1].startswith("for another epoch")
    running.wait_for_fact("command.rejected", command="reference/load")
    assert in_use(running) == {"gauges": "g1"}
    running.settle()


def publish(works: Works, *documents: dict[str, Any]) -> None:
    """Put documents on the topics of the line, retained."""
    with Listener(works.broker.port, "nothing") as listener:
        for document in documents:
            listener.send(f"{LINE}/reference/{document['set']}", document, retain=True)


def routed(route: str, hour: int) -> list[dict[str, Any]]:
    """A product on a route, and the route: the sets fit only together."""
    head = {"revision": route, "issued": f"2026-11-20T{hour:02}:00:00Z"}
    product, way = {"number": "P1", "route": route}, {"name": route, "operations": ["kit"]}
    return [{"set": "products", **head, "data": [product]}, {"set": "routes", **head, "data": [way]}]


def test_a_retained_set_reaches_a_station_that_was_away(works: Works) -> None:
    """What was published while it was off is taken at the start; sets that only fit together are taken together."""
    publish(works, *routed("R1", 6))
    works.start_agent()
    eventually(lambda: in_use(works) == {"routes": "R1", "products": "R1"})
    assert works.agent.stop() == 0
    publish(works, *routed("R2", 7))
    works.start_agent()
    eventually(lambda: in_use(works) == {"routes": "R2", "products": "R2"})
    works.settle()
    assert works.book.events("reference.refused") == []


def test_sets_that_fit_only_together_may_come_one_by_one(running: Works) -> None:
    """The first is refused, recorded, and taken with the one it waits for."""
    publish(running, *routed("R1", 6))
    eventually(lambda: in_use(running) == {"routes": "R1", "products": "R1"})
    publish(running, *routed("R2", 7))
    eventually(lambda: in_use(running) == {"routes": "R2", "products": "R2"})
    refused = running.wait_for_fact("reference.refused", "products")["data"]
    assert refused["mistakes"] == ["products: P1.route: there is no route 'R2' in routes R1"]


def test_an_old_document_of_the_broker_does_not_undo_a_newer_one(running: Works) -> None:
    """What the broker retained goes by when it was issued."""
    with Listener(running.broker.port, "nothing") as listener:
        listener.send(f"{TOPIC}/reference/gauges", gauges("g1"), retain=True)
        running.wait_for_fact("reference.applied", "gauges")
    assert load(running, gauges("g2", issued="2026-11-20T08:00:00Z")).returncode == 0
    assert running.agent.stop() == 0
    running.start_agent()
    running.wait_until_delivered()
    assert in_use(running) == {"gauges": "g2"}


def test_a_file_is_loaded_beside_the_running_agent(running: Works) -> None:
    """The command waits for the agent's word; a mistake is told before the agent is asked."""
    loaded = load(running, gauges())
    assert (loaded.returncode, loaded.stdout) == (0, "gauges g1: is in use now\n")
    assert load(running, gauges()).stdout == "gauges g1: is in use and still the newest\n"
    refused = load(running, gauges("g2", "gauge-1", "gauge-1"))
    assert refused.returncode == 65
    assert "'gauge-1' is there twice" in refused.stderr
    assert in_use(running) == {"gauges": "g1"}
    assert running.wait_for_fact("reference.applied", "gauges")["data"]["origin"] == "file"


def test_a_file_is_loaded_without_an_agent(running: Works) -> None:
    """Into the journal itself; the agent finds it at its start, and its status tells the age."""
    assert running.agent.stop() == 0
    assert load(running, gauges()).returncode == 0
    shown = ran("reference", "show", "gauges", "gauge-1", "--config", running.agent.file)
    assert json.loads(shown.stdout) == {"gauge": "gauge-1", "due": "2027-01-31"}
    aged = json.loads(ran("reference", "age", "--config", running.agent.file, "--json").stdout)
    assert 0 <= aged["gauges"] < 60
    running.start_agent()
    running.wait_for_fact("reference.applied", "gauges")
    running.settle()


def test_the_last_good_survives_a_damaged_journal(running: Works) -> None:
    """The file is put aside, the sets go on into the next one."""
    assert load(running, gauges()).returncode == 0
    running.journal.rename(running.journal.with_name("away"))
    running.sign_on()
    running.wait_for_fact("journal.damaged")
    running.sign_on("4712")
    shown = ran("reference", "show", "gauges", "--config", running.agent.file)
    assert json.loads(shown.stdout)["gauge"] == "gauge-1"


def test_the_central_gives_and_hears(running: Works, tmp_path: Path) -> None:
    """The stand-in of the plant's server orders a load, and publishes for the line."""
    file, other = tmp_path / "gauges.json", tmp_path / "lots.json"
    file.write_text(json.dumps(gauges()), encoding="utf-8")
    lots = [{"part": "4711-A", "lot": "L9", "reason": "cracks"}]
    other.write_text(json.dumps({"set": "lots", "revision": "l1", "issued": ISSUED, "data": lots}), encoding="utf-8")
    with Subscriber(running.broker.port, f"{LINE}/reference/lots") as subscriber:
        running.tell_central(f"load {file}", f"publish {other}")
        assert subscriber.hear().document["data"] == lots
    eventually(lambda: in_use(running) == {"gauges": "g1", "lots": "l1"})
