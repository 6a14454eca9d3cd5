"""`sparktune`: run and inspect studies from a shell."""

from airflow_sparktune.cli.app import main

__all__ = ["main"]
