"""The loop that tunes: what it starts, what became of that, and when it ends."""
