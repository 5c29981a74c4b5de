"""zbar: reads linear codes, blurred ones better than zxing-cpp.

Uses the bindings of pyzbar and not its `decode`, which loses a whole picture to a ValueError at some codes, and which
does not tell a GS1-128 from a Code 128.  Its QR reader tells no FNC1 either and is not used: the same label must give
the same text and identifier whoever reads it.
"""

from __future__ import annotations

from ctypes import POINTER, c_uint, string_at
from typing import TYPE_CHECKING, Any

import numpy as np
from pyzbar import wrapper  # type: ignore[import-untyped]

from drivers.scanners.camera import check_digit
from drivers.scanners.camera.reading import Engine, Reading
from drivers.scanners.camera.symbol import Symbol, Symbology

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from drivers.scanners.camera.picture import Form

ZBarConfig, ZBarSymbol = wrapper.ZBarConfig, wrapper.ZBarSymbol

TYPES = {
    Symbology.CODABAR: ZBarSymbol.CODABAR,
    Symbology.CODE_128: ZBarSymbol.CODE128,
    Symbology.CODE_39: ZBarSymbol.CODE39,
    Symbology.CODE_93: ZBarSymbol.CODE93,
    Symbology.EAN_8: ZBarSymbol.EAN8,
    Symbology.EAN_13: ZBarSymbol.EAN13,
    Symbology.ITF: ZBarSymbol.I25,
}
"""UPC-A and UPC-E come as the EAN-13 that they mean, as long as zbar is not asked to keep them apart."""

NAMES = {int(kind): symbology for symbology, kind in TYPES.items()}

IDENTIFIERS = {
    Symbology.CODABAR: "]F0",
    Symbology.CODE_128: "]C0",
    Symbology.CODE_39: "]A0",
    Symbology.CODE_93: "]G0",
    Symbology.EAN_8: "]E4",
    Symbology.EAN_13: "]E0",
    Symbology.ITF: "]I0",
}
"""Source: ISO/IEC 15424; the same as zxing-cpp tells."""

GS1_128 = "]C1"
ITF_CHECKED = "]I1"
MODIFIER_GS1 = 1
"""Bit of zbar_symbol_get_modifiers for FNC1 in first position.  Source: zbar.h, 0.11 and later."""

EVERY_OTHER = 2
"""Lines from one that is looked along to the next: half the time of each line, and as many codes read."""

Y800 = int.from_bytes(b"Y800", "little")
"""zbar's name for 8-bit grey."""

_modifiers = wrapper.zbar_function("zbar_symbol_get_modifiers", c_uint, POINTER(wrapper.zbar_symbol))


def read(form: Form, wanted: Collection[Symbology]) -> list[Reading]:
    """Every linear code in `form` of the symbologies `wanted` that zbar knows."""
    kinds = [TYPES[symbology] for symbology in wanted if symbology in TYPES]
    if not kinds:
        return []
    scanner = _scanner(kinds)
    image = wrapper.zbar_image_create()
    try:
        return list(_readings(scanner, image, form))
    finally:
        wrapper.zbar_image_destroy(image)
        wrapper.zbar_image_scanner_destroy(scanner)


def _scanner(kinds: Iterable[int]) -> Any:
    scanner = wrapper.zbar_image_scanner_create()
    wrapper.zbar_image_scanner_set_config(scanner, 0, ZBarConfig.CFG_ENABLE, 0)
    for kind in kinds:
        wrapper.zbar_image_scanner_set_config(scanner, kind, ZBarConfig.CFG_ENABLE, 1)
    for density in (ZBarConfig.CFG_X_DENSITY, ZBarConfig.CFG_Y_DENSITY):
        wrapper.zbar_image_scanner_set_config(scanner, 0, density, EVERY_OTHER)
    return scanner


def _readings(scanner: Any, image: Any, form: Form) -> Iterator[Reading]:
    height, width = form.pixels.shape
    data = np.ascontiguousarray(form.pixels)
    wrapper.zbar_image_set_format(image, Y800)
    wrapper.zbar_image_set_size(image, width, height)
    wrapper.zbar_image_set_data(image, data.ctypes.data, data.size, None)
    wrapper.zbar_scan_image(scanner, image)
    code = wrapper.zbar_image_first_symbol(image)
    while code:
        symbology = NAMES.get(code.contents.type)
        if symbology is not None:
            lines = wrapper.zbar_symbol_get_quality(code)
            yield Reading(_symbol(code, symbology, form), Engine.ZBAR, form.sampling, lines)
        code = wrapper.zbar_symbol_next(code)


def _symbol(code: Any, symbology: Symbology, form: Form) -> Symbol:
    raw = string_at(wrapper.zbar_symbol_get_data(code), wrapper.zbar_symbol_get_data_length(code))
    is_gs1 = symbology is Symbology.CODE_128 and _modifiers(code) & MODIFIER_GS1
    text = raw.decode("latin-1")
    identifier = GS1_128 if is_gs1 else IDENTIFIERS[symbology]
    if symbology is Symbology.ITF and check_digit.is_right(text):
        identifier = ITF_CHECKED
    return Symbol(symbology, text, raw, identifier, form.corners(_box(code)))


def _box(code: Any) -> list[tuple[int, int]]:
    """The upright box round all points at which the code was seen."""
    points = range(wrapper.zbar_symbol_get_loc_size(code))
    xs = [wrapper.zbar_symbol_get_loc_x(code, point) for point in points] or [0]
    ys = [wrapper.zbar_symbol_get_loc_y(code, point) for point in points] or [0]
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
