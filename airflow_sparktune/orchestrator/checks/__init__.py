"""Find errors of a study before Spark starts."""
