"""Calls for help and stops: raised, answered, escalated and ended at the station, network or no network."""
