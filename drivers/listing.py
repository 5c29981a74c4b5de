"""What is plugged in: serial ports, input devices, cameras and GPIO chips, and what each probably is.

Reads sysfs and the names that udev gives under /dev; opens no device.  Everything is looked up below a root folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers import vendors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REMEDIES = {
    "serial": "add the user to group dialout",
    "input": "install systemd/70-lineside.rules",
    "camera": "add the user to group video",
    "gpio": "install systemd/70-lineside.rules, and add the user to group gpio",
}
"""Kind of device -> what lets a user open it.  Source: the groups of Debian's udev rules, and ours."""

NO_UART = "0"
"""In /sys/class/tty/ttyS*/type: the kernel reserves the name, and there is no such port."""

KEYBOARD = "-event-kbd"
FIRST_STREAM = "-video-index0"
"""Ends of udev's names: a keyboard; the pictures of a camera, not its metadata."""

GPIO_SAMPLE = "inputs = { button = { line = 17 } }\n"

USB_FILES = {"vendor": "idVendor", "product": "idProduct", "maker": "manufacturer", "model": "product"}


@dataclass(frozen=True, slots=True)
class Usb:
    """What a USB device tells of itself; ids are four lower-case hexadecimal digits."""

    vendor: str = ""
    product: str = ""
    maker: str = ""
    model: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One device that is plugged in.

    `path` is the name to use in a station file: one that stays, where udev made one.  `driver` is the probable one,
    empty if there is none for it; `hint` says what must be done first; `sample` is TOML to be changed to what is wired.
    """

    kind: str
    path: str
    node: str
    probably: str
    driver: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    usb: Usb = Usb()
    sample: str = ""


def devices(root: Path) -> list[Found]:
    """Return all that is plugged in, by kind and path; what cannot be read is left out."""
    return [*_serial_ports(root), *_keyboards(root), *_cameras(root), *_gpio_chips(root)]


def toml(found: Found, name: str) -> str:
    """Return the `[[device]]` table to paste, or nothing where no driver fits."""
    if not found.driver:
        return ""
    lines = {"name": name, "driver": found.driver, **found.keys}
    return "[[device]]\n" + "".join(f'{key} = "{_escaped(value)}"\n' for key, value in lines.items()) + found.sample


def _serial_ports(root: Path) -> Iterator[Found]:
    names = _links(root, "dev/serial/by-id")
    for tty in _entries(root / "sys/class/tty"):
        if not (tty / "device").exists() or _text(tty / "type") == NO_UART:
            continue
        node = f"/dev/{tty.name}"
        usb = _usb(tty / "device")
        sort = vendors.serial(usb.vendor) if usb.vendor else vendors.UART
        path = names.get(node, node)
        yield Found(
            "serial",
            path,
            node,
            _described(sort.probably, usb),
            sort.driver,
            {"port": path},
            _hint(root, "serial", node, sort.hint),
            usb,
        )


def _keyboards(root: Path) -> Iterator[Found]:
    for node, path in _links(root, "dev/input/by-id").items():
        if not path.endswith(KEYBOARD):
            continue
        usb = _usb(root / "sys/class/input" / node.rpartition("/")[2] / "device")
        sort = vendors.keyboard(usb.vendor)
        keys = {"device": path}
        yield Found(
            "input",
            path,
            node,
            _described(sort.probably, usb),
            sort.driver,
            keys,
            _hint(root, "input", node, sort.hint),
            usb,
        )


def _cameras(root: Path) -> Iterator[Found]:
    names = _links(root, "dev/v4l/by-id")
    for video in _entries(root / "sys/class/video4linux"):
        if _text(video / "index") not in ("", "0"):
            continue
        node = f"/dev/{video.name}"
        path = names.get(node, node)
        usb = _usb(video / "device")
        probably = f"camera {_text(video / 'name')}".strip()
        yield Found(
            "camera", path, node, probably, "camera-scanner", {"source": path}, _hint(root, "camera", node), usb
        )


def _gpio_chips(root: Path) -> Iterator[Found]:
    for chip in sorted((root / "dev").glob("gpiochip[0-9]*"), key=_natural):
        node = f"/dev/{chip.name}"
        hint = _hint(root, "gpio", node, "change the inputs to the lines that are wired; gpioinfo lists them")
        yield Found("gpio", node, node, "GPIO chip", "gpio", {"chip": node}, hint, sample=GPIO_SAMPLE)


def _usb(device: Path) -> Usb:
    """What the USB device tells to which `device` belongs: the nearest folder above it that has a vendor."""
    try:
        folder = device.resolve(strict=True)
    except OSError:
        return Usb()
    for above in (folder, *folder.parents):
        if (above / "idVendor").is_file():
            texts = {key: _text(above / file) for key, file in USB_FILES.items()}
            return Usb(**texts, serial=_text(above / "serial"))
    return Usb()


def _described(probably: str, usb: Usb) -> str:
    model = " ".join(word for word in (usb.maker, usb.model) if word)
    return f"{probably}: {model}" if model else probably


def _links(root: Path, folder: str) -> dict[str, str]:
    """Device node -> the name in `folder` that udev gave it; of several the first."""
    found: dict[str, str] = {}
    for link in _entries(root / folder):
        try:
            node = "/dev/" + str(link.resolve(strict=True).relative_to((root / "dev").resolve()))
        except (OSError, ValueError):
            continue
        found.setdefault(node, f"/{folder}/{link.name}")
    return found


def _hint(root: Path, kind: str, node: str, first: str = "") -> str:
    """What must be done `first`, and what stops this user from opening the device."""
    path = root / node.removeprefix("/")
    forbidden = os.path.lexists(path) and not os.access(path, os.R_OK | os.W_OK)
    remedy = f"this user may not open it: {REMEDIES[kind]}" if forbidden else ""
    return "; ".join(words for words in (first, remedy) if words)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=_natural)
    except OSError:
        return []


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order in which ttyUSB10 comes after ttyUSB9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
