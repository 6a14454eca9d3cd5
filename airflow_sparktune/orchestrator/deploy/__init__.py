"""Reach a Spark driver: what is packed, how it is submitted, followed and ended."""
