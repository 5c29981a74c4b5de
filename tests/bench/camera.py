"""The camera scanner against the bare calls of its two decoders, in the same run.

Speed is that of one core: OpenCV is held to one thread, as in the driver.  What is read of the photographs does not
belong to speed, but the two are bought for each other.  Rows of the photographs are left out where there are none.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import cv2
import zxingcpp
from pyzbar import pyzbar

from drivers.scanners.camera import decode
from drivers.scanners.camera.cascade import PATIENCE_S, Decoder
from drivers.scanners.camera.settings import CameraScannerSettings
from drivers.scanners.camera.symbol import EVERYTHING
from drivers.scanners.camera.view import View
from tests.bench.rows import Row, against, at_least, at_most, quantile
from tests.support.photographs import ABSENT, MANIFEST, scored
from tests.support.pictures import Frame, code, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.plan import Plan

FRAMES = 60
PATIENT_S = 60.0
STREAM = CameraScannerSettings(name="camera-1", driver="camera-scanner", source="/dev/video0")


def measure(plan: Plan) -> Iterator[Row]:
    cv2.setNumThreads(1)
    yield from _one_code(plan.times(FRAMES))
    yield from _empty(plan.times(FRAMES))
    if MANIFEST.is_file():
        yield from _photographs()
    else:
        yield Row("photographs: with a code read", None, "%", goal=at_least(93, "%"), note=ABSENT)


def _one_code(count: int) -> Iterator[Row]:
    frames = [scene(code(f"SN{number:010}"), seed=number) for number in range(count)]
    ours, by_zxing = _taking_turns(frames, decode, zxingcpp.read_barcodes)
    yield against(
        "one code in 1280 x 720, median, against bare zxing-cpp",
        1000 * median(ours),
        "ms",
        1000 * median(by_zxing),
        at_most(1.2),
    )


def _empty(count: int) -> Iterator[Row]:
    """As the driver does it: decoder and view, frame after frame."""
    decoder = Decoder(EVERYTHING, STREAM.patience_s, frozenset())
    view = View(STREAM)

    def step(frame: Frame) -> object:
        return decoder.decode(frame), view.seen(frame, with_code=False)

    frames = [scene(seed=number) for number in range(count)]
    ours, by_zxing, by_zbar = _taking_turns(frames, step, zxingcpp.read_barcodes, _bare_zbar)
    rate = count / sum(ours)
    yield _rate("empty 1280 x 720, a stream, against bare zxing-cpp", rate, count / sum(by_zxing))
    yield _rate("empty 1280 x 720, a stream, against bare zbar", rate, count / sum(by_zbar))
    (alone,) = _taking_turns(frames, decode)
    yield Row("empty 1280 x 720, every frame for itself", count / sum(alone), "frames/s", goal=at_least(10, "frames/s"))


def _rate(measure: str, rate: float, floor: float) -> Row:
    return Row(measure, rate, "frames/s", floor, rate / floor, at_least(10, "frames/s"))


def _photographs() -> Iterator[Row]:
    single = scored(decode)
    note = f"{single.read} of {single.with_code}; no stage begins after {PATIENCE_S:g} s"
    yield Row("photographs: with a code read", single.read_percent, "%", goal=at_least(93, "%"), note=note)
    yield Row("photographs: misread", single.misread_percent, "%", goal=at_most(1, "%"))
    slow_ms = 1000 * quantile(single.times_s, 0.95)
    yield Row("photographs: time of one, 95th percentile", slow_ms, "ms", goal=at_most(120, "ms"))
    twice = scored(lambda frame: decode(frame, patience_s=PATIENT_S, independent=True))
    yield Row("photographs: with a code read twice", twice.read_percent, "%")
    yield Row("photographs: misread, two readings", twice.misread_percent, "%", goal=at_most(0, "%"))


def _bare_zbar(frame: Frame) -> object:
    return pyzbar.decode(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))


def _taking_turns(frames: list[Frame], *calls: Callable[[Frame], object]) -> list[list[float]]:
    """Seconds of each call on each frame; the calls take turns."""
    times_s: list[list[float]] = [[] for _ in calls]
    for frame in frames:
        for times, call in zip(times_s, calls, strict=True):
            begin = time.perf_counter()
            call(frame)
            times.append(time.perf_counter() - begin)
    return times_s
