"""Take in the reports of running trials: the channel, and what is made of a report."""
