"""Submit a Spark driver: pack its files, start it, follow it and stop it."""
