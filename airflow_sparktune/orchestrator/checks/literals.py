"""Check what is literal in an operator's arguments while its DAG is parsed.

An error takes down every DAG of the file, so only a value that no template, XComArg or mapping can change is
checked here, with the code that checks all values when the task runs. Nothing is imported or packed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_sparktune.errors import SparktuneError, SpecError
from airflow_sparktune.orchestrator.checks.lookup import check_named
from airflow_sparktune.orchestrator.deploy.user_code import REFERENCES, is_reference, module_reference
from airflow_sparktune.orchestrator.task_study import folders_of, storage_root
from airflow_sparktune.study.definition import ARGUMENTS
from airflow_sparktune.study.journal.bounds import require_small
from airflow_sparktune.study.json_values import scalar
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.space import Choice, Number

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

# Text without a character that marks a template, also in a DAG with marks of its own.
_PLAIN = re.compile(r"[\w\s.,:;/=()+%@'\"-]*")
_CHOICES = {
    "log_level": ("trials", "spark"),
    "on_no_improvement": ("keep", "skip", "fail"),
    "xcom_return": ("params", "summary"),
}
_CHECKS = {
    **{item.name: item.check for item in ARGUMENTS},
    "keep_studies": Keep.of,
    "storage": lambda _, value: storage_root(value),
}


def check_choices(operator: BaseOperator) -> None:
    """Check the arguments that are not templated; raises SpecError."""
    for name, words in _CHOICES.items():
        if getattr(operator, name) not in words:
            raise SpecError(f"{name} must be one of {', '.join(words)}, got {getattr(operator, name)!r}")


def check_literals(operator: BaseOperator) -> None:
    """Check an operator at the end of its constructor; raises the error that its task would fail with.

    A mapped operator is constructed when its task runs, so it is not checked here.
    """
    if getattr(operator, "_BaseOperator__from_mapped", False):
        return
    dag = operator.get_dag()
    bases = folders_of(Path(dag.fileloc)) if dag is not None else ()
    try:
        check_choices(operator)
        for name, check in _CHECKS.items():
            value = getattr(operator, name)
            if value is not None and _is_literal(value, files=operator.template_ext):
                _check(name, check, value, bases)
    except SparktuneError as error:
        raise type(error)(f"task {operator.task_id!r}: {error}") from None


def _check(name: str, check: Any, value: Any, bases: Sequence[Path]) -> None:
    if name not in REFERENCES or not is_reference(value):
        check(name, value)
        return
    check(name, module_reference(value))
    check_named(value, bases=bases)


def _is_literal(value: Any, *, files: Sequence[str]) -> bool:
    """Return whether rendering leaves a value as it is; `files` are the endings of template files."""
    try:
        require_small(value)
    except ValueError:
        return False  # the check when the task runs reports it
    return _is_fixed(value, tuple(files))


def _is_fixed(value: Any, files: tuple[str, ...]) -> bool:
    match value:
        case str():
            return _PLAIN.fullmatch(value) is not None and not value.endswith(files)
        case None | int() | float() | timedelta() | Number() | Choice():
            return True
        case Mapping():
            return type(value) is dict and all(_is_fixed(item, files) for item in value.values())
        case list() | tuple():
            return all(_is_fixed(item, files) for item in value)
        case _:
            return scalar(value) is not value
