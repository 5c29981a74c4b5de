"""The camera as a device: what it says, how it waits, how it is lost.  Real files, a real HTTP server, real videos."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from zxingcpp import BarcodeFormat

from drivers import catalog
from drivers.contract import (
    Answer,
    Ask,
    Condition,
    DeviceBusyError,
    DeviceGoneError,
    Held,
    Lamps,
    Noise,
    Scan,
    Signal,
    Verdict,
)
from drivers.scanners.camera import CameraScanner
from tests.support.mjpeg_camera import MjpegCamera
from tests.support.pictures import GS1_LABEL, GS1_TEXT, code, grey, jpeg, save, scene, video
from tests.support.stands.camera import camera

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

SMALL = (640, 480)
ONE = scene(code("SN1"), size=SMALL)
TWO = scene(code("SN2"), size=SMALL)
NONE = scene(size=SMALL)

SCAN_ONE, SCAN_TWO = Scan(b"SN1", "SN1", "]d1"), Scan(b"SN2", "SN2", "]d1")


def made(source: object, **more: Any) -> CameraScanner:
    """A driver with settings checked as the agent checks them: strictly, from JSON."""
    document = {"name": "camera-1", "driver": "camera-scanner", "source": str(source), **more}
    settings = TypeAdapter(CameraScanner.Settings).validate_json(json.dumps(document))
    return CameraScanner(settings)  # type: ignore[arg-type]


def heard(driver: CameraScanner, count: int) -> list[Signal]:
    """The next `count` signals of an open driver, or fewer if it says no more."""
    signals: list[Signal] = []
    while len(signals) < count:
        more = driver.read(LONG_S)
        if not more:
            break
        signals += more
    return signals


def silent(driver: CameraScanner) -> bool:
    """Nothing is said for longer than a file rests."""
    return not driver.read(0.6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    return pictures


@pytest.fixture
def driver(folder: Path) -> Iterator[CameraScanner]:
    one = made(folder, holdoff_s=0)
    yield one
    one.close()


def test_the_catalog_knows_it() -> None:
    assert catalog.load("camera-scanner") is CameraScanner


def test_pictures_in_a_folder_are_read_once_in_the_order_of_their_names(driver: CameraScanner, folder: Path) -> None:
    save(folder / "b.png", TWO)
    save(folder / "a.jpg", ONE)
    driver.open()
    assert heard(driver, 2) == [SCAN_ONE, SCAN_TWO]
    assert silent(driver)


def test_pictures_that_come_later_are_read(driver: CameraScanner, folder: Path) -> None:
    driver.open()
    assert driver.read(0) == []
    save(folder / "z.png", ONE)
    assert heard(driver, 1) == [SCAN_ONE]
    save(folder / "a.png", TWO)
    assert heard(driver, 1) == [SCAN_TWO]


def test_a_picture_that_is_written_anew_is_read_again(driver: CameraScanner, folder: Path) -> None:
    """Many cameras write one file over and over."""
    save(folder / "latest.png", ONE)
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    save(folder / "latest.png", TWO)
    assert heard(driver, 1) == [SCAN_TWO]


def test_a_picture_that_is_still_being_written_is_not_read(driver: CameraScanner, folder: Path) -> None:
    """A half picture would be a picture without its code, or Noise."""
    data = jpeg(ONE)
    driver.open()
    with (folder / "a.jpg").open("wb") as file:
        for begin in range(0, len(data), len(data) // 4 + 1):
            file.write(data[begin : begin + len(data) // 4 + 1])
            file.flush()
            assert driver.read(0.05) == []
    assert heard(driver, 1) == [SCAN_ONE]


def test_pictures_of_before_may_be_left_out(folder: Path) -> None:
    save(folder / "a.png", ONE)
    driver = made(folder, existing=False)
    driver.open()
    assert silent(driver)
    save(folder / "b.png", TWO)
    assert heard(driver, 1) == [SCAN_TWO]
    driver.close()


def test_what_was_read_is_not_read_again_after_a_loss(driver: CameraScanner, folder: Path) -> None:
    save(folder / "a.png", ONE)
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    driver.close()
    driver.open()
    assert silent(driver)


def test_a_broken_picture_is_noise_with_its_name(driver: CameraScanner, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"no picture")
    save(folder / "b.png", ONE)
    driver.open()
    assert heard(driver, 2) == [Noise(b"no picture", "a.jpg: no picture that can be read"), SCAN_ONE]


def test_an_empty_picture_file_is_noise(driver: CameraScanner, folder: Path) -> None:
    (folder / "a.jpg").touch()
    driver.open()
    assert heard(driver, 1) == [Noise(b"", "a.jpg: no picture that can be read")]


def test_other_files_are_left_alone(driver: CameraScanner, folder: Path) -> None:
    (folder / "notes.txt").write_text("SN1")
    (folder / ".a.png").write_bytes(jpeg(ONE))
    driver.open()
    assert silent(driver)


def test_one_picture_file_is_a_source(tmp_path: Path) -> None:
    driver = made(save(tmp_path / "one.png", ONE))
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    assert silent(driver)
    driver.close()


def test_a_gs1_label_keeps_its_separators(driver: CameraScanner, folder: Path) -> None:
    save(folder / "a.png", scene(code(GS1_LABEL, BarcodeFormat.Code128, scale=2, gs1=True)))
    driver.open()
    assert heard(driver, 1) == [Scan(GS1_TEXT.encode(), GS1_TEXT, "]C1")]


def test_a_code_outside_the_region_is_not_read(folder: Path) -> None:
    save(folder / "a.png", scene(code("SN1"), code("SN2")))
    driver = made(folder, region=[0.0, 0.0, 0.15, 1.0])
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    assert silent(driver)
    driver.close()


@pytest.mark.parametrize(
    ("content", "scans"), [("00012345678905", ["00012345678905"]), ("00012345678901", []), ("123457", [])]
)
def test_itf_needs_its_length_and_its_check_digit(folder: Path, content: str, scans: list[str]) -> None:
    save(folder / "a.png", scene(code(content, BarcodeFormat.ITF, scale=3)))
    driver = made(folder, symbologies=["ITF"], itf_lengths=[14])
    driver.open()
    assert [signal.text for signal in driver.read(0.6) if isinstance(signal, Scan)] == scans
    driver.close()


def test_itf_is_not_read_unless_asked_for(driver: CameraScanner, folder: Path) -> None:
    save(folder / "a.png", scene(code("00012345678905", BarcodeFormat.ITF, scale=3)))
    driver.open()
    assert silent(driver)


def test_the_same_code_in_view_is_scanned_once_and_the_rest_are_counted(tmp_path: Path) -> None:
    frames = [ONE] * 6 + [TWO] * 3
    driver = made(video(tmp_path / "belt.avi", frames), holdoff_s=0.5)
    driver.open()
    assert heard(driver, 4) == [SCAN_ONE, SCAN_TWO, Held(b"SN1", "SN1", 4), Held(b"SN2", "SN2", 1)]
    driver.close()


def test_a_code_in_a_single_frame_is_not_passed_on(tmp_path: Path) -> None:
    """A wrong reading seldom comes twice."""
    driver = made(video(tmp_path / "belt.avi", [NONE, ONE, NONE, TWO, TWO]))
    driver.open()
    assert heard(driver, 1) == [SCAN_TWO]
    driver.close()


def test_single_reading_is_a_setting_of_each_symbology(tmp_path: Path) -> None:
    driver = made(video(tmp_path / "belt.avi", [NONE, ONE, NONE]), single_read=["DataMatrix"])
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    driver.close()


def test_a_video_at_its_end_is_silence(tmp_path: Path) -> None:
    driver = made(video(tmp_path / "belt.avi", [ONE, ONE]), holdoff_s=60)
    driver.open()
    assert heard(driver, 1) == [SCAN_ONE]
    assert driver.read(0.05) == []
    driver.close()
    driver.open()
    assert driver.read(0.05) == []
    driver.close()


def test_a_dark_view_is_told_and_its_end(tmp_path: Path) -> None:
    driver = made(video(tmp_path / "night.avi", [grey(2)] * 4 + [ONE] * 4), condition_frames=3)
    driver.open()
    signals = heard(driver, 3)
    told = [(signal.name, signal.active) for signal in signals if isinstance(signal, Condition)]
    assert told == [("dark", True), ("dark", False)]
    assert SCAN_ONE in signals
    driver.close()


def test_the_network_camera_is_read() -> None:
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address)
        driver.open()
        signals: Sequence[Signal] = []
        for _ in range(50):
            mjpeg.show(jpeg(ONE))
            signals = signals or driver.read(0.1)
        assert signals == [SCAN_ONE]
        assert mjpeg.request.startswith(b"GET /video.mjpg HTTP/1.0\r\n")
        driver.close()


def test_a_network_camera_that_tells_no_lengths_is_read() -> None:
    with MjpegCamera(length=False) as mjpeg:
        driver = made(mjpeg.address, single_read=["DataMatrix"])
        driver.open()
        mjpeg.show(jpeg(ONE))
        assert heard(driver, 1) == [SCAN_ONE]
        driver.close()


def test_of_pictures_that_wait_only_the_newest_is_looked_at() -> None:
    """A slow decoder shows the belt as it is, and never as it was."""
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address, single_read=["DataMatrix"])
        driver.open()
        mjpeg.show(jpeg(NONE))
        assert driver.read(0.3) == []
        mjpeg.show(jpeg(ONE))
        mjpeg.show(jpeg(TWO))
        assert heard(driver, 1) == [SCAN_TWO]
        assert driver.read(0.1) == []
        driver.close()


def test_a_broken_picture_of_the_network_is_noise() -> None:
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address)
        driver.open()
        mjpeg.show(b"no picture")
        assert heard(driver, 1) == [Noise(b"no picture", "no picture that can be read")]
        driver.close()


def test_user_and_password_go_to_the_camera_and_into_no_message() -> None:
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address.replace("http://", "http://line:s3%40cret@"))
        driver.open()
        mjpeg.show(jpeg(NONE))
        assert b"Authorization: Basic bGluZTpzM0BjcmV0\r\n" in mjpeg.request
        mjpeg.hang_up()
        with pytest.raises(DeviceGoneError) as told:
            driver.read(LONG_S)
        assert "cret" not in str(told.value)
        driver.close()


def test_a_network_camera_that_hangs_up_is_gone_and_comes_back() -> None:
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address, single_read=["DataMatrix"])
        driver.open()
        mjpeg.show(jpeg(NONE))
        mjpeg.hang_up()
        with pytest.raises(DeviceGoneError, match=r"camera-1: http://127.0.0.1:\d+/video.mjpg: lost \(it hung up\)"):
            driver.read(LONG_S)
        driver.close()
        driver.open()
        mjpeg.show(jpeg(ONE))
        assert heard(driver, 1) == [SCAN_ONE]
        driver.close()


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("HTTP/1.0 401 Unauthorized\r\n\r\n", "401 Unauthorized"),
        ("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n", "no MJPEG"),
        ("\r\n\r\n", "it answers"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "it answers"),
    ],
)
def test_an_address_that_sends_no_mjpeg_is_gone_and_says_what_it_sends(head: str, why: str) -> None:
    with MjpegCamera(head) as mjpeg:
        driver = made(mjpeg.address)
        with pytest.raises(DeviceGoneError, match=why):
            driver.open()
        driver.close()


def test_an_address_where_nobody_listens_is_gone() -> None:
    with MjpegCamera() as mjpeg:
        address = mjpeg.address
    driver = made(address)
    with pytest.raises(DeviceGoneError, match="is it switched on"):
        driver.open()
    driver.close()


def test_an_rtsp_address_where_nobody_listens_is_gone() -> None:
    with MjpegCamera() as mjpeg:
        port = mjpeg.port
    driver = made(f"rtsp://user:secret@127.0.0.1:{port}/stream")
    with pytest.raises(DeviceGoneError, match=rf"camera-1: rtsp://127.0.0.1:{port}/stream: no stream"):
        driver.open()
    driver.close()


@pytest.mark.parametrize("source", ["/dev/video99", "absent", "absent.png", "absent.avi"])
def test_what_is_missing_is_gone_with_a_remedy(tmp_path: Path, source: str) -> None:
    driver = made(tmp_path / source)
    with pytest.raises(DeviceGoneError, match=rf"camera-1: .*{source}: .*(ls /dev/v4l/by-id|is the path right)"):
        driver.open()
    driver.close()


def test_a_folder_that_goes_away_is_gone(driver: CameraScanner, folder: Path) -> None:
    driver.open()
    folder.rmdir()
    with pytest.raises(DeviceGoneError, match="is the path right"):
        driver.read(LONG_S)


def test_a_video_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "belt.avi"
    path.write_bytes(b"no video")
    driver = made(path)
    with pytest.raises(DeviceGoneError, match="does not open"):
        driver.open()
    driver.close()


def test_a_device_in_use_is_busy_and_says_by_whom() -> None:
    """A terminal stands for the camera: it does not open as one, and somebody has it."""
    device, other = os.openpty()
    driver = made(os.ttyname(other))
    with pytest.raises(DeviceBusyError, match=rf"in use by pid {os.getpid()} \(this process\); stop it"):
        driver.open()
    driver.close()
    os.close(other)
    os.close(device)


def test_silence_ends_after_its_time(driver: CameraScanner) -> None:
    driver.open()
    begin = time.monotonic()
    assert driver.read(0.05) == []
    assert 0.05 <= time.monotonic() - begin < LONG_S / 2


@pytest.mark.parametrize("kind", ["folder", "network", "ended video"])
def test_cancel_ends_a_waiting_read(kind: str, folder: Path, tmp_path: Path) -> None:
    with MjpegCamera() as mjpeg:
        sources = {"folder": folder, "network": mjpeg.address, "ended video": video(tmp_path / "a.avi", [NONE])}
        driver = made(sources[kind])
        driver.open()
        canceller = threading.Thread(target=driver.cancel)
        begin = time.monotonic()
        canceller.start()
        assert driver.read(4.0) == []
        assert time.monotonic() - begin < 3.0
        canceller.join()
        driver.close()


def test_a_cancel_before_the_read_is_not_lost(driver: CameraScanner, folder: Path) -> None:
    """It ends one read, and costs no picture."""
    save(folder / "a.png", ONE)
    driver.cancel()
    driver.open()
    assert driver.read(LONG_S) == []
    assert heard(driver, 1) == [SCAN_ONE]


def test_a_stream_of_frames_without_a_code_does_not_hold_the_read_for_ever() -> None:
    with MjpegCamera() as mjpeg:
        driver = made(mjpeg.address)
        driver.open()
        over = threading.Event()
        sender = threading.Thread(target=lambda: [mjpeg.show(jpeg(NONE)) for _ in iter(over.is_set, True)])
        sender.start()
        assert driver.read(0.2) == []
        over.set()
        sender.join()
        driver.close()


def test_closing_twice_and_before_opening_is_harmless(driver: CameraScanner) -> None:
    driver.close()
    driver.close()


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/", "/tmp", "/tmp/a.avi", "/dev/video0"])
def test_reading_what_is_not_open_is_a_loss(source: str) -> None:
    driver = made(source)
    with pytest.raises(DeviceGoneError, match="open it first"):
        driver.read(0)


def test_it_shows_nothing(driver: CameraScanner) -> None:
    driver.open()
    driver.show(Answer(Verdict.PASS, "good"))
    driver.show(Lamps())
    driver.show(Ask())


def test_the_stand_for_other_suites_gives_a_scan(tmp_path: Path) -> None:
    with camera(tmp_path) as keys:
        driver = made(**keys)
        driver.open()
        assert heard(driver, 1) == [Scan(b"SN0001234567", "SN0001234567", "]d1")]
        driver.close()


def test_all_settings_are_described_with_their_defaults() -> None:
    fields = CameraScanner.Settings.model_fields
    assert [key for key, field in fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"source": "video0"}, "neither a full path"),
        ({"source": "http:///video"}, "names no host"),
        ({"source": "http://[::1/video"}, "names no host"),
        ({"source": "rtsp://camera:high/"}, "names no host"),
        ({"region": [0.5, 0.0, 0.5, 1.0]}, "left, top, right, bottom"),
        ({"symbologies": ["ITF"]}, "itf_lengths"),
        ({"itf_lengths": [14]}, "ITF"),
        ({"symbologies": ["ITF"], "itf_lengths": [13]}, "even number"),
        ({"symbologies": ["Barcode"]}, "symbologies"),
        ({"symbologies": []}, "symbologies"),
        ({"holdoff_s": float("inf")}, "holdoff_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_name_the_thing(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        made(**{"source": "/dev/video0", **more})


@pytest.mark.parametrize("missing", ["cv2", "zxingcpp", "pyzbar"])
def test_without_its_libraries_it_is_known_but_not_usable(tmp_path: Path, missing: str) -> None:
    """The reason says what to install."""
    (tmp_path / f"{missing}.py").write_text(f"raise ImportError('{missing} is not here')")
    program = "from drivers import catalog; print(catalog.load('camera-scanner').reason)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert f"{missing} is not here" in told.stdout
    assert "pip install 'lineside[camera]'" in told.stdout
    assert "apt install libzbar0" in told.stdout


def test_the_libraries_write_nothing_to_the_error_output(tmp_path: Path) -> None:
    """A journal full of decoder chatter hides what matters."""
    (tmp_path / "a.avi").write_bytes(b"no video")
    (tmp_path / "a.jpg").write_bytes(jpeg(ONE)[:2000])
    program = f"""
from drivers.scanners.camera import CameraScanner
for source in ("{tmp_path}/a.avi", "{tmp_path}/a.jpg", "rtsp://127.0.0.1:9/", "/dev/null"):
    driver = CameraScanner(CameraScanner.Settings(name="a", driver="b", source=source))
    try:
        driver.open()
        driver.read(0.5)
    except Exception as error:
        print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stderr == ""
