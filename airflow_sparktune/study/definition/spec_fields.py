"""The fields of a spec, and the same as data, for the operator, the shell and the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.execution import Execution
from airflow_sparktune.study.definition.field import SpecField, declared
from airflow_sparktune.study.definition.group import Group, declarations, require_known
from airflow_sparktune.study.definition.limits import Limits
from airflow_sparktune.study.definition.retuning import Retuning
from airflow_sparktune.study.definition.warm_start import WarmStart


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFields:
    """The fields of a spec: what to tune, how, and within which limits. Groups have what few studies set.

    Each field is declared once, with its check, meaning and identity. Times are in seconds.
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
    pruner: str = declared(
        checks.pruner,
        takes="name",
        doc="What stops trials early whose reports are losing: `none`, `worst` (behind three quarters at a "
        "step), `median` (behind half), `asha` (successive halving), `folds` (a paired test over the folds "
        "of a cross-validation), or `module:name` of a class of pruners.",
        default="none",
        example="worst",
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


DECLARED = declarations(SpecFields)
# What a person writes: the operator's arguments, the keys of a spec file.
KEYS: tuple[SpecField, ...] = tuple(item for item in DECLARED if not item.internal)
# The keys that are groups.
GROUPS: Mapping[str, type[Group]] = {
    item.name: type(item.default) for item in KEYS if isinstance(item.default, Group)
}
# All fields; those in groups are named `limits.no_progress`.
FIELDS: tuple[SpecField, ...] = tuple(
    leaf
    for item in DECLARED
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
BOUNDS = tuple(item.name for item in FIELDS if item.bounds)
NAMES = tuple(item.name for item in DECLARED)
# A key without its group -> the field that is meant: no_progress -> limits.no_progress.
IN_GROUPS = {key: item.name for item in ARGUMENTS for key in (item.name.rpartition(".")[2], item.flat) if key}


def given_fields(given: Mapping[str, Any], *, besides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a person set, by the names of the fields; raises SpecError for an unknown key or group.

    A key of a group may also be given by the name of its field, as errors call it. `besides` are keys that
    are none of a spec, for the suggestion in an error.

    >>> given_fields({"seed": None, "warm_start": "previous", "limits": Limits(no_progress=5)})
    {'warm_start.points': 'previous', 'limits.no_progress': 5}
    """
    keys, leaves = [*(item.name for item in KEYS), *besides], {item.name for item in ARGUMENTS}
    require_known("a spec", [name for name in given if name not in leaves], keys, elsewhere=IN_GROUPS)
    found = dict[str, Any]()
    for name, value in given.items():
        if value is None:
            continue
        fields = {name: value}
        if name in GROUPS:
            fields = {f"{name}.{key}": item for key, item in GROUPS[name].keys(name, value).items()}
        if twice := sorted(found.keys() & fields.keys()):
            raise SpecError(f"{twice[0]} must be given once, got it in its group and on its own; remove one")
        found |= fields
    return found
