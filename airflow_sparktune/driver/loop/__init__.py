"""The tuning loop: it starts trials, records how they end, and stops when a limit is reached."""
