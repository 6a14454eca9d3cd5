"""Wait for a study whose driver runs elsewhere: in a trigger, or in a task that looks again and again."""
