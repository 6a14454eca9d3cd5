"""The Spark session and context of the driver."""
