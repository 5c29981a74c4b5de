"""Lineside: the agent of one line-side station."""

__version__ = "0.1.0"
