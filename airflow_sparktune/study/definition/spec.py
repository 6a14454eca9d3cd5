"""The spec: a frozen, checked description of what to tune. Its JSON keys are the operator's arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import floor
from operator import attrgetter
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition.combinations import check_combinations, check_points
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.definition.group import check_fields, nested, require_known
from airflow_sparktune.study.definition.rule import DecisionRule, Guardrail, Margin
from airflow_sparktune.study.definition.spec_fields import (
    BOUNDS,
    DECLARED,
    FIELDS,
    IDENTITY,
    IN_GROUPS,
    NAMES,
    SCRIPT,
    SpecFields,
)
from airflow_sparktune.study.json_values import shown, texts
from airflow_sparktune.study.metric import Metric

# Tolerance of rounding: 0.29 * 100 is 28.999999999999996.
_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(SpecFields):
    """The objective, the search space and the limits of a study.

    Build it with `Spec.of`, which accepts and checks values as people write them (text from a template, a
    timedelta).

    >>> spec = Spec.of(objective="churn.train:loss", space={"lr": {"uniform": [0, 1]}}, max_evals="20")
    >>> spec.max_evals, spec.limits.max_trial_retries, Spec.from_json(spec.to_json()) == spec
    (20, 2, True)
    """

    @classmethod
    def of(cls, **given: Any) -> Spec:
        """Return a checked spec from values as a person writes them; raises SpecError.

        At least one field must end the study, and the space must have the given points.
        """
        spec = cls.unbounded(**given)
        if all(spec.value(name) is None for name in BOUNDS):
            raise SpecError(
                f"a spec must have one of {', '.join(BOUNDS)}, got none, so the study would never end; "
                "add max_evals: 50"
            )
        check_points(spec)
        return spec

    @classmethod
    def unbounded(cls, **given: Any) -> Spec:
        """Return a spec as `of` does, but without requiring a limit: a script may have its own rule."""
        require_known("a spec", given, NAMES, elsewhere=IN_GROUPS)
        for item in DECLARED:
            if item.required and given.get(item.name) is None:
                raise SpecError(f"a spec must have {item.name}, got none; add {item.name}: {item.example}")
        spec = cls(**check_fields(DECLARED, given))
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
