"""The checks of a spec's values. Each takes (name, value), and returns the checked value or raises SpecError.

They accept values as people write them: text from a template, timedeltas, numpy scalars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from math import inf, isfinite
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.journal.bounds import LARGEST_NUMBER
from airflow_sparktune.study.json_values import UNQUOTED, plain, scalar, shown
from airflow_sparktune.study.metric import LOSS

ALGORITHMS = ("auto", "gp", "tpe", "random", "anneal", "atpe")
PRUNERS = ("none", "worst", "median", "asha", "folds")
OPTUNA = "optuna"  # prefix of the name of an Optuna sampler

_REFERENCE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)", re.ASCII)


class RunTrialsOn(StrEnum):
    """The process that runs a trial's objective."""

    EXECUTORS = "executors"
    DRIVER = "driver"


def reference(name: str, value: Any) -> str:
    """Require a reference `module:name`."""
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise SpecError(
            f"{name} must be 'module:name' (such as 'churn.train:loss'), got {shown(value)}; "
            "the part before the colon is imported, the part after it looked up there"
        )
    return value


def whole(minimum: int, hint: str, *, maximum: int = LARGEST_NUMBER) -> Callable[[str, Any], int]:
    """Return a check for an integer from `minimum` to `maximum`; its message ends with `hint`."""
    rule = f"of at least {minimum}" if maximum == LARGEST_NUMBER else f"from {minimum} to {maximum}"

    def check(name: str, value: Any) -> int:
        number = _number(value)
        if number is None or number != number // 1 or not minimum <= number <= maximum:
            raise SpecError(f"{name} must be a whole number {rule}, got {shown(value)}; {hint}")
        return int(number)

    return check


def finite(name: str, value: Any) -> float:
    """Require a finite number."""
    number = real(value)
    if number is None or not isfinite(number):
        raise SpecError(f"{name} must be a finite number, got {shown(value)}; leave it unset to have none")
    return number


def bounded(rule: str, fits: Callable[[float], bool], hint: str) -> Callable[[str, Any], float]:
    """Return a check for a finite number that `fits`; its message gives the rule and ends with `hint`."""

    def check(name: str, value: Any) -> float:
        found = finite(name, value)
        if not fits(found):
            raise SpecError(f"{name} must {rule}, got {shown(value)}; {hint}")
        return found

    return check


def seconds(name: str, value: Any, *, hint: str = "leave it unset to have none") -> float:
    """Require a duration above 0; return it in seconds."""
    number = value.total_seconds() if isinstance(value, timedelta) else real(value)
    if number is None or not 0 < number < inf:
        raise SpecError(f"{name} must be a time above 0 (a timedelta or seconds), got {shown(value)}; {hint}")
    return number


def failures(name: str, value: Any) -> int | float:
    """Require a count of trials, or a share of max_evals below 1.0."""
    number = _number(value)
    if number is None or number < 0 or (isinstance(number, float) and not 0 <= number < 1):
        raise SpecError(
            f"{name} must be a count (a whole number) or a share of max_evals (below 1.0), got "
            f"{shown(value)}; leave it unset to allow any number of failures"
        )
    return number


def algorithm(name: str, value: Any) -> str:
    """Require the name of a built-in or Optuna algorithm, or a reference to a sampler or suggest function."""
    if isinstance(value, str):
        # The driver checks the arguments of an Optuna sampler, because only the driver imports Optuna.
        is_optunas = value.startswith(f"{OPTUNA}:") and len(value) > len(OPTUNA) + 1
        if value in ALGORITHMS or is_optunas or _REFERENCE.fullmatch(value):
            return value
    raise SpecError(
        f"{name} must be one of {', '.join(ALGORITHMS)}, an Optuna sampler (such as "
        "'optuna:TPESampler'), or 'module:name' of a class of samplers or of a function with hyperopt's "
        f"suggest signature (such as 'hyperopt.tpe:suggest'), got {shown(value)}"
    )


def pruner(name: str, value: Any) -> str:
    """Require the name of a built-in pruner, or a reference to one."""
    if isinstance(value, str) and (value in PRUNERS or _REFERENCE.fullmatch(value)):
        return value
    raise SpecError(
        f"{name} must be one of {', '.join(PRUNERS)}, or 'module:name' of a class of pruners, got "
        f"{shown(value)}"
    )


def not_quoted(name: str, value: Any) -> None:
    """Refuse the text of an object or a list."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        raise SpecError(f"{name} must be an object or a list itself, got its text {shown(value)}; {UNQUOTED}")


def space(name: str, value: Any) -> Any:
    """Require a search space or a reference to a hyperopt space; return a space in its JSON form."""
    not_quoted(name, value)
    if isinstance(value, str):
        return reference(name, value)
    return spaces.to_json(spaces.parse(value))


def run_trials_on(name: str, value: Any) -> RunTrialsOn:
    """Require the value of a RunTrialsOn."""
    try:
        return RunTrialsOn(value)
    except ValueError:
        raise SpecError(
            f"{name} must be 'executors' (single-machine models) or 'driver' (trials that use the whole "
            f"cluster themselves, such as Spark MLlib), got {shown(value)}"
        ) from None


def arguments(name: str, value: Any) -> dict[str, Any]:
    """Require keyword arguments in plain JSON."""
    not_quoted(name, value)
    if not isinstance(value, Mapping):
        raise SpecError(f"{name} must be an object of arguments by name, got {shown(value)}")
    checked: dict[str, Any] = plain(value, what=name)
    return checked


def points(name: str, value: Any) -> list[dict[str, Any]]:
    """Require a list of configurations, each the params of one trial in plain JSON."""
    example = f"write [{{'lr': 0.1, 'depth': 6}}] for one point of the space with {name}"
    not_quoted(name, value)
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise SpecError(f"{name} must be a list of objects, got {shown(value)}; {example}")
    for index, point in enumerate(value):
        if not isinstance(point, Mapping) or not point:
            raise SpecError(
                f"{name}[{index}] must be an object of params by name, got {shown(point)}; {example}"
            )
    checked: list[dict[str, Any]] = plain(value, what=name)
    return checked


def score(name: str, value: Any) -> str:
    """Require the name of a score."""
    if not isinstance(value, str) or not value or value in (LOSS, "status"):
        raise SpecError(
            f"{name} must be the name of a score (such as 'accuracy'), got {shown(value)}; leave it unset "
            "for an objective that returns a loss"
        )
    return value


def flag(name: str, value: Any) -> bool:
    """Require True or False, or their text from a template."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("True", "False"):
        return value == "True"
    raise SpecError(f"{name} must be True or False, got {shown(value)}")


def one_of(*words: str) -> Callable[[str, Any], str]:
    """Return a check for one of `words`."""

    def check(name: str, value: Any) -> str:
        if value not in words:
            raise SpecError(f"{name} must be one of {', '.join(words)}, got {shown(value)}")
        return str(value)

    return check


def text(name: str, value: Any) -> str:
    """Require text."""
    if isinstance(value, str):
        return value
    raise SpecError(f"{name} must be text, got {shown(value)}")


def real(value: Any) -> float | None:
    """Return the number, also from text, as a float (which may be infinite); None if there is none."""
    number = _number(value)
    return None if number is None else float(number)


def _number(value: Any) -> int | float | None:
    """Return the number, also from text, or None if the value is no number, or an integer beyond 1e300."""
    value = _from_text(value) if isinstance(value, str) else scalar(value)
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_NUMBER and not isinstance(value, bool) else None
    return value if isinstance(value, float) else None


def _from_text(text: str) -> int | float | None:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None
