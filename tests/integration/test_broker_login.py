"""A broker behind a password and TLS: who gets in, who does not, and what is told of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from simulators.broker import Mosquitto
from tests.support.devices import PASS
from tests.support.eventually import eventually
from tests.support.guarded_broker import PASSWORD, USER, Certificates, GuardedMosquitto
from tests.support.works import DEVICES, Works

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRIES = 3

pytestmark = [
    pytest.mark.skipif(Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto"),
    pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="mosquitto_passwd is not on the PATH"),
]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def guarded(folder: Path, certificates: Certificates | None = None) -> Works:
    """Works whose station goes to the guarded listener with the right user and password."""
    broker = GuardedMosquitto(folder / "broker", certificates)
    works = Works(folder, broker)
    (folder / "password").write_text(f"{PASSWORD}\nsecond line\n")
    works.station["broker"] |= {
        "port": broker.guarded_port,
        "username": USER,
        "password_file": str(folder / "password"),
    }
    return works


def refusals(works: Works) -> int:
    assert isinstance(works.broker, GuardedMosquitto)
    return works.broker.refusals()


def broker_state(works: Works) -> tuple[str, str]:
    status = works.agent.status()
    assert status is not None
    return status.broker, status.document["broker"]["reason"]


@pytest.fixture
def behind_password(tmp_path: Path) -> Iterator[Works]:
    with guarded(tmp_path) as works:
        yield works


@pytest.fixture
def behind_tls(tmp_path: Path) -> Iterator[tuple[Works, Certificates]]:
    certificates = Certificates(tmp_path)
    with guarded(tmp_path, certificates) as works:
        yield works, certificates


@needs_openssl
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_facts_go_out_through_tls_with_user_and_password(behind_tls: tuple[Works, Certificates], protocol: str) -> None:
    works, certificates = behind_tls
    works.station["broker"] |= {"protocol": protocol, "tls": {"ca_file": str(certificates.right)}}
    works.start_agent()
    works.sign_on()
    works.settle()


@needs_openssl
def test_a_broker_with_a_certificate_of_somebody_else_gets_nothing(behind_tls: tuple[Works, Certificates]) -> None:
    """Told once with the key to look at; the work goes on, and nothing is lost once the right CA is named."""
    works, certificates = behind_tls
    works.station["broker"]["tls"] = {"ca_file": str(certificates.wrong)}
    works.start_agent(broker="refused")
    works.sign_on()
    state, reason = broker_state(works)
    assert state == "refused"
    assert "certificate verify failed" in reason
    assert "[broker.tls]" in reason
    assert works.book.bodies() == []
    assert works.agent.stop() == 0
    works.station["broker"]["tls"] = {"ca_file": str(certificates.right)}
    works.start_agent()
    works.wait_for_fact("operator.signed-on")
    works.settle()


@needs_openssl
def test_a_ca_file_that_is_missing_is_told_with_its_name(behind_tls: tuple[Works, Certificates]) -> None:
    works, _ = behind_tls
    works.station["broker"]["tls"] = {"ca_file": str(works.folder / "no-such.pem")}
    works.start_agent(broker="refused")
    _, reason = broker_state(works)
    assert "no-such.pem" in reason
    assert works.agent.stop() == 0


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refused_login_is_told_once_and_tried_again_until_it_is_right(behind_password: Works, protocol: str) -> None:
    """Capture goes on meanwhile, and no restart is needed when somebody corrects the password file."""
    works = behind_password
    works.station["broker"]["protocol"] = protocol
    password = works.folder / "password"
    password.write_text("wrong\n")
    works.start_agent(DEVICES, broker="refused")
    before = refusals(works)
    eventually(lambda: refusals(works) >= before + TRIES)
    assert works.scanner.scan("OP-4711") == PASS
    _, reason = broker_state(works)
    assert "not authori" in reason.lower()
    assert "[broker] username, password_file" in reason
    told = [entry for entry in works.agent.said("worker.failed") if entry["worker"] == "forwarder"]
    assert [entry["reason"] for entry in told] == [reason]
    assert works.agent.said("broker.online") == []

    password.write_text(PASSWORD)
    works.wait_for_fact("operator.signed-on")
    assert broker_state(works) == ("online", "")
    assert len(works.agent.said("worker.works")) == 1
    works.settle()
