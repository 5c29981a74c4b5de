"""Keys of a `hid-scanner` in the station file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from drivers.contract import DeviceSettings
from drivers.scanners.keymaps import KEY_NAMES

REPLAY = "replay:"
"""Before the path of a named pipe that carries recorded events in place of a scanner."""


class HidScannerSettings(DeviceSettings):
    """Keys of a `hid-scanner`."""

    device: str = Field(
        description="Event device, best /dev/input/by-id/...-event-kbd; or replay: and the path of a named pipe."
    )
    layout: Literal["us", "uk", "de", "fr"] = Field(
        default="us", description="Keyboard layout the scanner types in; us, uk, de or fr, default us."
    )
    terminator: Literal["enter", "tab"] = Field(
        default="enter", description="Key after each code; enter (on keypad too) or tab, default enter."
    )
    silence_s: float = Field(
        default=0.5, gt=0, le=10, description="A scan that pauses so long is given up, seconds; default 0.5."
    )
    prefix: str = Field(default="", description="Characters before each code; default none.")
    symbology_identifier: bool = Field(
        default=False, description="The reader sends ISO/IEC 15424 identifiers (]C1, ]d2, ...); default false."
    )
    substitutes: dict[str, Literal["FS", "GS", "RS", "US", "EOT"]] = Field(
        default={},
        description="Character or key (F1 to F12) sent in place of a control character -> its name; default none.",
    )
    alt_code_page: Literal["cp437", "cp850"] = Field(
        default="cp437", description="What Alt codes without a leading zero count in; cp437 or cp850, default cp437."
    )
    max_length: int = Field(default=4096, gt=0, description="Longest code with its prefix, characters; default 4096.")

    @field_validator("device")
    @classmethod
    def _full_path(cls, device: str) -> str:
        if not device.removeprefix(REPLAY).startswith("/"):
            raise ValueError(f"{device!r} is no full path such as /dev/input/by-id/...-event-kbd")
        return device

    @field_validator("substitutes")
    @classmethod
    def _characters_or_keys(cls, substitutes: dict[str, str]) -> dict[str, str]:
        known = set(KEY_NAMES.values())
        for sent in substitutes:
            if len(sent) != 1 and sent not in known:
                raise ValueError(f"{sent!r} is neither one character nor a key; keys are {', '.join(sorted(known))}")
        return substitutes
