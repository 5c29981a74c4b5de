"""A keyboard under invisible fingers: key presses in, text out.

Keeps the state of one keyboard (modifiers, Caps Lock, dead key, Alt code), so two of them never mix.  Knows nothing of
devices, times and what the text means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.scanners import keymaps
from drivers.scanners.keymaps import (
    CAPS_LOCK,
    CONTROL_KEYS,
    KEYPAD_DIGITS,
    LEFT_ALT,
    META_KEYS,
    MODIFIERS,
    NUM_LOCK,
    RIGHT_ALT,
    SCROLL_LOCK,
    SHIFT_KEYS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivers.scanners.keymaps import Layout

ALT_DIGITS = 5
"""Digits of the longest Alt code."""

STROKE = re.compile(rb"([+-])([0-9a-f]+)")
UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Untypable:
    """A key that means no character here, and why."""

    reason: str


class Keyboard:
    """Turns presses and releases into text, as the computer that the scanner is made for would."""

    def __init__(self, layout: Layout, code_page: str = keymaps.CODE_PAGES[0]) -> None:
        self._layout = layout
        self._code_page = code_page
        self._held: frozenset[int] = frozenset()
        self._accent = ""
        self._digits = ""
        self.caps = False
        """Whether Caps Lock is on."""

    def start(self, held: Iterable[int] = ()) -> None:
        """Begin anew with the modifiers among `held` down and Caps Lock off."""
        self._held = MODIFIERS & frozenset(held)
        self.caps = False
        self.drop()

    def drop(self) -> None:
        """Forget a dead key and an Alt code that wait for more."""
        self._accent = self._digits = ""

    def press(self, key: int) -> str | Untypable:
        """Return what is typed when `key` goes down; empty for a key that only prepares the next."""
        if key in MODIFIERS:
            self._held |= {key}
            return ""
        if key in {CAPS_LOCK, NUM_LOCK, SCROLL_LOCK}:
            self.caps ^= key == CAPS_LOCK
            return ""
        if self._held & META_KEYS:
            return Untypable(f"{keymaps.key_name(key)} with the Windows key is no character")
        control = bool(self._held & CONTROL_KEYS)
        altgr = self._layout.has_altgr and (RIGHT_ALT in self._held or (control and LEFT_ALT in self._held))
        if not altgr and self._held & {LEFT_ALT, RIGHT_ALT}:
            return self._with_alt(key)
        level = bool(self._held & SHIFT_KEYS) + 2 * altgr
        if control and (RIGHT_ALT in self._held or not altgr):
            return self._accented(keymaps.control(self._layout, key, level), f"{keymaps.key_name(key)} with Ctrl")
        return self._with_level(key, level)

    def release(self, key: int) -> str | Untypable:
        """Return what is typed when `key` goes up: the character of an Alt code, else nothing."""
        self._held -= {key}
        if not self._digits or self._held & {LEFT_ALT, RIGHT_ALT}:
            return ""
        digits, self._digits = self._digits, ""
        typed = keymaps.alt_code(digits, self._code_page)
        accent, self._accent = self._accent, ""
        return accent + typed if typed else Untypable(f"Alt code {digits} is no character of one byte")

    def _with_alt(self, key: int) -> str | Untypable:
        if key not in KEYPAD_DIGITS or self._held & CONTROL_KEYS or len(self._digits) == ALT_DIGITS:
            return Untypable(f"{keymaps.key_name(key)} with Alt is no character")
        self._digits += KEYPAD_DIGITS[key]
        return ""

    def _with_level(self, key: int, level: int) -> str | Untypable:
        typed = keymaps.character(self._layout, key, level, caps=self.caps)
        if (key, level) in self._layout.dead and typed and not self._accent:
            self._accent = typed
            return ""
        return self._accented(typed, keymaps.key_name(key))

    def _accented(self, typed: str, what: str) -> str | Untypable:
        if not typed:
            return Untypable(f"{what} is no character in layout {self._layout.name}")
        accent, self._accent = self._accent, ""
        return keymaps.composed(accent, typed) if accent else typed


def written(key: int, *, pressed: bool) -> bytes:
    """One stroke as it is kept: + or - for down or up, and the number of the key in hexadecimal."""
    return b"%c%x" % (b"+" if pressed else b"-", key)


def text_of(raw: bytes, layout: Layout, code_page: str = keymaps.CODE_PAGES[0]) -> str:
    """Read kept strokes again, in any layout; a key without a meaning gives its name between two U+FFFD."""
    keyboard = Keyboard(layout, code_page)
    text = ""
    for sign, number in STROKE.findall(raw):
        key = int(number, 16)
        typed = keyboard.press(key) if sign == b"+" else keyboard.release(key)
        text += f"{UNREADABLE}{keymaps.key_name(key)}{UNREADABLE}" if isinstance(typed, Untypable) else typed
    return text
