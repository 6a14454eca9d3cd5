"""The spec of a study: `Spec`, its fields as data (`FIELDS`), and the checks of their values."""

from airflow_sparktune.study.definition.checks import ALGORITHMS, RunTrialsOn, reference
from airflow_sparktune.study.definition.field import SpecField
from airflow_sparktune.study.definition.spec import ARGUMENTS, FIELDS, IDENTITY, Spec

__all__ = ["ALGORITHMS", "ARGUMENTS", "FIELDS", "IDENTITY", "RunTrialsOn", "Spec", "SpecField", "reference"]
