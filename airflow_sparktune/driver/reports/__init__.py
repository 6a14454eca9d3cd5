"""The reports of running trials on the driver: the channel, and the judge that answers a report."""
