"""Which character a key types, in the layouts that scanners are made for.

Data, and the look-up in it; knows nothing of devices and keeps no state.  Keys have the numbers of the Linux kernel
(linux/input-event-codes.h), which name a place on the keyboard: key 44 is left of key 45 and types z, y or w.
The layouts are those of Windows, since scanners imitate a keyboard for Windows unless they are told otherwise.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

ESC, BACKSPACE, TAB, ENTER, SPACE, KEYPAD_ENTER = 1, 14, 15, 28, 57, 96
CAPS_LOCK, NUM_LOCK, SCROLL_LOCK = 58, 69, 70
SHIFT_KEYS, CONTROL_KEYS, META_KEYS = frozenset({42, 54}), frozenset({29, 97}), frozenset({125, 126})
LEFT_ALT, RIGHT_ALT = 56, 100
MODIFIERS = SHIFT_KEYS | CONTROL_KEYS | META_KEYS | {LEFT_ALT, RIGHT_ALT}

PLAIN, SHIFTED, ALTGR, SHIFTED_ALTGR = range(4)
"""Levels: what is engraved on a key below left, above left, below right and above right."""

ROWS = ((41, *range(2, 14)), tuple(range(16, 28)), (*range(30, 41), 43), (86, *range(44, 54)))
"""Keys of the four rows that differ between layouts, from left to right; 86 is beside the left shift key, and 43 is the
key that stands above Enter on an American keyboard and left of it on a European one."""

KEYPAD_DIGITS = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
"""Always digits: Num Lock belongs to the computer, and a scanner that uses the keypad means numbers."""

KEYPAD_DECIMAL = 83
EVERYWHERE = {
    ESC: "\x1b", BACKSPACE: "\b", TAB: "\t", ENTER: "\r", KEYPAD_ENTER: "\r", SPACE: " ",
    55: "*", 74: "-", 78: "+", 98: "/", 117: "=", 121: ",",
}  # fmt: skip
"""Keys that type the same in every layout."""

KEY_NAMES = {
    **{58 + number: f"F{number}" for number in range(1, 11)}, 87: "F11", 88: "F12", 99: "Print", 119: "Pause",
    102: "Home", 103: "Up", 104: "PageUp", 105: "Left", 106: "Right", 107: "End", 108: "Down", 109: "PageDown",
    110: "Insert", 111: "Delete",
}  # fmt: skip
"""Keys that type nothing.  A scanner may send one in place of a control character: F8 for GS is a usual factory
setting."""

ACUTE = "\u00b4"

COMPOSED = {"^": "aeiouAEIOU", ACUTE: "aeiouyAEIOUY", "`": "aeiouAEIOU", "¨": "aeiouyAEIOU", "~": "anoANO"}
"""Accent of a dead key -> letters it goes on."""

COMBINING = {"^": "\u0302", ACUTE: "\u0301", "`": "\u0300", "¨": "\u0308", "~": "\u0303"}

CODE_PAGES = ("cp437", "cp850")
"""What Alt codes without a leading zero count in: cp437 on American computers, cp850 on western European ones."""

ANSI = "cp1252"
"""What Alt codes with a leading zero count in."""

FIRST_PRINTABLE = 0x20
LAST_CODE = 0xFF


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: characters by level and key, the keys that are dead, and what Ctrl makes of a key.

    `controls` holds only keys beside the letters, which follow ASCII.  With `shift_lock`, Windows and Linux do not
    agree on what Caps Lock does to keys without a letter.
    """

    name: str
    levels: tuple[dict[int, str], dict[int, str], dict[int, str], dict[int, str]]
    dead: frozenset[tuple[int, int]] = frozenset()
    controls: dict[int, str] = field(default_factory=dict)
    decimal: str = "."
    shift_lock: bool = False

    @property
    def has_altgr(self) -> bool:
        """Whether the right Alt key is AltGr; else it is an Alt key like the left one."""
        return bool(self.levels[ALTGR])


def character(layout: Layout, key: int, level: int, *, caps: bool = False) -> str:
    """Return what `key` types; empty if nothing, or if it is not sure what."""
    if key not in layout.levels[PLAIN] and key not in layout.levels[SHIFTED]:
        return _everywhere(layout, key, level)
    typed, other = (layout.levels[which].get(key, "") for which in (level, level ^ SHIFTED))
    if not caps:
        return typed
    if typed and other and (typed.upper() == other or typed == other.upper()):
        return other
    return "" if layout.shift_lock and level in {PLAIN, SHIFTED} else typed


def control(layout: Layout, key: int, level: int) -> str:
    """Return the control character that Ctrl and `key` type; empty if none, or if it is not sure which."""
    if key in {ENTER, KEYPAD_ENTER}:
        return "\n"
    typed = layout.levels[level if level in {ALTGR, SHIFTED_ALTGR} else PLAIN].get(key, "")
    if level in {ALTGR, SHIFTED_ALTGR}:
        return chr(ord(typed) & 0x1F) if typed and typed in "@[\\]^_" else ""
    if typed.isascii() and typed.isalpha():
        return chr(ord(typed) & 0x1F)
    return layout.controls.get(key, "")


def composed(accent: str, typed: str) -> str:
    """Return what a dead key's `accent` and the text after it become: one letter, or both; a blank gives the accent."""
    if typed == " ":
        return accent
    if typed and typed in COMPOSED.get(accent, ""):
        return unicodedata.normalize("NFC", typed + COMBINING[accent])
    return accent + typed


def alt_code(digits: str, code_page: str) -> str:
    """Return what Alt and `digits` on the keypad type; empty for a number that is no character.

    Below 32 it is the control character of that number, not the picture that a screen shows for it.
    """
    number = int(digits)
    if number > LAST_CODE:
        return ""
    if number < FIRST_PRINTABLE:
        return chr(number)
    try:
        return bytes([number]).decode(ANSI if digits.startswith("0") else code_page)
    except UnicodeDecodeError:
        return ""


def key_name(key: int) -> str:
    """Name a key for a person."""
    return KEY_NAMES.get(key, f"key {key}")


def _everywhere(layout: Layout, key: int, level: int) -> str:
    if level in {ALTGR, SHIFTED_ALTGR}:
        return ""
    if key in KEYPAD_DIGITS:
        return KEYPAD_DIGITS[key] if level == PLAIN else ""
    return layout.decimal if key == KEYPAD_DECIMAL else EVERYWHERE.get(key, "")


def _level(*rows: str) -> dict[int, str]:
    """One level from four strings, a row each; a blank is a key that types nothing."""
    pairs = ((key, typed) for keys, row in zip(ROWS, rows, strict=True) for key, typed in zip(keys, row, strict=False))
    return {key: typed for key, typed in pairs if typed != " "}


US = Layout(
    "us",
    (
        _level("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\\zxcvbnm,./"),
        _level("~!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"|', "|ZXCVBNM<>?"),
        {},
        {},
    ),
    controls={26: "\x1b", 43: "\x1c", 86: "\x1c", 27: "\x1d", 7: "\x1e", 12: "\x1f"},
)
UK = Layout(
    "uk",
    (
        _level("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"),
        _level('¬!"£$%^&*()_+', "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"),
        _level("¦   €", "  é   úíó", "á", ""),
        _level("", "  É   ÚÍÓ", "Á", ""),
    ),
    controls={26: "\x1b", 43: "\x1c", 86: "\x1c", 27: "\x1d", 7: "\x1e", 12: "\x1f"},
)
DE = Layout(
    "de",
    (
        _level(f"^1234567890ß{ACUTE}", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"),
        _level('°!"§$%&/()=?`', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"),
        _level("  ²³   {[]}\\", "@ €        ~", "", "|      µ"),
        {},
    ),
    dead=frozenset({(41, PLAIN), (13, PLAIN), (13, SHIFTED)}),
    controls={26: "\x1b", 43: "\x1c", 27: "\x1d", 7: "\x1e", 41: "\x1e", 53: "\x1f"},
    decimal=",",
    shift_lock=True,
)
FR = Layout(
    "fr",
    (
        _level("²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!"),
        _level(" 1234567890°+", "AZERTYUIOP¨£", "QSDFGHJKLM%µ", ">WXCVBN?./§"),
        _level("  ~#{[|`\\^@]}", "  €        ¤", "", ""),
        {},
    ),
    dead=frozenset({(26, PLAIN), (26, SHIFTED), (3, ALTGR), (8, ALTGR)}),
    controls={27: "\x1d"},
    shift_lock=True,
)
LAYOUTS = {layout.name: layout for layout in (US, UK, DE, FR)}
"""Name in the station file -> layout.

The control characters of us, uk and de are the legacy ones of the Windows layouts.  On fr makers of scanners disagree
(Ctrl and the key with - and 6 is RS for one, US for another), so only GS is taken, and the others where the scanner
presses AltGr with Ctrl, so that the character itself tells.
"""
