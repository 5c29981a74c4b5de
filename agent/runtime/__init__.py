"""Threads, clock and health."""
