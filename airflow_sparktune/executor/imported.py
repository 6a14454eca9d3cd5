"""An objective that executors import by its name, `module:function`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.objective import Objective, TrialContext, load_objective
from airflow_sparktune.executor.reply import Reply, no_loss_message, small_info, too_large_message
from airflow_sparktune.executor.shared import Shared
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.metric import LARGEST_LOSS, Metric
from airflow_sparktune.study.signature import EXTRAS
from airflow_sparktune.study.trial import Failure, FailureKind, TrialPurpose


@dataclass(frozen=True, slots=True)
class ImportedObjective:
    """Calls the function `objective`; `confirm_kwargs` override `kwargs` in confirmation repeats.

    `metric` is what the objective returns.
    """

    objective: str
    kwargs: Mapping[str, Any]
    shared_data: Shared[Any] | None = None
    confirm_kwargs: Mapping[str, Any] = field(default_factory=dict)
    metric: Metric = field(default_factory=Metric)

    def load(self) -> None:
        """Check that the objective accepts the arguments of the search and of the confirmation."""
        for kwargs in (self.kwargs, {**self.kwargs, **self.confirm_kwargs}):
            load_objective(self.objective, kwargs=kwargs, extras=EXTRAS)

    def bind(self, call: Call) -> Callable[[], Any]:
        arguments = self.kwargs_of(call.trial)
        objective = _objective(self.objective, tuple(sorted(arguments)))
        # Copies, because an objective may change its arguments.
        params, kwargs = deepcopy((call.params, arguments))
        shared_data = self.shared_data.value if self.shared_data is not None else None
        return lambda: objective(params, kwargs=kwargs, trial=call.trial, shared_data=shared_data)

    def reply(self, returned: Any, run_s: float) -> Reply:
        """Return the reply for a number, or for a dict with one as hyperopt's objectives return it."""
        name = self.metric.name
        result = returned if isinstance(returned, Mapping) else {name: returned}
        if result.get("status") == "fail":
            failure = Failure(FailureKind.RAISED, "the objective reported status 'fail'")
            return Reply.failed(failure, run_s=run_s, info=small_info(result, without=name))
        try:
            value = plain(result.get(name), what=name)
        except SpecError:
            value = None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            failure = Failure(FailureKind.NONSENSE, no_loss_message(returned, self.metric))
            return Reply.failed(failure, run_s=run_s)
        info = small_info(result, without=name)
        if abs(value) > LARGEST_LOSS:
            failure = Failure(FailureKind.NONSENSE, too_large_message(value, self.metric))
            return Reply.failed(failure, run_s=run_s, info=info)
        return Reply(run_s, loss=self.metric.loss(float(value)), info=info)

    def pickled(self, returned: Any) -> None:  # noqa: ARG002 - the reply holds everything
        return None

    def kwargs_of(self, trial: TrialContext) -> dict[str, Any]:
        """Return the keyword arguments of the objective for a trial."""
        own = self.confirm_kwargs if trial.purpose == TrialPurpose.CONFIRM else {}
        return {**self.kwargs, **own}


@cache
def _objective(name: str, kwargs: tuple[str, ...]) -> Objective:
    """Load the objective once per worker; a reused worker runs many trials."""
    return load_objective(name, kwargs=dict.fromkeys(kwargs), extras=EXTRAS)
