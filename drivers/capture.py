r"""What a device and its driver said to each other, with times, in a file: JSON, a line each.

The first line is the header; then one line for bytes received (`rx`), bytes sent (`tx`), each signal that the driver
made of them (`signal`) and each loss (`gone`), with `at` in seconds since the beginning:

    {"capture": 1, "driver": "mitutoyo", "settings": {"unit": "mm", ...}, "lineside": "0.3.0"}
    {"at": 1.204117, "rx": "01A+0000.123\r"}
    {"at": 1.204311, "signal": {"is": "Reading", "text": "+0000.123", ...}}

Bytes are written as the characters U+0000 to U+00FF.  Knows no port and no driver.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from drivers.contract import Signal

FORMAT = 1
"""Number in the header; a reader refuses a higher one."""

BYTES = "latin-1"
"""One byte, one character."""

PLACES = 6
"""Digits of a time after the point: microseconds."""

NOT_TOLD = ("gauge", "judged")
"""Fields of a signal that are left out when empty."""

OWN_KEYS = ("name", "driver", "port")
"""Settings that say which device it was, and are no part of a test case."""


class CaptureError(ValueError):
    """The file is no capture, or of a newer format: name the right file."""


class What(StrEnum):
    """What a line tells."""

    RX = "rx"
    TX = "tx"
    SIGNAL = "signal"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Header:
    """Which driver with which settings made the capture, and the version of Lineside."""

    driver: str
    settings: Mapping[str, Any]
    lineside: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: seconds since the beginning, and bytes, a signal as `told` spells it, or words."""

    at_s: float
    what: What
    data: Any


def told(signal: Signal) -> dict[str, Any]:
    """Spell a signal as captures and test cases do: bytes as latin-1, numbers as sent, nothing that is not there."""
    fields = asdict(signal)
    spelt = {key: str(value) if isinstance(value, Decimal) else value for key, value in fields.items()}
    kept = {key: value for key, value in spelt.items() if value or key not in NOT_TOLD}
    return {"is": type(signal).__name__, **kept, "raw": signal.raw.decode(BYTES)}


class CaptureWriter:
    """Writes a capture; each line is in the file when the call returns, so that a killed recording is whole."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def header(self, header: Header) -> None:
        """Write the first line."""
        self._put(
            {"capture": FORMAT, "driver": header.driver, "settings": header.settings, "lineside": header.lineside}
        )

    def bytes(self, at_s: float, what: What, data: bytes) -> None:
        """Write what was received or sent."""
        self._put({"at": round(at_s, PLACES), what: data.decode(BYTES)})

    def signal(self, at_s: float, signal: Signal) -> None:
        """Write what the driver made of it."""
        self._put({"at": round(at_s, PLACES), What.SIGNAL: told(signal)})

    def gone(self, at_s: float, reason: str) -> None:
        """Write that the device was lost."""
        self._put({"at": round(at_s, PLACES), What.GONE: reason})

    def _put(self, document: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(document) + "\n")
        self._file.flush()


def write_case(path: Path, folder: Path, promise: str) -> None:
    """Turn the capture at `path` into a test case: `capture.bin` and `expected.json` in `folder`, which is made.

    The signals are those that the driver gave when it was recorded; correct them by hand where it was wrong.
    """
    header, lines = header_of(path), list(lines_of(path))
    settings = {key: value for key, value in header.settings.items() if key not in OWN_KEYS}
    signals = [line.data for line in lines if line.what is What.SIGNAL]
    document = {"promise": promise, "settings": settings, "signals": signals}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "capture.bin").write_bytes(b"".join(line.data for line in lines if line.what is What.RX))
    (folder / "expected.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def header_of(path: Path) -> Header:
    """Return the first line of the capture at `path`.  Raises OSError and CaptureError."""
    with path.open(encoding="utf-8") as file:
        return _header(path, file)


def lines_of(path: Path) -> Iterator[Line]:
    """Yield the lines of the capture at `path` after the header, as they are read.  Raises OSError and CaptureError.

    A last line that is not whole, as a power cut leaves it, ends the capture.
    """
    with path.open(encoding="utf-8") as file:
        _header(path, file)
        for number, text in enumerate(file, 2):
            if not text.endswith("\n"):
                return
            yield _line(path, number, text)


def _header(path: Path, file: TextIO) -> Header:
    try:
        document = json.loads(file.readline())
        if not 1 <= document["capture"] <= FORMAT:
            raise CaptureError(f"{path}: format {document['capture']} of a newer Lineside; this one reads {FORMAT}")
        return Header(document["driver"], document["settings"], document["lineside"])
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise CaptureError(f"{path}: no capture: its first line is no header as `lineside record` writes it") from error


def _line(path: Path, number: int, text: str) -> Line:
    try:
        document = json.loads(text)
        at_s = float(document.pop("at"))
        ((word, data),) = document.items()
        what = What(word)
        return Line(at_s, what, data.encode(BYTES) if what in (What.RX, What.TX) else data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(f"{path}: line {number} is none of a capture: {text.strip()[:80]!r}") from error
