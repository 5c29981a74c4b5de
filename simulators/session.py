"""The central server's MQTT session: it outlives its connection, and acknowledges only when told to."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SESSION_EXPIRY_S = 86_400
RECONNECT_MAX_S = 2


def dial(host: str, port: int, client_id: str = "central", protocol: str = "5") -> mqtt.Client:
    """Return a client with a session that outlives its connection, ready for `serve`; nothing is sent yet."""
    version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if protocol == "5" else False,
        protocol=version,
        manual_ack=True,
    )
    client.reconnect_delay_set(min_delay=1, max_delay=RECONNECT_MAX_S)
    client.max_inflight_messages_set(1000)
    if protocol == "5":
        properties = properties_of(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S)
        client.connect_async(host, port, keepalive=15, clean_start=False, properties=properties)
    else:
        client.connect_async(host, port, keepalive=15)
    return client


def properties_of(packet: int, **values: Any) -> Properties:
    """Return MQTT 5 properties; paho leaves their constructor untyped."""
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
