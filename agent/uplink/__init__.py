"""MQTT: lanes out, commands in."""
