"""The functions that build a search space, for DAGs and objectives to import."""

from airflow_sparktune.study.space.builders import *  # noqa: F403 - a new builder is here too
from airflow_sparktune.study.space.builders import __all__ as __all__
