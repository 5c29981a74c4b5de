"""Collect the strokes of one scanner into scans.

Strokes in, signals out; knows no device and no clock but the times of the strokes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.contract import Noise, Scan, Signal
from drivers.scanners import keymaps
from drivers.scanners.hid.events import Lost, Stroke
from drivers.scanners.keyboard import Keyboard, Untypable, written
from drivers.scanners.serial import SYMBOLOGY_IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drivers.scanners.hid.settings import HidScannerSettings

ENDS = {"enter": "\r\n", "tab": "\t"}
CONTROLS = {"FS": "\x1c", "GS": "\x1d", "RS": "\x1e", "US": "\x1f", "EOT": "\x04"}

RAW_A_CHARACTER = 64
"""Bytes of strokes kept for each character of `max_length`; an Alt code of four digits with its releases has 32."""

LOST = b"!"
"""Stands in the raw bytes where strokes are missing."""


class Collector:
    """Gives a Scan for each code, and a Noise for what is no whole code.

    `held` tells which keys are down after strokes were lost.
    """

    def __init__(self, settings: HidScannerSettings, held: Callable[[], Iterable[int]]) -> None:
        self._settings = settings
        self._held = held
        self._keyboard = Keyboard(keymaps.LAYOUTS[settings.layout], settings.alt_code_page)
        self._keys = {name: CONTROLS[what] for name, what in settings.substitutes.items() if len(name) > 1}
        self._characters = str.maketrans(
            {sent: CONTROLS[what] for sent, what in settings.substitutes.items() if len(sent) == 1}
        )
        self._silence_us = round(settings.silence_s * 1_000_000)
        self._last_us = 0
        self._text = ""
        self._raw = bytearray()
        self._fault = ""

    @property
    def half(self) -> bool:
        """Whether a scan has begun and not ended."""
        return bool(self._raw or self._fault)

    @property
    def caps(self) -> bool:
        """Whether the scanner has switched Caps Lock on."""
        return self._keyboard.caps

    def start(self) -> None:
        """Begin anew, with nothing typed and the keys that are down now."""
        self._clear()
        self._keyboard.start(self._held())

    def feed(self, strokes: Iterable[Stroke | Lost]) -> list[Signal]:
        """Return what the strokes complete, in order."""
        signals: list[Signal] = []
        for stroke in strokes:
            if self.half and stroke.time_us - self._last_us > self._silence_us:
                signals += self.flush()
            self._last_us = stroke.time_us
            signals += self._lost() if isinstance(stroke, Lost) else self._typed(stroke)
        return signals

    def flush(self, reason: str = "half a scan: the scanner fell silent before its end") -> list[Signal]:
        """Return what was typed of a scan that will not end; nothing, if only modifiers were touched."""
        told: list[Signal] = []
        if self._raw and (self._text or self._fault):
            told = [Noise(bytes(self._raw), self._fault or reason)]
        self._clear()
        return told

    def _lost(self) -> list[Signal]:
        """Distrust the rest of this scan: where it began is not known either."""
        self._raw += LOST
        self._fault = "strokes were lost: the computer did not read the scanner in time; scan again"
        self._keyboard.start(self._held())
        return []

    def _typed(self, stroke: Stroke) -> list[Signal]:
        if not stroke.pressed and not self.half:
            self._keyboard.release(stroke.key)
            return []
        self._raw += written(stroke.key, pressed=stroke.pressed)
        typed = self._meaning(stroke)
        if isinstance(typed, Untypable):
            self._fault = self._fault or typed.reason
            typed = ""
        for character in typed:
            if character in ENDS[self._settings.terminator]:
                return self._ended()
            self._text += character
        return self._bounded()

    def _meaning(self, stroke: Stroke) -> str | Untypable:
        if not stroke.pressed:
            return self._keyboard.release(stroke.key)
        substitute = self._keys.get(keymaps.key_name(stroke.key))
        return substitute or self._keyboard.press(stroke.key)

    def _bounded(self) -> list[Signal]:
        longest = self._settings.max_length
        if len(self._text) <= longest and len(self._raw) <= longest * RAW_A_CHARACTER:
            return []
        told = Noise(bytes(self._raw), self._fault or f"no end of scan within {longest} characters")
        self._clear()
        self._fault = "end of a scan that is too long"
        return [told]

    def _ended(self) -> list[Signal]:
        told = Noise(bytes(self._raw), self._fault) if self._fault else self._decoded()
        self._clear()
        return [] if told is None else [told]

    def _decoded(self) -> Signal | None:
        prefix, text = self._settings.prefix, self._text
        if not text:
            return None
        if not text.startswith(prefix):
            return Noise(bytes(self._raw), f"prefix {prefix!r} is missing")
        text = text[len(prefix) :]
        match = SYMBOLOGY_IDENTIFIER.match(text) if self._settings.symbology_identifier else None
        symbology = match[0] if match else ""
        code = text[len(symbology) :].translate(self._characters)
        return Scan(bytes(self._raw), code, symbology) if code else Noise(bytes(self._raw), "no code in the scan")

    def _clear(self) -> None:
        self._text = self._fault = ""
        self._raw = bytearray()
        self._keyboard.drop()
