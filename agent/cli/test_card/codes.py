"""What the test card holds: codes chosen so that each kind of wrong set-up garbles at least one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GS, RS, EOT = "\x1d", "\x1e", "\x04"
CONTROLS = {GS: "GS", RS: "RS", EOT: "EOT"}

Symbol = Literal["Code 128", "GS1-128", "GS1 Data Matrix", "Data Matrix", "QR Code"]


@dataclass(frozen=True, slots=True)
class CardCode:
    """One code: what it is called, what is drawn, the text that must arrive, and the identifier a reader may send."""

    name: str
    symbol: Symbol
    text: str
    identifier: str
    proves: str
    elements: str = ""
    """The same as application identifiers in brackets, for GS1."""

    @property
    def shown(self) -> str:
        """The text with its control characters by name."""
        return "".join(f"<{CONTROLS[one]}>" if one in CONTROLS else one for one in self.text)


GS1_TEXT = f"01054123450000131729033110ABC123{GS}21XYZ"
GS1_ELEMENTS = "(01)05412345000013(17)290331(10)ABC123(21)XYZ"

CODES = (
    CardCode("digits", "Code 128", "SN0123456789", "]C0", "codes arrive, each ends by itself, digits are digits"),
    CardCode("case", "Code 128", "bCdEfGhIjK", "]C0", "capitals and small letters stay what they are"),
    CardCode("layout", "Code 128", "yzqwam YZQWAM ;:-_/+#@", "]C0", "scanner and computer use one keyboard layout"),
    CardCode("gs1-128", "GS1-128", GS1_TEXT, "]C1", "the separator GS arrives from a bar code", GS1_ELEMENTS),
    CardCode(
        "gs1-matrix", "GS1 Data Matrix", GS1_TEXT, "]d2", "the separator GS arrives from a matrix code", GS1_ELEMENTS
    ),
    CardCode(
        "iso15434",
        "Data Matrix",
        f"[)>{RS}06{GS}1P4711-A{GS}Q100{GS}S000123{GS}1TLOT7{RS}{EOT}",
        "]d1",
        "GS, RS and EOT of a supplier's label arrive",
    ),
    CardCode(
        "signs", "QR Code", "aZ09 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ Az", "]Q1", "every sign arrives, dead keys too"
    ),
)
