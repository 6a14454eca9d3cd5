"""Retuning in the driver: the incumbent, its confirmation against the best of the search, the decision."""
