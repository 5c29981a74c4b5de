"""GS1 element strings: which application identifiers there are, how long their values run, and which values are wrong.

The only user of biip, which is imported when the first rule needs it (20 MB).  Knows nothing of scan rules.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from agent.station import iso15434
from agent.station.vocabulary import GS, GS1_IDENTIFIERS, Body, UnreadableError

if TYPE_CHECKING:
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier

PLAIN_IDENTIFIERS = ("]C0", "]d1", "]Q1")
"""The same symbols printed without the FNC1 that makes them GS1."""

CHECKED_DIGITS = {
    "00": 18, "01": 14, "02": 14, "03": 14, "253": 13, "255": 13, "402": 17, "410": 13, "411": 13, "412": 13, "413": 13,
    "414": 13, "415": 13, "416": 13, "417": 13, "8003": 14, "8006": 14, "8017": 18, "8018": 18, "8026": 14,
}  # fmt: skip
"""Application identifier -> how many leading digits of the value end with a GS1 check digit."""


class ApplicationIdentifiers:
    """The vocabulary of GS1 labels."""

    called = "application identifier"

    def knows(self, identifier: str) -> bool:
        """Whether GS1 has defined `identifier`."""
        try:
            return _defined(identifier).ai == identifier
        except UnreadableError:
            return False

    def unwrap(self, text: str, symbology: str) -> Body | None:
        """Return the element strings in `text`, None if it is no GS1 label.  Raises UnreadableError."""
        if symbology in GS1_IDENTIFIERS:
            return Body(text.removeprefix(GS), nonconforming=text.startswith(GS), sure=True)
        if text.startswith(iso15434.HEADER):
            return iso15434.unwrap(text, "05")
        if symbology and symbology not in PLAIN_IDENTIFIERS:
            return None
        # A leading FNC1 is no part of the text; some readers send it as GS all the same.
        nonconforming = bool(symbology) or text.startswith(GS)
        return Body(text.removeprefix(GS), nonconforming=nonconforming, sure=False)

    def first(self, segment: str) -> tuple[str, str]:
        """Identifier and value of the element with which `segment` begins; an unknown one raises UnreadableError."""
        element = _defined(segment)
        length = self.length(element.ai)
        end = len(segment) if length is None else len(element.ai) + length
        return element.ai, segment[len(element.ai) : end]

    def length(self, identifier: str) -> int | None:
        """Characters of a value whose length is predefined; None if a separator or the end must tell it."""
        element = _defined(identifier)
        return None if element.separator_required else int(element.format.rpartition("N")[2])

    def fault(self, identifier: str, value: str) -> str:
        """Why `value` cannot be one of `identifier`; empty if it can: form, date and check digit."""
        element = _defined(identifier)
        if not value or re.fullmatch(element.pattern.strip("^$"), identifier + value, re.ASCII) is None:
            return f"{value!r} is not of the form {element.format}"
        digits = value[: CHECKED_DIGITS.get(identifier, 0)]
        if digits and not _has_check_digit(digits):
            return f"the check digit of {value!r} is wrong"
        return ""


@cache
def _defined(text: str) -> GS1ApplicationIdentifier:
    """The application identifier with which `text` begins.  Raises UnreadableError."""
    from biip import ParseError  # noqa: PLC0415  20 MB, for stations that have GS1 rules
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier  # noqa: PLC0415  the same

    try:
        return GS1ApplicationIdentifier.extract(text)
    except ParseError:
        raise UnreadableError(f"no GS1 application identifier begins {text[:4]!r}", known=False) from None


def _has_check_digit(digits: str) -> bool:
    from biip.checksums import gs1_standard_check_digit  # noqa: PLC0415  the same

    return digits[-1] == str(gs1_standard_check_digit(digits[:-1]))
