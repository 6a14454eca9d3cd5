"""Benchmarks of one part alone, without Spark."""
