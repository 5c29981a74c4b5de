"""zxing-cpp: reads every symbology we know.

Source of the names: zxing-cpp's Python module, 3.x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zxingcpp
from zxingcpp import BarcodeFormat, BarcodeFormats

from drivers.scanners.camera.reading import Engine, Reading
from drivers.scanners.camera.symbol import Corner, Symbol, Symbology

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivers.scanners.camera.picture import Form

FORMATS = {
    Symbology.AZTEC: (BarcodeFormat.Aztec,),
    Symbology.CODABAR: (BarcodeFormat.Codabar,),
    Symbology.CODE_128: (BarcodeFormat.Code128,),
    Symbology.CODE_39: (BarcodeFormat.Code39,),
    Symbology.CODE_93: (BarcodeFormat.Code93,),
    Symbology.DATABAR: (BarcodeFormat.DataBar,),
    Symbology.DATA_MATRIX: (BarcodeFormat.DataMatrix,),
    Symbology.EAN_8: (BarcodeFormat.EAN8,),
    Symbology.EAN_13: (BarcodeFormat.EAN13, BarcodeFormat.UPCA, BarcodeFormat.UPCE),
    Symbology.ITF: (BarcodeFormat.ITF,),
    Symbology.MICRO_QR: (BarcodeFormat.MicroQRCode,),
    Symbology.PDF417: (BarcodeFormat.PDF417,),
    Symbology.QR: (BarcodeFormat.QRCode,),
    Symbology.RMQR: (BarcodeFormat.RMQRCode,),
}

VARIANTS = {
    "AztecRune": Symbology.AZTEC,
    "CompactPDF417": Symbology.PDF417,
    "MicroPDF417": Symbology.PDF417,
    "QRCodeModel1": Symbology.QR,
    "QRCodeModel2": Symbology.QR,
}
"""Names that come back beside those asked for; DataBar's many begin with its own."""

NAMES = {form.name: symbology for symbology, forms in FORMATS.items() for form in forms} | VARIANTS


def read(form: Form, wanted: Iterable[Symbology]) -> list[Reading]:
    """Every code in `form` of the symbologies `wanted`; a linear code only if two of its lines say the same.

    The text is plain: zxing-cpp's own default rewrites GS1 and ISO/IEC 15434 contents for people.
    """
    formats = [one for symbology in wanted for one in FORMATS[symbology]]
    if not formats:
        return []
    found = zxingcpp.read_barcodes(form.pixels, formats=BarcodeFormats(formats), text_mode=zxingcpp.TextMode.Plain)
    return [Reading(_symbol(code, form), Engine.ZXING, form.sampling) for code in found if code.text]


def _symbol(code: zxingcpp.Barcode, form: Form) -> Symbol:
    return Symbol(
        _symbology(code.format.name), code.text, code.bytes, code.symbology_identifier, form.corners(_corners(code))
    )


def _symbology(name: str) -> Symbology:
    return Symbology.DATABAR if name.startswith("DataBar") else NAMES[name]


def _corners(code: zxingcpp.Barcode) -> list[Corner]:
    place = code.position
    corners = place.top_left, place.top_right, place.bottom_right, place.bottom_left
    return [(corner.x, corner.y) for corner in corners]
