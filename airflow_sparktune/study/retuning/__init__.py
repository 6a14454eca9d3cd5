"""Values of a retuning that the journal holds: its starting points and its decision."""
