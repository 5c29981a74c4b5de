"""Gauges of many makers, by protocol.  Knows nothing of the agent's drivers."""
