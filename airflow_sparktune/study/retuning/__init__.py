"""What a retuning is asked and what it answers: the rule, the decision, the record of champions."""
