"""Let the driver's JVM start quickly."""
