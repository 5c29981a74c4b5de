"""Devices: one small file each; says what the device said."""
