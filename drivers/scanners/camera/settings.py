"""Keys of a `camera-scanner`."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from drivers.contract import DeviceSettings
from drivers.scanners.camera.symbol import EVERYTHING, Symbology

NETWORK = ("http://", "https://", "rtsp://", "rtsps://")

WHOLE = (0.0, 0.0, 1.0, 1.0)

USUAL = tuple(sorted(EVERYTHING - {Symbology.ITF}))
"""All but ITF, which has no start that a part of it lacks: half a code reads like a shorter one."""


class CameraScannerSettings(DeviceSettings):
    """Keys of a `camera-scanner`."""

    source: str = Field(
        description="Camera (/dev/video0, best /dev/v4l/by-id/...), picture, video or folder of pictures (full path), "
        "or address (http:// MJPEG, rtsp://)."
    )
    width: int = Field(default=0, ge=0, description="Pixels a line to ask of a camera; default 0, as it is set.")
    height: int = Field(default=0, ge=0, description="Lines to ask of a camera; default 0, as it is set.")
    existing: bool = Field(
        default=True, description="Read the pictures that lie in the folder at the start; default true."
    )
    region: tuple[float, float, float, float] = Field(
        default=WHOLE,
        description="Where codes are looked for: left, top, right, bottom as parts of the picture, 0 to 1; "
        "default all of it.",
    )
    symbologies: tuple[Symbology, ...] = Field(
        default=USUAL, min_length=1, description="Symbologies to read; default all but ITF."
    )
    itf_lengths: tuple[int, ...] = Field(
        default=(), description="Lengths of ITF codes, with their check digit; must be given to read ITF; default none."
    )
    single_read: tuple[Symbology, ...] = Field(
        default=(), description="Symbologies passed on after one reading instead of two equal ones; default none."
    )
    patience_s: float = Field(
        default=0.05,
        ge=0,
        le=2,
        description="No further look at a frame begins after so long, s; 0: one only; default 0.05.",
    )
    holdoff_s: float = Field(
        default=3.0, ge=0, le=3600, description="A code is not passed on again until unseen for so long, s; default 3."
    )
    dark_below: float = Field(
        default=20.0,
        ge=0,
        le=255,
        description="Mean grey value below which a picture is dark; 0: not told; default 20.",
    )
    blind_below: float = Field(
        default=4.0, ge=0, le=128, description="Spread of grey values below which the camera is covered; default 4."
    )
    focus_below: float = Field(
        default=8.0, ge=0, description="Sharpness below which a picture is out of focus; 0: not told; default 8."
    )
    condition_frames: int = Field(
        default=10, ge=1, le=10000, description="Frames after which a condition begins or ends; default 10."
    )

    @field_validator("source")
    @classmethod
    def _full_path_or_address(cls, source: str) -> str:
        if not source.startswith(("/", *NETWORK)):
            raise ValueError(f"{source!r} is neither a full path such as /dev/video0 nor one of {', '.join(NETWORK)}")
        if source.startswith(NETWORK) and not _host(source):
            raise ValueError(f"{source!r} names no host, or a port that is no number: http://HOST:PORT/PATH")
        return source

    @field_validator("region")
    @classmethod
    def _inside(cls, region: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        left, top, right, bottom = region
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"{list(region)} is not left, top, right, bottom with 0 <= left < right <= 1, and so down")
        return region

    @model_validator(mode="after")
    def _itf_with_lengths(self) -> Self:
        if (Symbology.ITF in self.symbologies) != bool(self.itf_lengths):
            raise ValueError("ITF is read only with `itf_lengths` given and ITF among `symbologies`: give both or none")
        if wrong := [length for length in self.itf_lengths if length < ITF_SHORTEST or length % 2]:
            raise ValueError(f"itf_lengths {wrong}: an ITF code has an even number of digits, {ITF_SHORTEST} or more")
        return self


def _host(address: str) -> str:
    """The host that `address` names; empty where there is none, or a port beside it that cannot be."""
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        return ""
    return "" if port == 0 else url.hostname or ""


ITF_SHORTEST = 6
"""Digits; fewer are found in any pattern of stripes, and zbar does not tell them."""
