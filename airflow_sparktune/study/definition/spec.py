"""The spec: a frozen, checked description of what to tune. Its JSON keys are the operator's arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import floor
from operator import attrgetter
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.combinations import check_combinations, check_points
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.definition.execution import Execution
from airflow_sparktune.study.definition.field import SpecField, declared
from airflow_sparktune.study.definition.group import (
    Group,
    check_fields,
    declarations,
    nested,
    require_known,
)
from airflow_sparktune.study.definition.limits import Limits
from airflow_sparktune.study.definition.retuning import Retuning
from airflow_sparktune.study.definition.rule import DecisionRule, Guardrail, Margin
from airflow_sparktune.study.definition.texts import texts
from airflow_sparktune.study.definition.warm_start import WarmStart
from airflow_sparktune.study.json_values import shown
from airflow_sparktune.study.metric import Metric

# Tolerance of rounding: 0.29 * 100 is 28.999999999999996.
_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The objective, the search space and the limits of a study.

    Build it with `Spec.of`, which accepts and checks values as people write them (text from a template, a
    timedelta). Times are in seconds. What few studies set is in groups. Each field is declared once, with its
    check, meaning and identity.

    >>> spec = Spec.of(objective="churn.train:loss", space={"lr": {"uniform": [0, 1]}}, max_evals="20")
    >>> spec.max_evals, spec.limits.max_trial_retries, Spec.from_json(spec.to_json()) == spec
    (20, 2, True)
    """

    objective: str = declared(
        checks.reference,
        takes="module:function",
        doc="The function to minimise: params in, loss out. `path/to/file.py:function` ships that file.",
        example="churn.train:loss",
        identity=True,
    )
    space: Any = declared(
        checks.space,
        takes="object",
        doc="The search space: builders of `airflow_sparktune.space`, their JSON form, or `module:SPACE` "
        "with a hyperopt space.",
        example='{"lr": {"loguniform": [0.0001, 1.0]}}',
        identity=True,
    )
    max_evals: int | None = declared(
        checks.whole(1, "it is the number of trials to finish"),
        takes="count",
        doc="The study stops when this many trials have ended. May be unset if `timeout`, or one of "
        "`loss_threshold`, `no_progress` and `budget_slot_hours` in `limits`, is set.",
        default=None,
        example="50",
        bounds=True,
    )
    objective_kwargs: Mapping[str, Any] = declared(
        checks.arguments,
        takes="object",
        doc="Further arguments of the objective, as plain JSON.",
        default=dict,
        example='{"data": "s3://lake/churn/today"}',
        identity=True,
    )
    maximize: str | None = declared(
        checks.score,
        takes="name",
        doc="The name of the score that the objective returns instead of a loss, as a number or as this key "
        "of a dict; larger is better.",
        default=None,
        example="accuracy",
        identity=True,
    )
    algo: str = declared(
        checks.algorithm,
        takes="name",
        doc="`auto` (`gp` up to 1,000 trials, then `tpe`), `gp` (a Gaussian process), `tpe`, `random`, "
        "`anneal`, `atpe`, an Optuna sampler with its arguments (`optuna:TPESampler(n_startup_trials=20)`), "
        "or `module:name` of a class of samplers or of a function with hyperopt's suggest signature.",
        default="auto",
        identity=True,
    )
    parallelism: int | None = declared(
        checks.whole(1, "leave it unset to use every Spark slot"),
        takes="count",
        doc="The number of trials that run at once. Unset: one per task slot of the cluster.",
        default=None,
        example="8",
    )
    timeout: float | None = declared(
        checks.seconds,
        takes="seconds",
        doc="The study stops when its attempts have together run for this time; a timedelta or seconds.",
        default=None,
        example="1800",
        bounds=True,
    )
    seed: int | None = declared(
        checks.whole(0, "leave it unset to draw a random seed"),
        takes="count",
        doc="Makes the study repeatable. Unset: drawn once, then read from the journal.",
        default=None,
        example="7",
        identity=True,
    )
    points_to_evaluate: Sequence[Mapping[str, Any]] = declared(
        checks.points,
        takes="list of objects",
        doc="Configurations to run first; each is the params of one trial, as the objective gets them.",
        default=list,
        example='[{"lr": 0.1}]',
    )
    segment: str | None = declared(
        checks.text,
        takes="text",
        doc="The name of the segment that this study tunes; each segment has a champion of its own. Unset "
        "in a mapped task: a digest of its mapped arguments.",
        default=None,
        example="fr",
        script=True,
    )
    limits: Limits = declared(
        Limits.parse, takes="object", doc="Limits besides `max_evals` and `timeout`.", default=Limits
    )
    retuning: Retuning = declared(
        Retuning.parse, takes="object", doc="The incumbent, and the rule for replacing it.", default=Retuning
    )
    warm_start: WarmStart = declared(
        WarmStart.parse,
        takes="object, or its points",
        doc="Points of earlier studies to start with.",
        default=WarmStart,
    )
    execution: Execution = declared(
        Execution.parse, takes="object", doc="How the driver and the trials run.", default=Execution
    )
    champions: str | None = declared(
        checks.text,
        takes="text",
        doc="The folder or URL that holds the task's studies and the record of its champions.",
        default=None,
        internal=True,
    )
    moment: float | None = declared(
        checks.finite,
        takes="seconds since 1970",
        doc="The time of the data that the study is about; at most that of its first start.",
        default=None,
        internal=True,
    )
    code: str | None = declared(
        checks.text,
        takes="text",
        doc="The SHA-256 of the user code that is shipped; null without any.",
        default=None,
        identity=True,
        internal=True,
    )

    @classmethod
    def of(cls, **given: Any) -> Spec:
        """Return a checked spec from values as a person writes them; raises SpecError.

        At least one field must end the study, and the space must have the given points.
        """
        spec = cls.unbounded(**given)
        if all(spec.value(name) is None for name in _BOUNDS):
            raise SpecError(
                f"a spec must have one of {', '.join(_BOUNDS)}, got none, so the study would never end; "
                "add max_evals: 50"
            )
        check_points(spec)
        return spec

    @classmethod
    def unbounded(cls, **given: Any) -> Spec:
        """Return a spec as `of` does, but without requiring a limit: a script may have its own rule."""
        require_known("a spec", given, _NAMES, elsewhere=_IN_GROUPS)
        for item in _DECLARED:
            if item.required and given.get(item.name) is None:
                raise SpecError(f"a spec must have {item.name}, got none; add {item.name}: {item.example}")
        spec = cls(**check_fields(_DECLARED, given))
        check_combinations(spec)
        return spec

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Return the spec that `to_json` wrote; unknown keys of later versions are ignored.

        Reads also the keys of journals that were written before there were groups.
        """
        if not isinstance(data, Mapping):
            raise SpecError(f"a spec must be a JSON object, got {shown(data)}")
        found = dict[str, Any]()
        for item in FIELDS:
            group, _, key = item.name.rpartition(".")
            inside = data.get(group) if group else data
            found[item.name] = inside.get(key) if isinstance(inside, Mapping) else data.get(item.flat)
        return cls.unbounded(**nested(found))

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON, with all fields."""
        return nested(self.values())

    def values(self) -> dict[str, Any]:
        """Return the spec as plain JSON by the names of its fields, such as `limits.no_progress`."""
        found = asdict(self)
        flat = {
            item.name: found[group][key] if group else found[key]
            for item in FIELDS
            for group, _, key in [item.name.rpartition(".")]
        }
        return {**flat, "execution.run_trials_on": self.execution.run_trials_on.value}

    def value(self, name: str) -> Any:
        """Return the value of a field by its name, such as `limits.no_progress`."""
        return attrgetter(name)(self)

    def with_script_fields(self, given: Mapping[str, Any]) -> Spec:
        """Return a script's spec with the fields, by name, that the operator sets for it."""
        own = {name: value for name, value in self.values().items() if name not in SCRIPT}
        return Spec.from_json(nested({**own, **given}))

    @property
    def failures_allowed(self) -> int | None:
        """Return the number of trials that may fail: `max_failures` as a count, None for no limit.

        >>> given = {"objective": "m:f", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 100}
        >>> Spec.of(**given, limits={"max_failures": 0.29}).failures_allowed
        29
        """
        most = self.limits.max_failures
        if isinstance(most, float):
            # For the type checker: check_combinations rejects a share without max_evals.
            return None if self.max_evals is None else floor(most * self.max_evals + _DUST)
        return most

    @property
    def identity(self) -> str:
        """Return a hash of the identity fields, for names.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> old.identity == Spec.of(**{**old.to_json(), "max_evals": 9}).identity
        True
        """
        values = texts(self.values())
        parts = "\n".join(values[name] for name in IDENTITY)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def changed_identity(self, other: Spec) -> tuple[str, ...]:
        """Return the names of the identity fields that differ; seeds differ only if both are given.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> new = Spec.of(**{**old.to_json(), "objective_kwargs": {"try": 2}, "max_evals": 9})
        >>> old.changed_identity(new)
        ("objective_kwargs['try']",)
        """
        mine, others = texts(self.values()), texts(other.values())
        changed = [name for name in IDENTITY if mine[name] != others[name]]
        if "seed" in changed and None in (self.seed, other.seed):
            changed.remove("seed")
        if "objective_kwargs" in changed:
            mine, others = texts(self.objective_kwargs), texts(other.objective_kwargs)
            at = changed.index("objective_kwargs")
            names = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]
            changed[at : at + 1] = [f"objective_kwargs[{name!r}]" for name in names]
        return tuple(changed)

    @property
    def rule(self) -> DecisionRule:
        """Return the rule for deciding whether to replace the incumbent."""
        return DecisionRule(
            confirm=self.retuning.confirm or Confirm(),
            margin=Margin.parse("retuning.margin", self.retuning.margin),
            guardrails=Guardrail.parse_all("retuning.guardrails", self.retuning.guardrails),
            metric=self.metric,
        )

    @property
    def needs_record(self) -> bool:
        """Return whether the study has an incumbent, or starts with points of earlier studies."""
        return self.retuning.incumbent is not None or self.warm_start.points is not None

    @property
    def metric(self) -> Metric:
        """Return the metric that the objective returns."""
        return Metric.of(self.maximize)


_DECLARED = declarations(Spec)
# What a person writes: the operator's arguments, the keys of a spec file.
KEYS: tuple[SpecField, ...] = tuple(item for item in _DECLARED if not item.internal)
# The keys that are groups.
GROUPS: Mapping[str, type[Group]] = {
    item.name: type(item.default) for item in KEYS if isinstance(item.default, Group)
}
# All fields; those in groups are named `limits.no_progress`.
FIELDS: tuple[SpecField, ...] = tuple(
    leaf
    for item in _DECLARED
    for leaf in (
        [each.within(item.name) for each in declarations(GROUPS[item.name])]
        if item.name in GROUPS
        else [item]
    )
)
# The fields that users set.
ARGUMENTS: tuple[SpecField, ...] = tuple(item for item in FIELDS if not item.internal)
# Fields whose change makes another study. All other fields may change between attempts.
IDENTITY: tuple[str, ...] = tuple(item.name for item in FIELDS if item.identity)
# Fields that can also be set for a script, which builds its own spec. They are plain data and name no code.
SCRIPT: tuple[str, ...] = tuple(item.name for item in FIELDS if item.script)
_BOUNDS = tuple(item.name for item in FIELDS if item.bounds)
_NAMES = tuple(item.name for item in _DECLARED)
# A key without its group -> the field that is meant: no_progress -> limits.no_progress.
_IN_GROUPS = {key: item.name for item in FIELDS for key in (item.name.rpartition(".")[2], item.flat) if key}


def given_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person set, by the names of the fields; raises SpecError for a group that is none.

    >>> given_fields({"seed": None, "warm_start": "previous", "limits": Limits(no_progress=5)})
    {'warm_start.points': 'previous', 'limits.no_progress': 5}
    """
    found = dict[str, Any]()
    for name, value in given.items():
        if value is not None and name in GROUPS:
            found |= {f"{name}.{key}": item for key, item in GROUPS[name].keys(name, value).items()}
        elif value is not None:
            found[name] = value
    return found
