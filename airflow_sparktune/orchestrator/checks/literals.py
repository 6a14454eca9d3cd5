"""Check what is literal in an operator's arguments while its DAG is parsed.

An error takes down every DAG of the file, so only a value that no template, XComArg or mapping can change is
checked here, with the code that checks all values when the task runs. Nothing is imported or packed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.orchestrator.arguments import GROUPS
from airflow_sparktune.orchestrator.checks.lookup import check_named
from airflow_sparktune.orchestrator.deploy.user_code import REFERENCES, is_reference, module_reference
from airflow_sparktune.orchestrator.task.instance import folders_of
from airflow_sparktune.orchestrator.task.storage import storage_root
from airflow_sparktune.study.definition import KEYS
from airflow_sparktune.study.definition.checks import flag
from airflow_sparktune.study.definition.field import Check
from airflow_sparktune.study.definition.group import declarations
from airflow_sparktune.study.journal.bounds import require_small
from airflow_sparktune.study.json_values import scalar
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.segments import ON_FAILED, PER_SEGMENT, parse_segments
from airflow_sparktune.study.space import Choice, Number

# Text without a character that marks a template, also in a DAG with marks of its own.
_PLAIN = re.compile(r"[\w\s.,:;/=()+%@'\"-]*")
_CHECKS = {
    **{item.name: item.check for item in KEYS if item.name not in GROUPS},
    "keep_studies": Keep.of,
    "validate_only": flag,
    "storage": lambda _, value: storage_root(value),
    "parallelism_per_segment": PER_SEGMENT,
    "on_failed_segments": ON_FAILED,
}


def check_literals(operator: BaseOperator) -> None:
    """Check an operator at the end of its constructor; raises the error that its task would fail with.

    A mapped operator is constructed when its task runs, so it is not checked here.
    """
    if getattr(operator, "_BaseOperator__from_mapped", False):
        return
    dag = operator.get_dag()
    bases = folders_of(Path(dag.fileloc)) if dag is not None else ()
    try:
        for name, check, value in _arguments(operator):
            if value is not None and _is_literal(value, files=operator.template_ext):
                _check(name, check, value, bases)
    except SparktuneError as error:
        raise type(error)(f"task {operator.task_id!r}: {error}") from None


def _arguments(operator: BaseOperator) -> Iterator[tuple[str, Check, Any]]:
    """Yield each argument that the operator has, and each key of a group, with its check."""
    for name, check in _CHECKS.items():
        yield name, check, getattr(operator, name, None)
    given = getattr(operator, "segments", None)
    yield "segments", parse_segments, _literal_segments(given, files=operator.template_ext)
    for name, group in GROUPS.items():
        value = getattr(operator, name, None)
        if isinstance(value, dict) or _is_literal(value, files=operator.template_ext):
            given = group.keys(name, value if value is not None else {})
            for item in declarations(group):
                yield f"{name}.{item.name}", item.check, given.get(item.name)


def _literal_segments(given: Any, *, files: Sequence[str]) -> Any:
    """Return segments without the parts that rendering may change; None if it may change their names."""
    if isinstance(given, dict):
        return {name: {} for name in given} if _is_literal(list(given), files=files) else None
    if not isinstance(given, list | tuple):
        return given
    parts = [_literal_part(each, files) for each in given]
    return None if None in parts else parts


def _literal_part(segment: Any, files: Sequence[str]) -> Any:
    if not isinstance(segment, dict):
        return segment if _is_literal(segment, files=files) else None
    part = {key: value for key, value in segment.items() if _is_literal(value, files=files)}
    return part if ("name" in part) == ("name" in segment) else None


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
