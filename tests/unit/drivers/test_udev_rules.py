"""The udev rules: read by udev itself without a complaint, and about the devices that we know."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drivers import vendors

RULES = Path(__file__).parents[3] / "systemd" / "70-lineside.rules"

IN_A_ROOM_OF_ITS_OWN = """
mount --make-rprivate / && mount --bind "$1" /etc/udev/rules.d && mount -t tmpfs none /dev && mount -t tmpfs none /run
udevadm test --action=add "$2" 2>&1
"""
"""Let udev read our rules as it would at a hotplug; what it changes, it changes in this mount namespace."""


def vendors_of(line_begin: str) -> set[str]:
    (line,) = [line for line in RULES.read_text().splitlines() if line.startswith(line_begin)]
    match = re.search(r'idVendor}=="([0-9a-f|]+)"', line)
    assert match is not None
    return set(match[1].split("|"))


def test_the_rules_name_the_vendors_that_the_listing_knows() -> None:
    scanners = set(vendors.SCANNERS)
    others = {*vendors.CONVERTERS, *vendors.BOARDS, vendors.METTLER_TOLEDO, vendors.MITUTOYO}
    assert vendors_of('SUBSYSTEM=="input"') == scanners
    assert vendors_of('SUBSYSTEM=="usb"') == scanners | others


def complaints(folder: Path) -> list[str]:
    """What udev says about the rules in `folder`, groups that this machine lacks apart."""
    if shutil.which("udevadm") is None:
        pytest.skip("no udevadm: apt-get install udev")
    file = folder / RULES.name
    if subprocess.run(["udevadm", "verify", "--help"], capture_output=True, check=False).returncode == 0:
        told = subprocess.run(
            ["udevadm", "verify", "--resolve-names=never", "--no-style", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [] if told.returncode == 0 else told.stderr.splitlines()
    device = next((str(path) for path in sorted(Path("/sys/class/tty").glob("ttyS*"))), "/sys/class/mem/null")
    if os.geteuid() != 0 or shutil.which("unshare") is None or not Path("/etc/udev/rules.d").is_dir():
        pytest.skip("needs root: this udevadm has no verify")
    command = ["unshare", "--mount", "sh", "-c", IN_A_ROOM_OF_ITS_OWN, "sh", str(folder), device]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip(f"no mount namespace here: {(told.stdout + told.stderr).strip()[-200:]}")
    lines = [line for line in told.stdout.splitlines() if RULES.name in line]
    assert lines, "udev did not read the rules"
    return [
        line for line in lines if re.search(r"rules:\d+ ", line) and not re.search(r"Unknown group|GROUP|MODE", line)
    ]


def test_udev_understands_the_rules(tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    assert complaints(tmp_path) == []


def test_udev_would_have_told_a_mistake(tmp_path: Path) -> None:
    """The check can fail."""
    (tmp_path / RULES.name).write_text(RULES.read_text().replace('GROUP="dialout"', 'GRUOP="dialout"'))
    assert complaints(tmp_path) != []
