"""The result of a study: its best configuration, its cost, and how both are shown."""

from airflow_sparktune.study.result.rows import iso, trial_row
from airflow_sparktune.study.result.summary import Summary, best_of_search, summary

__all__ = ["Summary", "best_of_search", "iso", "summary", "trial_row"]
