"""Try rules on what was recorded: facts back to signals, the station once more, and what would be another decision."""
