"""Tell from what arrived of a known code what is wrong with the scanner's set-up.

Text in, findings out: opens nothing and knows no driver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.cli.test_card.codes import CONTROLS
from drivers.contract import Noise, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.cli.test_card.codes import CardCode

IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z]")
NAMES = {name: control for control, name in CONTROLS.items()}
LONGEST_STAND_IN = 12
"""Characters that may come in place of one control character: <GS> spelled out, or the name of a key."""

UNREADABLE = "\ufffd"
"""Stands around the name of a key that means nothing."""

KEY = re.compile(f"{UNREADABLE}(\\w+){UNREADABLE}")
"""Such a key that can be named in the station file."""

CONTROL_REMEDY = (
    'let the scanner send control characters: in keyboard mode look for "Ctrl + ASCII", "Control + X" or "Alt mode" in '
    'its manual, in serial mode for "send FNC1 as GS" and for filters that strip them'
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What the station file says of the scanner; `layout` is empty for one that does not type."""

    layout: str = ""
    prefix: str = ""
    identifiers: bool = False
    substitutes: Mapping[str, str] = field(default_factory=dict)


def diagnose(code: CardCode, heard: Scan | Noise | None, setup: Setup, typed: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with `heard`; nothing, if the code arrived as it should.

    `typed` is what the scanner's keys mean, by layout, for a scanner that types.
    """
    if heard is None:
        return [_silent(code, setup)]
    if isinstance(heard, Scan) and heard.text == code.text:
        return [*_identifier(code, heard.symbology, setup)]
    if isinstance(heard, Noise) and heard.reason.startswith("half a scan"):
        return [Finding("the code has no end", 'let the scanner send Enter after each code ("suffix CR")')]
    as_read = typed.get(setup.layout, "") if isinstance(heard, Noise) else heard.text
    others = {name: text for name, text in typed.items() if name != setup.layout}
    explained = _explained(code, as_read, setup)
    if explained is not None:
        return explained or _reason(heard)
    for layout, text in others.items():
        if (more := _explained(code, text, setup)) is not None:
            return [_layout(layout, setup), *more]
    return _reason(heard) or [_different(code, as_read)]


def _explained(code: CardCode, text: str, setup: Setup) -> list[Finding] | None:
    """What makes of `code` what came; None if that cannot be told."""
    text = text.rstrip("\r\n\t") if not code.text.endswith(tuple("\r\n\t")) else text
    match = _pattern(code).fullmatch(text) or _pattern(code).search(text)
    if match is None:
        return None
    before, after = text[: match.start()].removeprefix(setup.prefix), text[match.end() :]
    return [*_before(before, setup), *_after(after), *_controls(match, setup), *_case(code, match)]


def _pattern(code: CardCode) -> re.Pattern[str]:
    """The code in any case, each of its control characters as itself or as the same something everywhere."""
    parts, seen = [], set()
    for piece in re.split("([" + "".join(CONTROLS) + "])", code.text):
        name = CONTROLS.get(piece, "")
        if not name:
            parts.append(f"({re.escape(piece)})")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{re.escape(piece)}|[^{re.escape(piece)}]{{0,{LONGEST_STAND_IN}}}?)")
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _before(before: str, setup: Setup) -> Iterator[Finding]:
    identifier = IDENTIFIER.search(before)
    if identifier is not None and not setup.identifiers:
        yield Finding(
            f"a symbology identifier ({identifier[0]}) comes before the code", "set symbology_identifier = true"
        )
    if identifier is not None:
        before = before.replace(identifier[0], "", 1)
    if before:
        yield Finding(
            f"{before!r} comes before the code",
            f"set prefix = {_toml(setup.prefix + before)}, or switch it off in the scanner",
        )


def _after(after: str) -> Iterator[Finding]:
    if after:
        yield Finding(f"{after!r} comes after the code", "switch this suffix off in the scanner, or set it as suffix")


def _controls(match: re.Match[str], setup: Setup) -> Iterator[Finding]:
    for name, came in match.groupdict().items():
        if came == NAMES[name] or setup.substitutes.get(came) == name:
            continue
        if not came:
            yield Finding(f"{name} is lost", CONTROL_REMEDY)
        elif (key := KEY.fullmatch(came)) is not None:
            yield Finding(f"{name} comes as {key[1]}", _substitute(key[1], name) + CONTROL_REMEDY)
        elif len(came) == 1 and came.isprintable() and came != " ":
            yield Finding(f"{name} comes as {came!r}", _substitute(came, name) + CONTROL_REMEDY)
        else:
            yield Finding(f"{name} comes as {came!r}", CONTROL_REMEDY)


def _substitute(came: str, name: str) -> str:
    return f"set substitutes = {{ {_toml(came)} = {_toml(name)} }} if no code holds {came}; or better, "


def _case(code: CardCode, match: re.Match[str]) -> Iterator[Finding]:
    wanted = "".join(piece for piece in re.split("[" + "".join(CONTROLS) + "]", code.text))
    came = "".join(group for index, group in enumerate(match.groups(), 1) if index not in match.re.groupindex.values())
    if came == wanted:
        return
    if came in {wanted.lower(), wanted.upper()}:
        which = "small letters" if came == wanted.lower() else "capitals"
        yield Finding(f"all letters come as {which}", 'switch "convert case" or Caps Lock off in the scanner\'s set-up')
    elif came == wanted.swapcase():
        yield Finding("capitals and small letters are exchanged", "switch Caps Lock off in the scanner's set-up")
    else:
        yield Finding(
            f"some letters change their case: {came!r}", "look for case and Caps Lock in the scanner's set-up"
        )


def _identifier(code: CardCode, came: str, setup: Setup) -> Iterator[Finding]:
    if not setup.identifiers or came == code.identifier:
        return
    if not came:
        remedy = 'switch "transmit AIM identifier" on in the scanner, or set symbology_identifier = false'
        yield Finding("no symbology identifier comes", remedy)
    else:
        remedy = f"let the scanner read {code.symbol} as such"
        yield Finding(f"the code is told as {came} and not as {code.identifier}", remedy)


def _layout(layout: str, setup: Setup) -> Finding:
    return Finding(
        f'the scanner types in layout "{layout}" and not in "{setup.layout}"',
        f'set layout = "{layout}", or set the scanner\'s keyboard country to {setup.layout.upper()}',
    )


def _silent(code: CardCode, setup: Setup) -> Finding:
    mode = "USB keyboard (HID) mode" if setup.layout else "the mode that the station file says"
    remedy = f"if it did not beep, let it read {code.symbol}; if it did, put it into {mode} and let it send Enter"
    return Finding("nothing came", remedy)


def _reason(heard: Scan | Noise) -> list[Finding]:
    if isinstance(heard, Scan):
        return []
    return [Finding(heard.reason, "compare the scanner's set-up with the keys of this device in the station file")]


def _different(code: CardCode, text: str) -> Finding:
    at = next((at for at, (one, two) in enumerate(zip(code.text, text, strict=False)) if one != two), len(text))
    wanted, came = code.text[at : at + 1] or "its end", text[at : at + 1] or "its end"
    return Finding(
        f"from character {at + 1} on it is another text: {came!r} in place of {wanted!r} ({text!r})",
        "was it this code?  If so, compare the scanner's set-up with the station file",
    )


def _toml(text: str) -> str:
    """`text` as a string in a TOML file."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in plain) + '"'
