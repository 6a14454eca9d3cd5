"""Benchmarks that run studies on Spark."""
