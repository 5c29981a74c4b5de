"""Tell people: calls and alarms of many stations, pushed by rule.  A process of its own on the plant's server side."""
