"""The spec: a frozen, checked description of what to tune. Its JSON keys are the operator's arguments."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import floor
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks, retuning
from airflow_sparktune.study.definition.checks import RunTrialsOn
from airflow_sparktune.study.definition.combinations import check_combinations, check_points
from airflow_sparktune.study.definition.field import SpecField, declaration_of, declared
from airflow_sparktune.study.definition.rule import Confirm, DecisionRule, Guardrail, Margin
from airflow_sparktune.study.definition.texts import texts
from airflow_sparktune.study.metric import Metric

# Tolerance of rounding: 0.29 * 100 is 28.999999999999996.
_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The objective, the search space and the limits of a study.

    Build it with `Spec.of`, which accepts and checks values as people write them (text from a template, a
    timedelta). Times are in seconds. Each field is declared once, with its check, meaning and identity.

    >>> spec = Spec.of(objective="churn.train:loss", space={"lr": {"uniform": [0, 1]}}, max_evals="20")
    >>> spec.max_evals, Spec.from_json(spec.to_json()) == spec
    (20, True)
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
        doc="The study stops when this many trials have ended. May be unset if `timeout`, "
        "`loss_threshold`, `no_progress` or `budget_slot_hours` is set.",
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
    trial_timeout: float | None = declared(
        checks.seconds,
        takes="seconds",
        doc="A trial fails when it has run for this time; a timedelta or seconds.",
        default=None,
        example="60",
    )
    loss_threshold: float | None = declared(
        checks.finite,
        takes="number",
        doc="The study stops when a trial's loss is at most this value; with `maximize`, when its score is "
        "at least this value.",
        default=None,
        example="0.05",
        bounds=True,
    )
    no_progress: int | None = declared(
        checks.whole(1, "it is a number of trials; leave it unset to continue without progress"),
        takes="count",
        doc="The study stops after this many trials without an improvement of `min_improvement`.",
        default=None,
        example="20",
        bounds=True,
    )
    min_improvement: float = declared(
        checks.bounded("be at least 0", lambda found: found >= 0, "it is a difference of losses"),
        takes="number",
        doc="How much better a loss or score must be to count as progress for `no_progress`.",
        default=0.0,
        example="0.001",
    )
    max_failures: int | float | None = declared(
        checks.failures,
        takes="count or share",
        doc="The study stops when more trials than this have failed: a count, or a share of `max_evals` "
        "below 1.0.",
        default=None,
        example="0.25",
    )
    max_trial_retries: int = declared(
        checks.whole(0, "it is how often a trial that lost its worker runs again"),
        takes="count",
        doc="How often a trial that lost its worker runs again before it counts as failed.",
        default=2,
    )
    seed: int | None = declared(
        checks.whole(0, "leave it unset to draw a random seed"),
        takes="count",
        doc="Makes the study repeatable. Unset: drawn once, then read from the journal.",
        default=None,
        example="7",
        identity=True,
    )
    run_trials_on: RunTrialsOn = declared(
        checks.run_trials_on,
        takes="executors or driver",
        doc="`executors` for models that train on one machine, `driver` for trials that use the whole "
        "cluster themselves (Spark MLlib).",
        default=RunTrialsOn.EXECUTORS,
        identity=True,
    )
    shared_data: str | None = declared(
        checks.reference,
        takes="module:function",
        doc="A function that the driver calls once. An objective gets its value in the parameter "
        "`shared_data`.",
        default=None,
        example="churn.data:load",
        identity=True,
    )
    points_to_evaluate: Sequence[Mapping[str, Any]] = declared(
        checks.points,
        takes="list of objects",
        doc="Configurations to run first; each is the params of one trial, as the objective gets them.",
        default=list,
        example='[{"lr": 0.1}]',
    )
    warm_start: str | int | Sequence[Mapping[str, Any]] | None = declared(
        retuning.warm_start,
        takes="previous, count, address or list",
        doc="Points to start the search with, best first: those of the `previous` study of this task and "
        "segment, of a number of its last studies, of the study at an address, or a list of params. They "
        "run again on today's data, and `tpe` also searches near the best of them.",
        default=None,
        example="previous",
    )
    warm_start_share: float = declared(
        checks.bounded(
            "be a share above 0 and at most 1",
            lambda found: 0 < found <= 1,
            "leave warm_start unset to start without points",
        ),
        takes="share",
        doc="The largest share of `max_evals` that points of `warm_start` take.",
        default=0.25,
    )
    incumbent: str | Mapping[str, Any] | None = declared(
        retuning.incumbent,
        takes="object, champion or previous",
        doc="The configuration in production, which is measured again on today's data: the `champion` on "
        "record, the winner of the `previous` study, or its params. The study decides whether to replace it.",
        default=None,
        example="champion",
    )
    incumbent_mismatch: str = declared(
        retuning.one_of("evaluate", "drop", "fail"),
        takes="evaluate, drop or fail",
        doc="What to do if the incumbent no longer fits the space: evaluate it as it is, drop it, or fail "
        "the study.",
        default="evaluate",
    )
    on_broken_incumbent: str = declared(
        retuning.one_of("fail", "replace"),
        takes="fail or replace",
        doc="What to do if the incumbent fails on today's data: fail the study, or replace the incumbent.",
        default="fail",
    )
    confirm: Confirm | None = declared(
        Confirm.parse,
        takes="count or object",
        doc="How candidates are confirmed against the incumbent: a number of repeats, or an object with "
        "`top` (3, up to 20), `repeats` (5, from 3 to 100), `confidence` (0.95), `objective_kwargs` (a "
        "hold-out) and `timeout_share` (0.25).",
        default=None,
        example="8",
    )
    replace_margin: float | str = declared(
        retuning.margin,
        takes="number or percentage",
        doc="The least improvement over the incumbent that a candidate needs: in units of the loss or score, "
        "or a share of the incumbent's such as `2%`.",
        default=0.0,
        example="2%",
    )
    guardrails: Mapping[str, Any] = declared(
        retuning.guardrails,
        takes="object",
        doc="Limits on the winner's loss or score, or on other metrics that the objective returns: for the "
        "mean over the repeats `max`, `min`, `max_drop` and `max_rise` (relative to the incumbent; a number "
        "or a percentage), for every repeat `each_max` and `each_min`.",
        default=dict,
        example='{"latency_ms": {"max": 50}, "recall": {"max_drop": "1%"}}',
    )
    promote: str = declared(
        retuning.one_of("decision", "manual"),
        takes="decision or manual",
        doc="When a winner becomes the champion on record: with the `decision`, or when `promote_champion` "
        "is called (`manual`).",
        default="decision",
    )
    segment: str | None = declared(
        checks.text,
        takes="text",
        doc="The name of the segment that this study tunes; each segment has a champion of its own. Unset "
        "in a mapped task: a digest of its mapped arguments.",
        default=None,
        example="fr",
    )
    budget_slot_hours: float | None = declared(
        checks.bounded("be above 0", lambda found: found > 0, "leave it unset to have no limit"),
        takes="hours",
        doc="The study stops when the slots that it has reserved have cost this much, idle ones included.",
        default=None,
        example="4",
        bounds=True,
    )
    fresh_workers: bool = declared(
        checks.flag,
        takes="flag",
        doc="Run each trial in a new Python process.",
        default=False,
    )
    storage_grace: float = declared(
        checks.seconds,
        takes="seconds",
        doc="How long the study continues while its storage does not respond; results wait in the driver's "
        "memory. A timedelta or seconds.",
        default=600.0,
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
        if all(getattr(spec, name) is None for name in _BOUNDS):
            raise SpecError(
                f"a spec must have one of {', '.join(_BOUNDS)}, got none, so the study would never end; "
                "add max_evals: 50"
            )
        check_points(spec)
        return spec

    @classmethod
    def unbounded(cls, **given: Any) -> Spec:
        """Return a spec as `of` does, but without requiring a limit: a script may have its own rule."""
        unknown = sorted(set(given) - set(_NAMES))
        if unknown:
            near = difflib.get_close_matches(unknown[0], _NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(_NAMES)}"
            raise SpecError(f"a spec must have known keys only, got {unknown[0]!r}; {hint}")
        for item in FIELDS:
            if item.required and given.get(item.name) is None:
                raise SpecError(f"a spec must have {item.name}, got none; add {item.name}: {item.example}")
        checked = {
            item.name: item.check(item.name, given[item.name])
            for item in FIELDS
            if given.get(item.name) is not None
        }
        spec = cls(**checked)
        check_combinations(spec)
        return spec

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Return the spec that `to_json` wrote; unknown keys of later versions are ignored."""
        return cls.unbounded(**{name: data[name] for name in _NAMES if name in data})

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON, with all fields."""
        return {**asdict(self), "run_trials_on": self.run_trials_on.value}

    @property
    def failures_allowed(self) -> int | None:
        """Return the number of trials that may fail: `max_failures` as a count, None for no limit.

        >>> space = {"x": {"uniform": [0, 1]}}
        >>> Spec.of(objective="m:f", space=space, max_evals=100, max_failures=0.29).failures_allowed
        29
        """
        if isinstance(self.max_failures, float):
            # For the type checker: check_combinations rejects a share without max_evals.
            return None if self.max_evals is None else floor(self.max_failures * self.max_evals + _DUST)
        return self.max_failures

    @property
    def identity(self) -> str:
        """Return a hash of the identity fields, for names.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> old.identity == Spec.of(**{**old.to_json(), "max_evals": 9}).identity
        True
        """
        values = texts(self.to_json())
        parts = "\n".join(values[name] for name in IDENTITY)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def changed_identity(self, other: Spec) -> tuple[str, ...]:
        """Return the names of the identity fields that differ; seeds differ only if both are given.

        >>> old = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
        >>> new = Spec.of(**{**old.to_json(), "objective_kwargs": {"try": 2}, "max_evals": 9})
        >>> old.changed_identity(new)
        ("objective_kwargs['try']",)
        """
        mine, others = texts(self.to_json()), texts(other.to_json())
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
            confirm=self.confirm or Confirm(),
            margin=Margin.parse("replace_margin", self.replace_margin),
            guardrails=Guardrail.parse_all("guardrails", self.guardrails),
            metric=self.metric,
        )

    @property
    def metric(self) -> Metric:
        """Return the metric that the objective returns."""
        return Metric.of(self.maximize)


FIELDS: tuple[SpecField, ...] = tuple(map(declaration_of, fields(Spec)))
# The fields that users set: the operator's arguments, the keys of a spec file.
ARGUMENTS: tuple[SpecField, ...] = tuple(item for item in FIELDS if not item.internal)
# Fields whose change makes another study. All other fields may change between attempts.
IDENTITY: tuple[str, ...] = tuple(item.name for item in FIELDS if item.identity)
_BOUNDS = tuple(item.name for item in FIELDS if item.bounds)
_NAMES = tuple(item.name for item in FIELDS)
