"""Cut a stream of MJPEG over HTTP into its pictures: bytes in, parts out.

Source: multipart/x-mixed-replace is multipart of RFC 2046 without an end; cameras differ in giving Content-Length and
in the dashes of the boundary.
"""

from __future__ import annotations

import re

LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]+)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")

MAX_PART = 32_000_000
"""Bytes; a 20-megapixel JPEG has about 10 million."""

BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a Content-Type names; None if it is not that of a stream of pictures."""
    match = BOUNDARY.search(content_type)
    if match is None or not content_type.lower().lstrip().startswith("multipart/"):
        return None
    return match[1].strip().removeprefix("--").encode("latin-1", "replace")


class Multipart:
    """The parts of one stream.  What lies between parts and what is too long for a part is left out."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies of the parts that are complete with `data`."""
        self._rest += data
        parts = []
        while (part := self._next()) is not None:
            parts.append(part)
        if len(self._rest) > MAX_PART:
            self._rest = self._rest[-len(self._delimiter) :]
        return parts

    def _next(self) -> bytes | None:
        begin = self._rest.find(self._delimiter)
        headers_end = END_OF_HEADERS.search(self._rest, begin + len(self._delimiter)) if begin >= 0 else None
        if headers_end is None:
            return None
        body = headers_end.end()
        told = LENGTH.search(self._rest, begin, headers_end.start() + 1)
        end = body + int(told[1][:9]) if told else self._rest.find(self._delimiter, body)
        if end < 0 or end > len(self._rest):
            return None
        part = self._rest[body:end]
        self._rest = self._rest[end:]
        return part if told else part.removesuffix(b"\n").removesuffix(b"\r")
