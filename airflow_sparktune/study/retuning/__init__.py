"""Data of a retuning: the rule, the decision, and the record of champions."""
