"""The board of a line: what its stations say of themselves, live, in a terminal."""
