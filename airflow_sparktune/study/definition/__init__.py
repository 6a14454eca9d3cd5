"""The spec of a study: `Spec`, its groups, its fields as data (`FIELDS`), and the checks of their values."""

from airflow_sparktune.study.definition.checks import ALGORITHMS, RunTrialsOn, reference
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.definition.execution import Execution
from airflow_sparktune.study.definition.field import SpecField
from airflow_sparktune.study.definition.group import Group, as_written, nested
from airflow_sparktune.study.definition.limits import Limits
from airflow_sparktune.study.definition.retuning import Retuning
from airflow_sparktune.study.definition.spec import Spec
from airflow_sparktune.study.definition.spec_fields import (
    ARGUMENTS,
    FIELDS,
    GROUPS,
    IDENTITY,
    KEYS,
    SCRIPT,
    given_fields,
)
from airflow_sparktune.study.definition.warm_start import WarmStart

__all__ = [
    "ALGORITHMS",
    "ARGUMENTS",
    "FIELDS",
    "GROUPS",
    "IDENTITY",
    "KEYS",
    "SCRIPT",
    "Confirm",
    "Execution",
    "Group",
    "Limits",
    "Retuning",
    "RunTrialsOn",
    "Spec",
    "SpecField",
    "WarmStart",
    "as_written",
    "given_fields",
    "nested",
    "reference",
]
