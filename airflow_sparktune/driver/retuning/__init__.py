"""Retuning inside the driver: the incumbent, its confirmation against the search's best, the decision."""
