"""What the broker's reason codes mean for a message.  Source: MQTT 5.0, 2.4 and 3.4.2.1."""

from __future__ import annotations

NOT_TAKEN = 0x80
"""From here on the broker did not take the message."""

NOBODY_SUBSCRIBED = 0x10

TOO_LARGE = 0x95

FOR_GOOD = {0x90, TOO_LARGE, 0x99}
"""Topic name invalid, packet too large, payload format invalid: the same message will never be taken."""


def taken(code: int) -> bool:
    """Whether the broker has the message now."""
    return code < NOT_TAKEN


def too_large(limit_bytes: int) -> str:
    """Why we do not even send it: the broker would end the connection."""
    return f"larger than the broker's maximum packet, which leaves {limit_bytes} bytes for an event"
