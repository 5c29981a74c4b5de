"""Devices that are really there, for drivers that do not read frames from a serial port.

A module a family.  A stand is a function `(folder: Path) -> context manager` that gives the keys of a `[[device]]`
table, beside name and driver, with which the driver opens and works while the context lasts.
"""
