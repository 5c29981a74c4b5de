"""What a user would pick instead of the journal, measured in the same run on the same machine.

Peers live in environments of their own under build/peers; one that cannot be installed is left out, with its reason.
`python -m tests.bench.peers --help` tells the options; docs/peers.md tells what the figures mean.
"""
