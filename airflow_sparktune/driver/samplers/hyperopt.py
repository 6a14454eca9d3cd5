"""hyperopt's algorithms behind `ask` and `tell`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy

from airflow_sparktune.driver.samplers.deferred import deferred

# hyperopt imports it for atpe alone, and spends more than half of its own import on it.
with deferred("scipy.stats"):
    import hyperopt
    from hyperopt import anneal, pyll, rand, tpe

from airflow_sparktune.driver.samplers.base import Exhausted, Point
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest, remembering
from airflow_sparktune.errors import ObjectiveError, SpecError
from airflow_sparktune.executor.objective import load
from airflow_sparktune.study.dimensions import Dimension
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.trial import Trial, TrialState

# More greedy than hyperopt's own settings (20 startup jobs, gamma 0.25): better on 21 of 24 problems at
# 128 trials. `hyperopt.tpe:suggest` is the original.
TPE_SETTINGS: Mapping[str, Any] = {"n_startup_jobs": 10, "gamma": 1.0, "verbose": False}


class SuggestSampler:
    """A hyperopt domain with the table of its dimensions, and a suggest function."""

    def __init__(self, domain: Any, dimensions: tuple[Dimension, ...], suggest: Suggest) -> None:
        self.dimensions = dimensions
        self._suggest = remembering(suggest)
        self._domain = domain
        self._whole = {item.label for item in dimensions if item.kind in ("randint", "choice")}
        self._history = _History()

    def ask(self, number: int, *, seed: int) -> Point:
        """The configuration of trial `number`; raises Exhausted where the algorithm suggests none."""
        docs = self._suggest([number], self._domain, self._history, seed)
        if not docs:
            raise Exhausted
        (doc,) = docs
        raw = {
            label: int(values[0]) if label in self._whole else float(values[0])
            for label, values in doc["misc"]["vals"].items()
            if len(values)
        }
        return Point(raw, self.resolve(raw))

    def resolve(self, raw: Mapping[str, Any]) -> Any:
        """The plain values that a raw point stands for."""
        return plain(self.value(raw), what="params")

    def value(self, raw: Mapping[str, Any]) -> Any:
        """What the space gives at a raw point."""
        memo = self._domain.memo_from_config(raw)
        return pyll.rec_eval(self._domain.expr, memo=memo, print_node_on_error=False)

    def tell(self, trial: Trial) -> None:
        """Take in where a trial stands."""
        self._history.put(trial, list(self._domain.params))


class HyperoptSampler(SuggestSampler):
    """A spec's search space and algorithm.

    `dimensions` is the table of the space. Raises SpecError for a space whose values JSON cannot hold.
    """

    def __init__(self, space: Any, algo: str) -> None:
        expression, dimensions = hyperopt_space(space)
        super().__init__(hyperopt.base.Domain(None, expression), dimensions, _algorithm(algo))


class _History(hyperopt.Trials):  # type: ignore[misc]  # hyperopt is untyped
    """hyperopt's view of the trials told so far: what its suggest functions read, nothing else."""

    def __init__(self) -> None:
        super().__init__(refresh=False)
        self._index: dict[int, int] = {}
        # A suggest function of the user's own may count either list.
        self._trials: list[dict[str, Any]] = self._dynamic_trials

    def put(self, trial: Trial, labels: list[str]) -> None:
        doc = document(trial, labels)
        at = self._index.setdefault(trial.number, len(self._trials))
        self._trials[at : at + 1] = [doc]

    def refresh(self) -> None:
        """Nothing to do: `put` keeps the view up to date."""


def document(trial: Trial, labels: list[str]) -> dict[str, Any]:
    """A trial as hyperopt's suggest functions read it; without a loss it counts as infinitely bad."""
    if trial.state is TrialState.OK:
        state, result = hyperopt.JOB_STATE_DONE, {"status": hyperopt.STATUS_OK, "loss": trial.loss}
    elif trial.state is TrialState.RUNNING:
        state, result = hyperopt.JOB_STATE_RUNNING, {"status": hyperopt.STATUS_NEW, "loss": None}
    else:
        state, result = hyperopt.JOB_STATE_DONE, {"status": hyperopt.STATUS_FAIL, "loss": None}
    active = {label: [trial.point[label]] if label in trial.point else [] for label in labels}
    return {
        "tid": trial.number,
        "state": state,
        "spec": None,
        "result": result,
        "misc": {
            "tid": trial.number,
            "cmd": None,
            "idxs": {label: [trial.number] if values else [] for label, values in active.items()},
            "vals": active,
        },
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": datetime.fromtimestamp(trial.start or 0, UTC),
        "refresh_time": datetime.fromtimestamp(trial.end or trial.start or 0, UTC),
    }


def _algorithm(name: str) -> Suggest:
    match name:
        case "tpe":
            return partial(tpe.suggest, **TPE_SETTINGS)
        case "random":
            return partial(rand.suggest)
        case "anneal":
            return partial(anneal.suggest)
        case "atpe":
            return guarded_atpe()
        case "gp":
            from airflow_sparktune.driver.samplers.gp.suggest import suggest

            return suggest
    if name.startswith("optuna:"):
        from airflow_sparktune.driver.samplers.optuna import optuna_suggest

        return optuna_suggest(name.removeprefix("optuna:"))
    found = load(name)
    if not callable(found):
        raise ObjectiveError(f"algo {name!r} must be a suggest function, got {type(found).__name__}")
    return partial(found)


def guarded_atpe() -> Suggest:
    """Repeatable, and good before there is a loss too; raises SpecError where it lacks lightgbm."""
    try:
        from hyperopt import atpe  # needs lightgbm
    except ImportError as error:
        raise SpecError(
            f"algo 'atpe' needs more than hyperopt brings, got: {error}; "
            "install airflow-sparktune[atpe] where the driver runs, or use algo='tpe'"
        ) from None

    def suggest(new_ids: list[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        # It takes the smallest of the losses before it asks whether there are any.
        known = any(loss is not None for loss in trials.losses())
        chosen = atpe.suggest if known else rand.suggest
        with _global_seed(seed):
            docs: list[dict[str, Any]] = chosen(new_ids, domain, trials, seed)
        return docs

    return suggest


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seed the global random states for a while: atpe draws from them, whatever seed it is given."""
    python, numpy_ = random.getstate(), numpy.random.get_state()
    random.seed(seed)
    numpy.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        numpy.random.set_state(numpy_)
