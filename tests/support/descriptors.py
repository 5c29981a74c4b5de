"""The files, sockets and pipes that this process has open."""

from __future__ import annotations

from pathlib import Path


def open_descriptors() -> set[tuple[str, str]]:
    """Number and name of each; the name of a socket or pipe is given once only, so what is new is told from the old.

    What a test leaves open is this less what was open before it: what others left may be closed at any moment, when
    garbage is collected.
    """
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add((descriptor.name, str(descriptor.readlink())))
        except FileNotFoundError:
            continue  # the listing's own, or closed in the meantime
    return found
