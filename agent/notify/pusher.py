"""Hand one message to one target.

Wraps apprise.  A URL is a secret: it is in no log, no message and no status.
"""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from apprise import Apprise

SHORTEST_SECRET = 4
"""Characters; shorter parts of a URL are words that may stand in a reason."""

NO_REASON = "it was not taken"
_SPLIT = re.compile(r"[:/@?&=,;#]+")


class NotUsableError(Exception):
    """There is no such target: the message says why, and what to do."""


class NotTakenError(Exception):
    """The target did not take the message: try again later."""


class Pusher:
    """One target.  Made in the main thread, before there are others; used by one thread.  Raises NotUsableError."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._secrets = _secrets(url)
        self._timeout_s = timeout_s
        self._apprise = _loaded(url)

    def push(self, title: str, body: str) -> None:
        """Hand a message over.  Waits `timeout_s` at most.  Raises NotTakenError."""
        try:
            result = self._apprise.notify(body=body, title=title, body_format="text", timeout=self._timeout_s)
        except Exception as error:  # noqa: BLE001  a hundred services, and each may fail in its own way
            raise NotTakenError(self._discreet(f"{type(error).__name__}: {error}")) from None
        if not result:
            told = [entry.message for entry in result.logs()]
            raise NotTakenError(self._discreet("; ".join(told)) or NO_REASON)

    def _discreet(self, reason: str) -> str:
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return " ".join(reason.split())[:500]


def _loaded(url: str) -> Apprise:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports, on Python 3.11 to 3.13
            from apprise import Apprise  # noqa: PLC0415  an extra, and 30 MB

            own_log = logging.getLogger("apprise")  # its reasons come with each result; in its log stand URLs
            own_log.setLevel(logging.WARNING)
            own_log.propagate = False
            own_log.addHandler(logging.NullHandler())
            target = Apprise()
            usable = target.add(url)
    except ImportError as error:
        raise NotUsableError(f"apprise is not installed ({error}): pip install 'lineside[notify]'") from None
    if not usable:
        raise NotUsableError("apprise knows no such URL: see its list of services for how to write it")
    return target


def _secrets(url: str) -> list[str]:
    """Parts of the URL that must not be told, longest first: all but the scheme and the host."""
    scheme, _, rest = url.partition("://")
    parts = {part for part in _SPLIT.split(rest) if len(part) >= SHORTEST_SECRET}
    parts |= {unquote(part) for part in parts}
    return sorted({url, *parts} - {scheme, ""}, key=len, reverse=True)
