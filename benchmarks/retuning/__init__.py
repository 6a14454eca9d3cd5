"""What retuning rests on: how often a decision is wrong, and what a warm start saves."""
