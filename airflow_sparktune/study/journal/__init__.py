"""The journal: its events, its streams, and a reader that follows them."""
