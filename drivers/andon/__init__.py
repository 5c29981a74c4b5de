"""Buttons, contacts and lamps."""
