"""The disk: append, read by lane, acknowledge, recover."""
