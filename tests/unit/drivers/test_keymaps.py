"""Layouts: what each key types, measured against a model of its own and against the layouts of X."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners import keymaps
from drivers.scanners.keyboard import Keyboard, Untypable, text_of
from drivers.scanners.keymaps import ALTGR, LAYOUTS, PLAIN, SHIFTED, SHIFTED_ALTGR, Layout
from tests.support.typist import CAPS, Typist, strokes

if TYPE_CHECKING:
    from collections.abc import Iterator

PRINTABLE = "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x100))))
CONTROLS = "\x04\x1c\x1d\x1e\x1f\x1b"
CTRL_KNOWN = {"us": CONTROLS, "uk": CONTROLS, "de": CONTROLS, "fr": "\x04\x1b\x1c\x1d\x1e"}
"""What a typist can make with Ctrl; on fr no key has US to itself."""

Keys = dict[tuple[int, int], str]


@pytest.fixture(params=sorted(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


def read(typist: Typist, layout: Layout) -> str:
    return unnamed(text_of(strokes(typist.events), layout))


def unnamed(text: str) -> str:
    """The text with one U+FFFD for each key that means nothing."""
    return re.sub("\ufffd[^\ufffd]*\ufffd", "\ufffd", text)


@given(text=st.text(st.sampled_from(PRINTABLE + CONTROLS), max_size=60), controls=st.sampled_from(["alt", "oem"]))
@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_what_is_typed_is_read(name: str, text: str, controls: str) -> None:
    """Any printable Latin-1 text and the separators of labels come out as they were typed, in every layout."""
    assert read(Typist(name).type(text, controls=controls, end=None), LAYOUTS[name]) == text


@given(data=st.data())
@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_control_characters_by_ctrl(name: str, data: st.DataObject) -> None:
    """Control characters arrive also from a scanner that presses Ctrl for them."""
    text = data.draw(st.text(st.sampled_from("aZ9" + CTRL_KNOWN[name]), max_size=30))
    assert read(Typist(name).type(text, controls="ctrl", end=None), LAYOUTS[name]) == text


def test_every_letter_with_ctrl_is_its_control_character(layout: Layout) -> None:
    """Ctrl and A to Z give 1 to 26, wherever the letter is in this layout; Tab, Enter and Backspace are among them."""
    text = "".join(map(chr, range(1, 27)))
    assert read(Typist(layout.name).type(text, controls="ctrl", end=None), layout) == text


def test_caps_lock_turns_the_case_of_letters(layout: Layout) -> None:
    """Capitals by Caps Lock are capitals, shift turns them back, and a second press ends it."""
    typist = Typist(layout.name).tap(CAPS).type("sN", end=None).tap(CAPS).type("sN", end=None)
    assert read(typist, layout) == "SnsN"


def test_other_locks_change_nothing(layout: Layout) -> None:
    """Num Lock (usage 0x53) and Scroll Lock (0x47) are the computer's; what is typed stays the same."""
    assert read(Typist(layout.name).tap(0x53).type("sN", end=None), layout) == "sN"
    assert Keyboard(layout).press(70) == ""


def test_caps_lock_on_a_digit_is_not_guessed() -> None:
    """Where Windows and Linux disagree on Caps Lock, the key means nothing; where they agree, it is the digit."""
    assert read(Typist("us").tap(CAPS).type("1", end=None), LAYOUTS["us"]) == "1"
    assert read(Typist("de").tap(CAPS).type("1", end=None), LAYOUTS["de"]) == "\ufffd"


@pytest.mark.parametrize(
    ("digits", "page", "typed"),
    [
        ("0029", "cp437", "\x1d"),
        ("029", "cp437", "\x1d"),
        ("29", "cp437", "\x1d"),
        ("030", "cp850", "\x1e"),
        ("4", "cp437", "\x04"),
        ("0", "cp437", "\x00"),
        ("065", "cp437", "A"),
        ("0233", "cp437", "é"),
        ("130", "cp437", "é"),
        ("130", "cp850", "é"),
        ("233", "cp437", "Θ"),
        ("233", "cp850", "Ú"),
        ("0128", "cp437", "€"),
        ("0129", "cp437", "\ufffd"),
        ("256", "cp437", "\ufffd"),
        ("8364", "cp437", "\ufffd"),
        ("99999", "cp437", "\ufffd"),
        ("000029", "cp437", "\ufffd\x02"),
    ],
)
def test_alt_codes(digits: str, page: str, typed: str) -> None:
    """Three digits count in the DOS code page, a leading zero in the Windows one; what is no byte is no character."""
    raw = strokes(Typist().alt_code(digits).events)
    assert unnamed(text_of(raw, LAYOUTS["us"], page)) == typed


def test_ctrl_and_left_alt_are_altgr() -> None:
    """Windows knows no difference, so scanners may press either."""
    typist = Typist("de").down(0xE0, 0xE2).tap(0x14).up(0xE2, 0xE0)
    assert read(typist, LAYOUTS["de"]) == "@"
    assert read(typist, LAYOUTS["us"]) == "\ufffd"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("^ ", "^"),
        ("^a", "â"),
        ("^x", "^x"),
        ("^^", "^^"),
        ("^\u00b4", "^\u00b4"),
        ("`E", "È"),
        ("^\r", "^\r"),
    ],
)
def test_dead_keys_as_windows_has_them(text: str, typed: str) -> None:
    """An accent goes on its letters, a blank makes it stand alone, and anything else leaves both."""
    typist = Typist("de")
    for character in text:
        match character:
            case "^":
                typist.tap(0x35)
            case "\u00b4":
                typist.tap(0x2E)
            case "`":
                typist.tap(0x2E, 0xE1)
            case "\r":
                typist.tap(0x28)
            case _:
                typist.type(character, end=None)
    assert read(typist, LAYOUTS["de"]) == typed


@given(strokes=st.lists(st.tuples(st.booleans(), st.integers(0, 0xFFFF) | st.integers(0, 130)), max_size=60))
@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_no_keys_can_break_a_keyboard(name: str, strokes: list[tuple[bool, int]]) -> None:
    """Whatever is pressed and released is text or is told to be none."""
    keyboard = Keyboard(LAYOUTS[name])
    for pressed, key in strokes:
        assert isinstance(keyboard.press(key) if pressed else keyboard.release(key), str | Untypable)


WINDOWS_OTHERWISE: dict[str, Keys] = {
    "us": {(86, PLAIN): "\\", (86, SHIFTED): "|"},
    "uk": {
        (41, ALTGR): "¦",
        **{(key, ALTGR): typed for key, typed in zip((30, 18, 23, 24, 22), "áéíóú", strict=True)},
        **{(key, SHIFTED_ALTGR): typed for key, typed in zip((30, 18, 23, 24, 22), "ÁÉÍÓÚ", strict=True)},
    },
    "de": {},
    "fr": {},
}
"""What Windows has otherwise than X: scanners imitate a keyboard for Windows."""

ONLY_X: dict[str, Keys] = {"fr": {(41, SHIFTED): "~"}}
"""Keys without AltGr that type nothing on Windows."""

X_NAMES = {"uk": "gb"}


class Xkb:
    """The layouts of X, read by libxkbcommon from xkb-data."""

    def __init__(self, library: str) -> None:
        self._lib = ctypes.CDLL(library)
        self._lib.xkb_context_new.restype = ctypes.c_void_p
        self._lib.xkb_keymap_new_from_names.restype = ctypes.c_void_p
        self._lib.xkb_keymap_key_get_syms_by_level.restype = ctypes.c_int
        self._lib.xkb_keysym_to_utf32.restype = ctypes.c_uint32
        self._lib.xkb_keysym_to_utf32.argtypes = [ctypes.c_uint32]
        self._context = ctypes.c_void_p(self._lib.xkb_context_new(0))

    def keys(self, layout: str) -> Iterator[tuple[int, int, str, bool]]:
        """Key, level, character and whether it is dead, of all keys that type a character."""

        class Names(ctypes.Structure):
            _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]

        names = Names(b"evdev", b"pc105", layout.encode(), b"", b"")
        keymap = ctypes.c_void_p(self._lib.xkb_keymap_new_from_names(self._context, ctypes.byref(names), 0))
        for key in (key for row in keymaps.ROWS for key in row):
            for level in range(4):
                symbols = ctypes.POINTER(ctypes.c_uint32)()
                count = self._lib.xkb_keymap_key_get_syms_by_level(keymap, key + 8, 0, level, ctypes.byref(symbols))
                if count == 1:
                    yield key, level, *self._character(symbols[0])

    def _character(self, symbol: int) -> tuple[str, bool]:
        name = ctypes.create_string_buffer(64)
        self._lib.xkb_keysym_get_name(ctypes.c_uint32(symbol), name, 64)
        dead = {b"dead_circumflex": "^", b"dead_acute": "\u00b4", b"dead_grave": "`", b"dead_diaeresis": "¨"}
        if name.value.startswith(b"dead_"):
            return dead.get(name.value, ""), True
        code = self._lib.xkb_keysym_to_utf32(symbol)
        return chr(code) if code else "", False


@pytest.fixture(scope="module")
def xkb() -> Xkb:
    library = ctypes.util.find_library("xkbcommon")
    if library is None:
        pytest.skip("libxkbcommon is not installed: apt-get install libxkbcommon0 xkb-data")
    return Xkb(library)


def test_keys_are_those_of_x(xkb: Xkb, layout: Layout) -> None:
    """Every key types at every level what it types under X, but for the keys named here."""
    theirs = {(key, level): typed for key, level, typed, _ in xkb.keys(X_NAMES.get(layout.name, layout.name))}
    ours = {(key, level): typed for level, keys in enumerate(layout.levels) for key, typed in keys.items()}
    others = {place: typed for place, typed in ours.items() if theirs.get(place) != typed}
    missing = {place: typed for place, typed in theirs.items() if place[1] in (PLAIN, SHIFTED) and place not in ours}
    assert others == WINDOWS_OTHERWISE[layout.name]
    assert missing == ONLY_X.get(layout.name, {})


def test_dead_keys_are_those_of_x(xkb: Xkb, layout: Layout) -> None:
    """Without AltGr the same keys are dead; with it X has dead keys that Windows has not, and none on fr."""
    theirs = {(key, level) for key, level, _, dead in xkb.keys(X_NAMES.get(layout.name, layout.name)) if dead}
    assert {place for place in layout.dead if place[1] in (PLAIN, SHIFTED)} == {
        place for place in theirs if place[1] in (PLAIN, SHIFTED)
    }


def test_accents_are_one_character() -> None:
    """Every letter that an accent goes on has a letter of its own in Unicode."""
    for accent, letters in keymaps.COMPOSED.items():
        assert [x for x in letters if len(unicodedata.normalize("NFC", x + keymaps.COMBINING[accent])) != 1] == []
