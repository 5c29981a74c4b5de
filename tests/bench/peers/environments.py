"""Environments of the peers under build/peers, made once; what cannot be had is left out with its reason."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parents[3] / "build" / "peers"
INSTALL_S = 240.0

GATEWAY = "thingsboard-gateway"
GATEWAY_RELEASE = f"{GATEWAY}~=3.8.0"
"""The newest 3.8 when the environment is made."""

NODE_RED = "node-red"
"""The newest that this Node.js runs, as npm chooses it."""


class AbsentError(Exception):
    """A peer cannot be measured here; the message says why."""


def thingsboard() -> tuple[Path, str]:
    """Python of the environment that has the gateway, and the gateway's version.  Raises AbsentError."""
    python = BUILD / "thingsboard" / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(BUILD / "thingsboard")])
    ask = f"from importlib.metadata import version; print(version({GATEWAY!r}))"
    try:
        return python, _run([str(python), "-c", ask])
    except AbsentError:
        _run([str(python), "-m", "pip", "install", "--quiet", GATEWAY_RELEASE])
        return python, _run([str(python), "-c", ask])


def node_red() -> tuple[list[str], str]:
    """Command of Node-RED, and its version.  Raises AbsentError."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise AbsentError("node and npm are not installed: apt-get install npm")
    folder = BUILD / "nodered"
    package = folder / "node_modules" / "node-red"
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", NODE_RED])
    version = _run([node, "-p", f"require({str(package / 'package.json')!r}).version"])
    return [node, str(package / "red.js")], f"{version}, Node.js {_run([node, '--version']).lstrip('v')}"


def mosquitto(program: str | None) -> str:
    """Version of Mosquitto.  Raises AbsentError."""
    if program is None:
        raise AbsentError("mosquitto is not installed: apt-get install mosquitto")
    text = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return text.split("\n", 1)[0].rpartition(" ")[2]


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_S)
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines() or ["no words"]
        raise AbsentError(f"{Path(command[0]).name} failed: {words[-1][:160]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentError(str(error)[:160]) from error
    return done.stdout.strip()
