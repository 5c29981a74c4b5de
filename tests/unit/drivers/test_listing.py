"""The listing: what is plugged in, told by sysfs and udev's names; real files, laid out as the kernel does."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from drivers import catalog, listing, vendors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534


class Machine:
    """A folder that looks like / to the listing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._usb = 0

    def usb(self, vendor: str, number: str = "0001", **more: str) -> Path:
        """Plug a USB device in; returns the folder of its first interface."""
        self._usb += 1
        device = self.root / f"sys/devices/pci0000:00/usb1/1-{self._usb}"
        for name, text in {"idVendor": vendor, "idProduct": number, **more}.items():
            self.file(device / name, text)
        interface = device / f"1-{self._usb}:1.0"
        interface.mkdir()
        return interface

    def tty(self, name: str, device: Path, by_id: str = "", **files: str) -> None:
        node = self._node(name)
        folder = device / "tty" / name
        for file, text in files.items():
            self.file(folder / file, text)
        self.link(folder / "device", device)
        self.link(self.root / "sys/class/tty" / name, folder)
        if by_id:
            self.link(self.root / "dev/serial/by-id" / by_id, node)

    def keyboard(self, number: int, device: Path, by_id: str) -> None:
        node = self._node(f"input/event{number}")
        folder = device / f"0003/input/input{number}"
        event = folder / f"event{number}"
        event.mkdir(parents=True)
        self.link(event / "device", folder)
        self.link(self.root / f"sys/class/input/event{number}", event)
        self.link(self.root / "dev/input/by-id" / by_id, node)

    def camera(self, number: int, device: Path, name: str, index: int, by_id: str = "") -> None:
        node = self._node(f"video{number}")
        folder = device / f"video4linux/video{number}"
        self.file(folder / "name", name)
        self.file(folder / "index", str(index))
        self.link(folder / "device", device)
        self.link(self.root / f"sys/class/video4linux/video{number}", folder)
        if by_id:
            self.link(self.root / "dev/v4l/by-id" / by_id, node)

    def gpio_chip(self, number: int) -> None:
        self._node(f"gpiochip{number}")

    def found(self) -> list[listing.Found]:
        return listing.devices(self.root)

    def only(self) -> listing.Found:
        (found,) = self.found()
        return found

    def file(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def link(self, path: Path, target: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(target, path.parent))

    def _node(self, name: str) -> Path:
        node = self.root / "dev" / name
        self.file(node, "")
        return node


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_empty_machine_has_nothing(machine: Machine) -> None:
    assert machine.found() == []


def test_a_usb_scanner_is_named_by_what_stays(machine: Machine) -> None:
    """The by-id name goes into the station file, not ttyACM0."""
    device = machine.usb("05e0", "1701", manufacturer="Symbol Technologies", product="DS2208", serial="S1")
    machine.tty("ttyACM0", device, by_id="usb-Symbol_DS2208_S1-if00")
    found = machine.only()
    assert (found.kind, found.path, found.node) == (
        "serial", "/dev/serial/by-id/usb-Symbol_DS2208_S1-if00", "/dev/ttyACM0",
    )  # fmt: skip
    assert found.probably == "Zebra (Symbol) scanner: Symbol Technologies DS2208"
    assert found.usb == listing.Usb("05e0", "1701", "Symbol Technologies", "DS2208", "S1")
    assert listing.toml(found, "scanner-1").splitlines() == [
        "[[device]]",
        'name = "scanner-1"',
        'driver = "serial-scanner"',
        'port = "/dev/serial/by-id/usb-Symbol_DS2208_S1-if00"',
    ]


def test_the_ports_of_a_converter_with_four_are_told_apart(machine: Machine) -> None:
    device = machine.usb("0403", "6011", product="Quad RS232-HS")
    for number in range(4):
        machine.tty(f"ttyUSB{number}", device, by_id=f"usb-FTDI_Quad-if0{number}-port0")
    assert [found.path for found in machine.found()] == [
        f"/dev/serial/by-id/usb-FTDI_Quad-if0{number}-port0" for number in range(4)
    ]
    assert {found.probably for found in machine.found()} == {"FTDI serial converter: Quad RS232-HS"}
    assert "choose the driver" in machine.found()[0].hint


def test_ports_are_listed_in_the_order_of_their_numbers(machine: Machine) -> None:
    for number in (10, 9, 1):
        machine.tty(f"ttyUSB{number}", machine.usb("1a86"))
    assert [found.node for found in machine.found()] == ["/dev/ttyUSB1", "/dev/ttyUSB9", "/dev/ttyUSB10"]


def test_ports_that_the_kernel_only_reserves_are_left_out(machine: Machine) -> None:
    """ttyS0 to ttyS3 are there on machines without a serial port; type 0 says so.  Consoles are no ports."""
    platform = machine.root / "sys/devices/platform/serial8250"
    machine.tty("ttyS0", platform, type="4")
    machine.tty("ttyS1", platform, type="0")
    machine.file(machine.root / "sys/devices/virtual/tty/tty1/dev", "4:1")
    machine.link(machine.root / "sys/class/tty/tty1", machine.root / "sys/devices/virtual/tty/tty1")
    assert machine.only().node == "/dev/ttyS0"
    assert machine.only().probably == "serial port of this machine"


def test_a_scanner_that_types_is_told_from_a_keyboard(machine: Machine) -> None:
    """Its mouse interface, if it has one, is not listed."""
    scanner = machine.usb("0c2e", product="Voyager")
    machine.keyboard(3, scanner, "usb-Honeywell_Voyager-event-kbd")
    machine.keyboard(4, machine.usb("046d", product="Keyboard K120"), "usb-Logitech_K120-event-kbd")
    machine.keyboard(5, machine.usb("046d", product="Mouse"), "usb-Logitech_Mouse-event-mouse")
    first, second = machine.found()
    assert first.probably == "Honeywell (Metrologic) scanner in keyboard mode: Voyager"
    assert (first.driver, first.keys) == ("hid-scanner", {"device": "/dev/input/by-id/usb-Honeywell_Voyager-event-kbd"})
    assert second.probably == "keyboard, or a scanner in keyboard mode: Keyboard K120"
    assert "only if it is a scanner" in second.hint


def test_a_gauge_that_types_gets_no_table(machine: Machine) -> None:
    """Its values would be taken for codes."""
    machine.keyboard(3, machine.usb("0fe7", "4001", product="USB-ITN"), "usb-Mitutoyo_USB-ITN-event-kbd")
    found = machine.only()
    assert (found.driver, listing.toml(found, "x")) == ("", "")
    assert "virtual COM port" in found.hint


def test_a_camera_is_listed_once(machine: Machine) -> None:
    """Its second node carries metadata, not pictures."""
    device = machine.usb("046d", product="C920")
    machine.camera(0, device, "HD Pro Webcam C920", 0, "usb-046d_HD_Pro_Webcam_C920-video-index0")
    machine.camera(1, device, "HD Pro Webcam C920", 1, "usb-046d_HD_Pro_Webcam_C920-video-index1")
    found = machine.only()
    assert found.path == "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0"
    assert found.probably == "camera HD Pro Webcam C920"


def test_gpio_chips_are_listed(machine: Machine) -> None:
    machine.gpio_chip(0)
    machine.gpio_chip(10)
    assert [found.path for found in machine.found()] == ["/dev/gpiochip0", "/dev/gpiochip10"]


def plug_one_of_each(machine: Machine) -> None:
    machine.tty("ttyACM0", machine.usb("05e0"), "usb-scanner")
    machine.tty("ttyACM1", machine.usb("0fe7"))
    machine.tty("ttyACM2", machine.usb("2341"))
    machine.tty("ttyACM3", machine.usb("0eb8"))
    machine.tty("ttyACM4", machine.usb("ffff"))
    machine.keyboard(0, machine.usb("1eab"), "usb-newland-event-kbd")
    machine.camera(0, machine.usb("046d"), 'a "quoted" camera', 0)
    machine.gpio_chip(0)


def test_every_table_is_one_that_the_driver_takes(machine: Machine) -> None:
    """What is printed can be pasted: TOML, and good settings of a driver that is built in."""
    plug_one_of_each(machine)
    for found in machine.found():
        (table,) = tomllib.loads(listing.toml(found, "device-1"))["device"]
        driver = catalog.load(table["driver"])
        assert not isinstance(driver, catalog.NotUsable)
        TypeAdapter(driver.Settings).validate_json(json.dumps(table))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are for one user."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_may_not_be_opened_is_told_with_its_remedy(open_folder: Path) -> None:
    machine = Machine(open_folder)
    plug_one_of_each(machine)
    for node in (machine.root / "dev").rglob("*"):
        if node.is_file() and not node.is_symlink():
            node.chmod(0)
    hints = hints_of_an_ordinary_user(machine.found)
    assert hints["serial"] == "this user may not open it: add the user to group dialout"
    assert hints["input"] == "this user may not open it: install systemd/70-lineside.rules"
    assert hints["camera"].endswith("group video")
    assert hints["gpio"].endswith("group gpio")


def hints_of_an_ordinary_user(found: Callable[[], list[listing.Found]]) -> dict[str, str]:
    """First hint of each kind.  Asked in a child process, since root may open everything and access() asks for root."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setuid(NOBODY)
        hints: dict[str, Any] = {}
        for one in found():
            hints.setdefault(one.kind, one.hint)
        os.write(write, json.dumps(hints).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told: dict[str, str] = json.loads(pipe.read())
    return told


def test_this_machine_can_be_listed() -> None:
    """Whatever the kernel shows here, nothing raises."""
    for found in listing.devices(Path("/")):
        assert found.path.startswith("/dev/")


def test_vendors_are_written_as_sysfs_writes_them() -> None:
    """Four lower-case hexadecimal digits, each vendor in one table."""
    tables = [*vendors.SCANNERS, *vendors.CONVERTERS, *vendors.BOARDS, vendors.METTLER_TOLEDO, vendors.MITUTOYO]
    assert len(set(tables)) == len(tables)
    assert all(f"{int(vendor, 16):04x}" == vendor for vendor in tables)
