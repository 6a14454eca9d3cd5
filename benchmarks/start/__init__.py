"""Benchmarks of the seconds before the first trial."""
