"""How fast the agent is, against floors measured in the same run on the same machine.

A figure and its floor take turns in short rounds or sample by sample, because the disk of a shared machine may be
twenty times faster a minute later.  One measure a file; `python -m tests.bench --help` tells the options.
"""
