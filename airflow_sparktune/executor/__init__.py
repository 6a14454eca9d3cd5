"""Inside a Spark Python worker: load the objective, evaluate one trial. Needs the user's libraries only."""
