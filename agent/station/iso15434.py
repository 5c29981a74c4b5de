"""ISO/IEC 15434 envelopes, and the ANSI MH10.8.2 data identifiers in their format 06.

An envelope that lost its control characters in printing or in a keyboard reader is opened too, and said to be so.
Knows nothing of scan rules.
"""

from __future__ import annotations

import re

from agent.station.vocabulary import GS, GS1_IDENTIFIERS, Body, UnreadableError

RS = "\x1e"
EOT = "\x04"
HEADER = "[)>"

ENVELOPE = re.compile(rf"\[\)>{RS}((?:\d\d[^{RS}{EOT}]*{RS})+){EOT}")
"""Message header, format envelopes each ended by RS, message trailer."""

BARE_ENVELOPE = re.compile(rf"\[\)>{RS}?(0[56])({GS}?[^{RS}{EOT}]*){RS}?{EOT}?")
"""One format envelope, with any of the control characters lost."""

DATA_IDENTIFIER = re.compile(r"[0-9]{0,3}[A-Z]")
"""Up to three digits and a letter.  Source: ANSI MH10.8.2."""

VALUE = re.compile(r"[ -~]+")
"""Printable characters."""


class DataIdentifiers:
    """The vocabulary of ISO/IEC 15434 labels of format 06."""

    called = "data identifier"

    def knows(self, identifier: str) -> bool:
        """Whether `identifier` has the form of a data identifier."""
        return DATA_IDENTIFIER.fullmatch(identifier) is not None

    def unwrap(self, text: str, symbology: str) -> Body | None:
        """Return the elements in `text`, None if it is no such label.  Raises UnreadableError."""
        if symbology in GS1_IDENTIFIERS or not text.startswith(HEADER):
            return None
        return unwrap(text, "06")

    def first(self, segment: str) -> tuple[str, str]:
        """Identifier and value of the one element in `segment`; one without identifier raises UnreadableError."""
        match = DATA_IDENTIFIER.match(segment)
        if match is None:
            raise UnreadableError(f"no data identifier begins {segment[:4]!r}")
        return match[0], segment[match.end() :]

    def length(self, _identifier: str) -> int | None:
        """None: a separator or the end tells it, always."""
        return None

    def fault(self, _identifier: str, value: str) -> str:
        """Why `value` cannot be one of `identifier`; empty if it can."""
        return "" if VALUE.fullmatch(value) else f"{value!r} is empty or holds characters that are not printable"


def unwrap(text: str, number: str) -> Body | None:
    """Return what the envelope `text` holds in format `number`; None if it has no such format.

    Raises UnreadableError where the envelope is broken.
    """
    if whole := ENVELOPE.fullmatch(text):
        formats = {part[:2]: part[2:] for part in whole[1].split(RS) if part}
    elif bare := BARE_ENVELOPE.fullmatch(text):
        formats = {bare[1]: bare[2]}
    else:
        raise UnreadableError("the ISO/IEC 15434 envelope is broken, or of another format than 05 and 06")
    if number not in formats:
        return None
    body = formats[number]
    conforming = whole is not None and body.startswith(GS)
    return Body(body.removeprefix(GS), nonconforming=not conforming, sure=True)
