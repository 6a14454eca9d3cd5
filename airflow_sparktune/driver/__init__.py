"""Code that runs in the Spark driver: the loop that asks for configurations, runs trials and records them."""
