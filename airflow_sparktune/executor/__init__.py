"""Code that runs in a Spark Python worker: load the objective, evaluate one trial."""
