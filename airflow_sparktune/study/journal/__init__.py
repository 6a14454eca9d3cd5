"""The journal: its events, its streams, and how a reader follows them."""
