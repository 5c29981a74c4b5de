"""Alarms by ISA-18.2: raised, acknowledged, shelved, suppressed, and told in few words when there are many."""
