"""Benchmarks of single components, without Spark."""
