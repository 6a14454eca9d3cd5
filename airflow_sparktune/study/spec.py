"""The spec: what to tune, frozen, checked, JSON both ways. Its keys are the operator's argument names."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from math import floor, inf, isfinite
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.plain import plain, scalar

ALGORITHMS = ("tpe", "random", "anneal", "atpe")
# What makes a study this study and not another one; everything else is a limit and may change on the way.
IDENTITY = ("objective", "code", "objective_kwargs", "space", "algo", "seed", "run_trials_on", "shared_data")

# 0.29 * 100 is 28.999999999999996.
_DUST = 1e-9

_REFERENCE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)", re.ASCII)


class RunTrialsOn(StrEnum):
    """Where a trial's objective runs."""

    EXECUTORS = "executors"
    DRIVER = "driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What to tune and within which limits.

    Build it with `Spec.of`, which takes what people write (text from a template, a timedelta) and checks
    it. `timeout` and `trial_timeout` are seconds. `code` is the hash of the user's code that is shipped
    along, None where nothing is.

    >>> spec = Spec.of(objective="churn.train:loss", space={"lr": {"uniform": [0, 1]}}, max_evals="20")
    >>> spec.max_evals, Spec.from_json(spec.to_json()) == spec
    (20, True)
    """

    objective: str
    space: Any
    max_evals: int
    objective_kwargs: Mapping[str, Any] = field(default_factory=dict)
    algo: str = "tpe"
    parallelism: int | None = None
    timeout: float | None = None
    trial_timeout: float | None = None
    loss_threshold: float | None = None
    no_progress: int | None = None
    min_improvement: float = 0.0
    max_failures: int | float | None = None
    max_trial_retries: int = 2
    seed: int | None = None
    run_trials_on: RunTrialsOn = RunTrialsOn.EXECUTORS
    shared_data: str | None = None
    fresh_workers: bool = False
    code: str | None = None

    @classmethod
    def of(cls, **given: Any) -> Spec:
        """A checked spec from what a person wrote; raises SpecError."""
        unknown = sorted(set(given) - set(_FIELDS))
        if unknown:
            near = difflib.get_close_matches(unknown[0], _FIELDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(_FIELDS)}"
            raise SpecError(f"a spec must have known keys only, got {unknown[0]!r}; {hint}")
        missing = [name for name in ("objective", "space", "max_evals") if given.get(name) is None]
        if missing:
            raise SpecError(f"a spec must have {missing[0]}, got none; add {_EXAMPLES[missing[0]]}")
        checked = {name: _CHECKS[name](name, value) for name, value in given.items() if value is not None}
        if checked.get("run_trials_on") == RunTrialsOn.DRIVER and checked.get("fresh_workers"):
            raise SpecError(
                "fresh_workers must be left unset with run_trials_on='driver', got True; "
                "trials on the driver use no Python worker of Spark"
            )
        return cls(**checked)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """The spec that `to_json` wrote; keys of a later version are left out."""
        return cls.of(**{name: data[name] for name in _FIELDS if name in data})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "run_trials_on": self.run_trials_on.value}

    @property
    def failures_allowed(self) -> int | None:
        """How many trials may fail: `max_failures` as a count; None where any number may.

        >>> space = {"x": {"uniform": [0, 1]}}
        >>> Spec.of(objective="m:f", space=space, max_evals=100, max_failures=0.29).failures_allowed
        29
        """
        if isinstance(self.max_failures, float):
            return floor(self.max_failures * self.max_evals + _DUST)
        return self.max_failures

    @property
    def identity(self) -> str:
        """A hash of what makes this study, for names; specs of one identity have none of it changed.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> old.identity == Spec.of(**{**old.to_json(), "max_evals": 9}).identity
        True
        """
        told = _texts(self.to_json())
        parts = "\n".join(told[name] for name in IDENTITY)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def changed_identity(self, other: Spec) -> tuple[str, ...]:
        """Which parts make `other` another study; a seed counts only where both were given.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> new = Spec.of(**{**old.to_json(), "objective_kwargs": {"try": 2}, "max_evals": 9})
        >>> old.changed_identity(new)
        ("objective_kwargs['try']",)
        """
        mine, others = _texts(self.to_json()), _texts(other.to_json())
        changed = [name for name in IDENTITY if mine[name] != others[name]]
        if "seed" in changed and None in (self.seed, other.seed):
            changed.remove("seed")
        if "objective_kwargs" in changed:
            mine, others = _texts(self.objective_kwargs), _texts(other.objective_kwargs)
            at = changed.index("objective_kwargs")
            names = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]
            changed[at : at + 1] = [f"objective_kwargs[{name!r}]" for name in names]
        return tuple(changed)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Each value's JSON, to be compared: 1 is 1.0 but, unlike in Python, not True."""
    return {name: json.dumps(_whole_numbers(value), sort_keys=True) for name, value in values.items()}


def _whole_numbers(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: _whole_numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [_whole_numbers(item) for item in value]
        case _:
            return value


def reference(name: str, value: Any) -> str:
    """`value` as a `module:name` reference; raises SpecError."""
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise SpecError(
            f"{name} must be 'module:name' (such as 'churn.train:loss'), got {value!r}; "
            "the part before the colon is imported, the part after it looked up there"
        )
    return value


def _number(value: Any) -> int | float | None:
    """A number from a number or from a template's text."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return None
    value = scalar(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _real(value: Any) -> float | None:
    number = _number(value)
    try:
        return None if number is None else float(number)
    except OverflowError:
        return inf


def _whole(minimum: int, hint: str) -> Any:
    def check(name: str, value: Any) -> int:
        number = _number(value)
        if number is None or number != number // 1 or number < minimum:
            raise SpecError(f"{name} must be a whole number of at least {minimum}, got {value!r}; {hint}")
        return int(number)

    return check


def _finite(name: str, value: Any) -> float:
    number = _real(value)
    if number is None or not isfinite(number):
        raise SpecError(f"{name} must be a finite number, got {value!r}; leave it unset to have none")
    return number


def _not_negative(name: str, value: Any) -> float:
    number = _finite(name, value)
    if number < 0:
        raise SpecError(f"{name} must be at least 0, got {value!r}; it is a difference of losses")
    return number


def _seconds(name: str, value: Any) -> float:
    number = value.total_seconds() if isinstance(value, timedelta) else _real(value)
    if number is None or not 0 < number < inf:
        raise SpecError(
            f"{name} must be a time above 0 (a timedelta or seconds), got {value!r}; "
            "leave it unset to have none"
        )
    return number


def _failures(name: str, value: Any) -> int | float:
    number = _number(value)
    if number is None or number < 0 or (isinstance(number, float) and not 0 <= number < 1):
        raise SpecError(
            f"{name} must be a count (a whole number) or a share of max_evals (below 1.0), got {value!r}; "
            "leave it unset to go on whatever fails"
        )
    return number


def _algorithm(name: str, value: Any) -> str:
    if isinstance(value, str) and (value in ALGORITHMS or _REFERENCE.fullmatch(value)):
        return value
    raise SpecError(
        f"{name} must be one of {', '.join(ALGORITHMS)}, or 'module:function' with hyperopt's suggest "
        f"signature (such as 'hyperopt.tpe:suggest'), got {value!r}"
    )


def _space(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return reference(name, value)
    return spaces.to_json(spaces.parse(value))


def _run_trials_on(name: str, value: Any) -> RunTrialsOn:
    try:
        return RunTrialsOn(value)
    except ValueError:
        raise SpecError(
            f"{name} must be 'executors' (single-machine models) or 'driver' (trials that use the whole "
            f"cluster themselves, such as Spark MLlib), got {value!r}"
        ) from None


def _kwargs(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SpecError(f"{name} must be an object of arguments by name, got {value!r}")
    checked: dict[str, Any] = plain(value, what=name)
    return checked


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("True", "False"):  # from a template
        return value == "True"
    raise SpecError(f"{name} must be True or False, got {value!r}")


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise SpecError(f"{name} must be text, got {value!r}")


_CHECKS: Mapping[str, Any] = {
    "objective": reference,
    "space": _space,
    "max_evals": _whole(1, "it is the number of trials to finish"),
    "objective_kwargs": _kwargs,
    "algo": _algorithm,
    "parallelism": _whole(1, "leave it unset to use every Spark slot"),
    "timeout": _seconds,
    "trial_timeout": _seconds,
    "loss_threshold": _finite,
    "no_progress": _whole(1, "it is a number of trials; leave it unset to go on without progress"),
    "min_improvement": _not_negative,
    "max_failures": _failures,
    "max_trial_retries": _whole(0, "it is how often a trial that lost its worker is run again"),
    "seed": _whole(0, "leave it unset to have one drawn"),
    "run_trials_on": _run_trials_on,
    "shared_data": reference,
    "fresh_workers": _flag,
    "code": _text,
}
_FIELDS = tuple(item.name for item in fields(Spec))
_EXAMPLES = {
    "objective": "objective: 'churn.train:loss'",
    "space": "space: {'lr': {'loguniform': [0.0001, 1.0]}}",
    "max_evals": "max_evals: 50",
}
