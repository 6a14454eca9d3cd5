"""A search space for samplers: converts points to params and params to points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_sparktune.driver.samplers.deferred import deferred

with deferred("scipy.stats"):  # hyperopt would import it for atpe only
    import hyperopt
    from hyperopt import pyll

from airflow_sparktune.driver.samplers.base import Recommendation, Suggestion
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space, places
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.space.match import point_of


class SearchSpace:
    """The dimensions of a space, and the conversion between points and params.

    A point has one number for each active label; the number of a choice is the index of its option.
    """

    def __init__(self, domain: Any, dimensions: tuple[Dimension, ...]) -> None:
        self.domain = domain
        self.dimensions = dimensions
        self._rows = {row.label: row for row in dimensions}

    @classmethod
    def of(cls, space: Any) -> SearchSpace:
        """Return the space of a spec. Raises SpecError if values of the space are not JSON.

        >>> space = SearchSpace.of({"lr": {"uniform": [0, 1]}, "booster": {"choice": ["gbtree", "dart"]}})
        >>> space.params({"lr": 0.5, "booster": 1})
        {'booster': 'dart', 'lr': 0.5}
        >>> space.given({"lr": 0.5, "booster": "dart"}).point
        {'booster': 1, 'lr': 0.5}
        """
        expression, dimensions = hyperopt_space(space)
        return cls(hyperopt.base.Domain(None, expression), dimensions)

    @property
    def columns(self) -> tuple[Dimension, ...]:
        """Return the dimensions in the order of hyperopt's graph, in which samplers draw their numbers."""
        return tuple(self._rows[label] for label in self.domain.params)

    def whole(self, label: str) -> bool:
        """Return whether a label's number is an index or a randint, which a point holds as an int."""
        return self._rows[label].kind in ("randint", "choice")

    def value(self, point: Mapping[str, Any]) -> Any:
        """Return the value of the space at a point; it may contain any objects."""
        memo = self.domain.memo_from_config(point)
        return pyll.rec_eval(self.domain.expr, memo=memo, print_node_on_error=False)

    def params(self, point: Mapping[str, Any]) -> Any:
        """Return the plain values of a point."""
        return plain(self.value(point), what="params")

    def suggestion(self, point: Mapping[str, Any], *, by: str | None = None) -> Suggestion:
        """Return the suggestion of a point; `by` names the method that found it."""
        plain_point = {
            label: int(value) if self.whole(label) else float(value) for label, value in point.items()
        }
        return Suggestion(plain_point, self.params(plain_point), by)

    def given(self, params: Any) -> Suggestion:
        """Return the suggestion for a user's params, in the form that the objective gets.

        Raises SpecError with the name of the parameter and its bounds or options.
        """
        return self.suggestion(point_of(places(self.domain.expr, self._rows), params))


class SpaceSampler:
    """The base of samplers over a search space; a subclass adds `ask` and `tell`.

    `has_model` tells whether its suggestions have an outlook, on which `stop_when_converged` depends.
    One with a method `prefer_cheap` weighs what a trial promises against its run time, once it was called.
    `steered` tells whether it searches where the guardrails hold, once `guard` was called.
    """

    has_model: ClassVar[bool] = False
    guards: Guards | None = None

    steered: ClassVar[bool] = False

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def guard(self, guards: Guards) -> None:
        """Take the guardrails of the study, before any trial."""
        self.guards = guards

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Return the dimensions of the space, in the order of the space."""
        return self.space.dimensions

    def given(self, params: Any) -> Suggestion:
        """Return the suggestion for a user's params; raises SpecError if they do not fit the space."""
        return self.space.given(params)

    def recommend(self) -> Recommendation | None:
        """Return None: the trial with the lowest loss is the one to use."""
        return None
