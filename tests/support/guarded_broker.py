"""A Mosquitto with a second listener that asks for a password, and for TLS if it has certificates."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from simulators.broker import Mosquitto, free_port

if TYPE_CHECKING:
    from pathlib import Path

USER = "st-040"
PASSWORD = "open sesame: 50 % of it #1"

DOOR = """
listener {port} 127.0.0.1
allow_anonymous false
password_file {passwords}
"""


class GuardedMosquitto(Mosquitto):
    """`port` stays open to all (the central server uses it); `guarded_port` is for USER with PASSWORD."""

    def __init__(self, directory: Path, certificates: Certificates | None = None) -> None:
        super().__init__(directory, free_port())
        self.guarded_port = free_port()
        self._certificates = certificates

    def refusals(self) -> int:
        """How often it has sent somebody away."""
        return (self.directory / "mosquitto.log").read_text().count("not authorised")

    def _command(self) -> list[str]:
        command = super()._command()
        passwords = self.directory / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, USER, PASSWORD], check=True)
        passwords.chmod(0o600)
        door = DOOR.format(port=self.guarded_port, passwords=passwords)
        if self._certificates is not None:
            door += self._certificates.settings()
        path = self.directory / "mosquitto.conf"
        path.write_text("per_listener_settings true\n" + path.read_text() + door)
        return command


class Certificates:
    """Two certificate authorities, and a certificate for 127.0.0.1 by the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.right = self._made("right", "-addext", "keyUsage=critical,keyCertSign")
        self.wrong = self._made("wrong", "-addext", "keyUsage=critical,keyCertSign")
        by_right = ("-CA", str(self.right), "-CAkey", str(folder / "right.key"))
        server = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
        self._made("broker", *by_right, *server)

    def settings(self) -> str:
        """Return Mosquitto's settings of a listener that shows the certificate."""
        return f"certfile {self._folder}/broker.pem\nkeyfile {self._folder}/broker.key\n"

    def _made(self, name: str, *options: str) -> Path:
        path = self._folder / f"{name}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-keyout", str(path.with_suffix(".key")), "-out", str(path), "-days", "2", "-subj", f"/CN={name}"]
        subprocess.run([*command, *files, *options], check=True, capture_output=True)
        return path
