"""A scanner that types: text in, the events that a Linux computer sees, out.

A model of its own, so that the driver's tables are not measured by themselves: the layouts stand here as what is
engraved on the keys, the keys as the usages of the USB keyboard page, and usages become key codes as in the kernel's
hid-input.  Nothing of this comes from the driver.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EV_SYN, EV_KEY, EV_MSC, MSC_SCAN, SYN_REPORT, SYN_DROPPED = 0, 1, 4, 4, 0, 3
NATIVE = struct.Struct("@llHHi")
RECORDED = struct.Struct("<qqHHi")
"""How captures are kept: the `struct input_event` of a 64-bit little-endian machine."""

LETTERS = range(0x04, 0x1E)
CODES = dict(
    zip(
        LETTERS,
        (30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44),
        strict=True,
    )
) | dict(
    zip(
        range(0x1E, 0x46),
        (*range(2, 12), 28, 1, 14, 15, 57, 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53, 58, *range(59, 69), 87, 88),
        strict=True,
    )
)
CODES |= dict(
    zip(range(0x53, 0x65), (69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83, 86), strict=True)
)
CODES |= dict(zip(range(0xE0, 0xE8), (29, 42, 56, 125, 97, 54, 100, 126), strict=True))
"""USB usage -> key code of Linux."""

CTRL, SHIFT, ALT, RIGHT_SHIFT, ALTGR = 0xE0, 0xE1, 0xE2, 0xE5, 0xE6
ENTER, TAB, SPACE, CAPS, KEYPAD_ENTER, KEYPAD_0, KEYPAD_1 = 0x28, 0x2B, 0x2C, 0x39, 0x58, 0x62, 0x59
F1 = 0x3A

PLACES = (
    (0x35, *range(0x1E, 0x28), 0x2D, 0x2E),
    (0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30),
    (0x04, 0x16, 0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x32),
    (0x64, 0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38),
)
ENGRAVED = {
    "us": """
        `~ 1! 2@ 3# 4$ 5% 6^ 7& 8* 9( 0) -_ =+
        qQ wW eE rR tT yY uU iI oO pP [{ ]}
        aA sS dD fF gG hH jJ kK lL ;: '" \\|
        \\| zZ xX cC vV bB nN mM ,< .> /?
    """,
    "uk": """
        `¬¦ 1! 2" 3£ 4$€ 5% 6^ 7& 8* 9( 0) -_ =+
        qQ wW eEéÉ rR tT yY uUúÚ iIíÍ oOóÓ pP [{ ]}
        aAáÁ sS dD fF gG hH jJ kK lL ;: '@ #~
        \\| zZ xX cC vV bB nN mM ,< .> /?
    """,
    "de": """
        ^° 1! 2"² 3§³ 4$ 5% 6& 7/{ 8([ 9)] 0=} ß?\\ \u00b4`
        qQ@ wW eE€ rR tT zZ uU iI oO pP üÜ +*~
        aA sS dD fF gG hH jJ kK lL öÖ äÄ #'
        <>| yY xX cC vV bB nN mMµ ,; .: -_
    """,
    "fr": """
        ² &1 é2~ "3# '4{ (5[ -6| è7` _8\\ ç9^ à0@ )°] =+}
        aA zZ eE€ rR tT yY uU iI oO pP ^¨ $£¤
        qQ sS dD fF gG hH jJ kK lL mM ù% *µ
        <> wW xX cC vV bB nN ,? ;. :/ !§
    """,
}
DEAD = {"de": {(0x35, 0), (0x2E, 0), (0x2E, 1)}, "fr": {(0x2F, 0), (0x2F, 1), (0x1F, 2), (0x24, 2)}}
ACCENTED = {
    "^": {"a": "â", "e": "ê", "i": "î", "o": "ô", "u": "û", "A": "Â", "E": "Ê", "I": "Î", "O": "Ô", "U": "Û"},
    "\u00b4": dict(zip("aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ", strict=True)),
    "`": {"a": "à", "e": "è", "i": "ì", "o": "ò", "u": "ù", "A": "À", "E": "È", "I": "Ì", "O": "Ò", "U": "Ù"},
    "¨": {"a": "ä", "e": "ë", "i": "ï", "o": "ö", "u": "ü", "y": "ÿ", "A": "Ä", "E": "Ë", "I": "Ï", "O": "Ö", "U": "Ü"},
    "~": {"a": "ã", "n": "ñ", "o": "õ", "A": "Ã", "N": "Ñ", "O": "Õ"},
}
HELD_FOR = ((), (SHIFT,), (ALTGR,), (SHIFT, ALTGR))
CTRL_PLACES = {
    "us": {"\x1b": 0x2F, "\x1c": 0x31, "\x1d": 0x30, "\x1e": 0x23, "\x1f": 0x2D},
    "uk": {"\x1b": 0x2F, "\x1c": 0x32, "\x1d": 0x30, "\x1e": 0x23, "\x1f": 0x2D},
    "de": {"\x1b": 0x2F, "\x1c": 0x32, "\x1d": 0x30, "\x1e": 0x23, "\x1f": 0x38},
    "fr": {"\x1d": 0x30},
}
"""Keys that makers of scanners press with Ctrl for the control characters beside A to Z."""


class Event(NamedTuple):
    """One `struct input_event`."""

    time_us: int
    type: int
    code: int
    value: int


@dataclass
class Typist:
    """Types in one layout, and tells what the computer saw.  `step_us` passes between two reports."""

    layout: str = "us"
    time_us: int = 1_000_000
    step_us: int = 1_000
    events: list[Event] = field(default_factory=list)

    def type(self, text: str, *, controls: str = "alt", end: int | None = ENTER) -> Typist:
        """Type `text`, with control characters by `alt` codes or by `ctrl`, and the key that ends it."""
        for character in text:
            self._character(character, controls)
        return self if end is None else self.tap(end)

    def tap(self, usage: int, *held: int) -> Typist:
        """Press one key while others are held."""
        return self.down(*held, usage).up(usage, *reversed(held))

    def alt_code(self, digits: str) -> Typist:
        """Type digits on the keypad while Alt is held."""
        self.down(ALT)
        for digit in digits:
            self.tap(KEYPAD_0 if digit == "0" else KEYPAD_1 + int(digit) - 1)
        return self.up(ALT)

    def down(self, *usages: int) -> Typist:
        """Press keys, a report each."""
        return self._report(usages, 1)

    def up(self, *usages: int) -> Typist:
        """Release keys, a report each."""
        return self._report(usages, 0)

    def repeat(self, usage: int) -> Typist:
        """Be a key that is held so long that the kernel repeats it."""
        self.events += [Event(self.time_us, EV_KEY, CODES[usage], 2), Event(self.time_us, EV_SYN, SYN_REPORT, 1)]
        return self

    def overrun(self, *between: Event) -> Typist:
        """Be a buffer that overran: what stands between the mark and the next report is worth nothing."""
        self.events += [Event(self.time_us, EV_SYN, SYN_DROPPED, 0), *between, Event(self.time_us, EV_SYN, 0, 0)]
        return self

    def pause(self, time_us: int) -> Typist:
        """Let time pass."""
        self.time_us += time_us
        return self

    def _report(self, usages: Iterable[int], value: int) -> Typist:
        for usage in usages:
            self.time_us += self.step_us
            self.events += [
                Event(self.time_us, EV_MSC, MSC_SCAN, 0x70000 + usage),
                Event(self.time_us, EV_KEY, CODES[usage], value),
                Event(self.time_us, EV_SYN, SYN_REPORT, 0),
            ]
        return self

    def _character(self, character: str, controls: str) -> None:
        if character == " ":
            self.tap(SPACE)
        elif character < " ":
            self._control(character, controls)
        elif (found := place(self.layout, character)) is not None:
            usage, level = found
            self.tap(usage, *HELD_FOR[level])
            if found in DEAD.get(self.layout, ()):
                self.tap(SPACE)
        elif (accented := _accented(self.layout, character)) is not None:
            (usage, level), letter = accented
            self.tap(usage, *HELD_FOR[level])
            self._character(letter, controls)
        else:
            self.alt_code(f"0{character.encode('cp1252')[0]}")

    def _control(self, character: str, controls: str) -> None:
        letter = chr(ord(character) | 0x60)
        if controls == "alt":
            self.alt_code(f"{ord(character):04}")
        elif controls == "oem":
            self.alt_code(f"{ord(character):03}")
        elif "a" <= letter <= "z":
            usage, _ = place(self.layout, letter) or (0, 0)
            self.tap(usage, CTRL)
        elif character in CTRL_PLACES[self.layout]:
            self.tap(CTRL_PLACES[self.layout][character], CTRL)
        else:
            usage, level = place(self.layout, chr(ord(character) | 0x40)) or (0, 0)
            self.tap(usage, CTRL, *HELD_FOR[level])


def place(layout: str, character: str) -> tuple[int, int] | None:
    """The usage of the key that has `character`, and where on the key it stands; the first of several."""
    rows = [line.split() for line in ENGRAVED[layout].strip().splitlines()]
    for usages, caps in zip(PLACES, rows, strict=True):
        for usage, cap in zip(usages, caps, strict=True):
            if character in cap:
                return usage, cap.index(character)
    return None


def _accented(layout: str, character: str) -> tuple[tuple[int, int], str] | None:
    for accent, letters in ACCENTED.items():
        letter = next((one for one, whole in letters.items() if whole == character), None)
        found = place(layout, accent)
        if letter is not None and found in DEAD.get(layout, ()) and found is not None:
            return found, letter
    return None


def strokes(events: Iterable[Event]) -> bytes:
    """Key events as the driver's documentation writes them down."""
    told = ((event.code, event.value) for event in events if event.type == EV_KEY and event.value in (0, 1))
    return b"".join(b"%s%x" % (b"+" if value else b"-", code) for code, value in told)


def packed(events: Iterable[Event], layout: struct.Struct = NATIVE) -> bytes:
    """Events as the kernel of this machine gives them."""
    parts = ((*divmod(event.time_us, 1_000_000), event.type, event.code, event.value) for event in events)
    return b"".join(layout.pack(*part) for part in parts)


def recorded(data: bytes) -> list[Event]:
    """Events of a capture."""
    return [Event(s * 1_000_000 + us, kind, code, value) for s, us, kind, code, value in RECORDED.iter_unpack(data)]
