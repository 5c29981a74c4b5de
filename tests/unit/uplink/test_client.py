"""What the library is given."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.uplink.client import content_properties
from agent.uplink.outlet import MANY, ONE


def test_properties_packed_once_are_the_librarys_own_bytes() -> None:
    """What spares the work for each message changes nothing on the wire."""
    for content_type in (ONE, MANY):
        plain = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        plain.ContentType = content_type
        assert content_properties(content_type).pack() == plain.pack()  # type: ignore[no-untyped-call]
        assert content_properties(content_type) is content_properties(content_type)
