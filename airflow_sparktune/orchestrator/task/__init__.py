"""The study of a task: its arguments, its address, its run."""
