"""Gauges and balances."""
