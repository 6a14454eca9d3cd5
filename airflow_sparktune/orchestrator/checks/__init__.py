"""What is wrong with a study that can be seen without Spark."""
