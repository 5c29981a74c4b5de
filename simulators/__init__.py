"""Stand-in devices and a central server, as separate processes."""
