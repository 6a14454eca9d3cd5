"""Suggest the next configuration: one file per sampler."""
