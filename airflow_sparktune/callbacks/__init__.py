"""Adapters that report to a trial from the training loops of libraries; an objective imports them.

To add one, write it in a file here and export it. It imports its library where it uses it, because most
workers have only some of them.
"""

from airflow_sparktune.callbacks.cross_validation import cross_validate as cross_validate
from airflow_sparktune.callbacks.lightgbm import report_lightgbm as report_lightgbm

__all__ = ["cross_validate", "report_lightgbm"]
