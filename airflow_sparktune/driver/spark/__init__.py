"""The Spark session and context that a driver works with."""
