"""A sampler over hyperopt's suggest functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy

from airflow_sparktune.driver.samplers.deferred import deferred

# hyperopt needs scipy.stats only for atpe, but spends more than half of its import time on it.
with deferred("scipy.stats"):
    import hyperopt
    from hyperopt import anneal, rand, tpe

from airflow_sparktune.driver.samplers.base import Exhausted, Recommendation, Suggestion
from airflow_sparktune.driver.samplers.hyperopt_tpe import RememberingTpe, Suggest, remembering
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.errors import ObjectiveError, SpecError
from airflow_sparktune.executor.objective import load
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.spec.packages import require_packages
from airflow_sparktune.study.trial import Trial, TrialState

# More greedy than hyperopt's own settings (20 startup jobs, gamma 0.25): better on 21 of 24 problems at
# 128 trials. `hyperopt.tpe:suggest` is the original.
TPE_SETTINGS: Mapping[str, Any] = {"n_startup_jobs": 10, "gamma": 1.0, "verbose": False}


Recommend = Callable[[Any, Any], Recommendation | None]


class SuggestSampler:
    """Combines a search space with a suggest function of hyperopt's signature.

    The function may name the method of a suggestion in `misc["suggested_by"]`; the default is `name`.
    `recommend` gets the domain and the trials, and returns the trial to use where trials are noisy.
    """

    def __init__(
        self,
        space: SearchSpace,
        suggest: Suggest,
        *,
        name: str | None = None,
        recommend: Recommend | None = None,
    ) -> None:
        self.space = space
        self._name = name
        self._suggest = remembering(suggest)
        self._recommend = recommend
        self._history = _History()

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self.space.dimensions

    def ask(self, number: int, *, seed: int) -> Suggestion:
        """Return the configuration of trial `number`; raises Exhausted if the algorithm has no more."""
        docs = self._suggest([number], self.space.domain, self._history, seed)
        if not docs:
            raise Exhausted
        (doc,) = docs
        point = {
            label: int(values[0]) if self.space.whole(label) else float(values[0])
            for label, values in doc["misc"]["vals"].items()
            if len(values)
        }
        return Suggestion(point, self.resolve(point), by=doc["misc"].get("suggested_by", self._name))

    def given(self, params: Any) -> Suggestion:
        """Return the suggestion for a user's params."""
        return self.space.given(params)

    def resolve(self, point: Mapping[str, Any]) -> Any:
        """Return the plain values of a point."""
        return self.space.params(point)

    def tell(self, trial: Trial) -> None:
        """Record the state of a trial."""
        self._history.put(trial, list(self.space.domain.params))

    def recommend(self) -> Recommendation | None:
        """Return the trial to use after the search, or None for the one with the lowest loss."""
        return None if self._recommend is None else self._recommend(self.space.domain, self._history)


class HyperoptSampler(SuggestSampler):
    """Samples a spec's space with its algorithm. Raises SpecError if values of the space are not JSON."""

    def __init__(self, space: Any, algo: str) -> None:
        super().__init__(SearchSpace.of(space), _algorithm(algo), name=algo, recommend=_recommender(algo))


class _History(hyperopt.Trials):  # type: ignore[misc]  # hyperopt is untyped
    """The history in the form that hyperopt's suggest functions read."""

    def __init__(self) -> None:
        super().__init__(refresh=False)
        self._index: dict[int, int] = {}
        # A user's suggest function may read either list.
        self._trials: list[dict[str, Any]] = self._dynamic_trials

    def put(self, trial: Trial, labels: list[str]) -> None:
        doc = document(trial, labels)
        at = self._index.setdefault(trial.number, len(self._trials))
        self._trials[at : at + 1] = [doc]

    def refresh(self) -> None:
        """Do nothing: `put` keeps the view up to date."""


def document(trial: Trial, labels: list[str]) -> dict[str, Any]:
    """Return a trial as a hyperopt document; a trial without a loss counts as failed."""
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
    require_packages(name)
    match name:
        case "auto":
            from airflow_sparktune.driver.samplers.auto import auto_suggest

            return auto_suggest(RememberingTpe(TPE_SETTINGS))
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


def _recommender(name: str) -> Recommend | None:
    if name not in ("auto", "gp"):
        return None
    from airflow_sparktune.driver.samplers.gp.suggest import recommend

    return recommend


def guarded_atpe() -> Suggest:
    """Return hyperopt's atpe made repeatable and safe without losses; raises SpecError without lightgbm."""
    try:
        from hyperopt import atpe  # needs lightgbm
    except ImportError as error:
        raise SpecError(
            f"algo 'atpe' needs packages beyond hyperopt, got: {error}; "
            "install airflow-sparktune[atpe] where the driver runs, or use algo='tpe'"
        ) from None

    def suggest(new_ids: list[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        # atpe takes the minimum of the losses before it checks whether there are any.
        known = any(loss is not None for loss in trials.losses())
        chosen = atpe.suggest if known else rand.suggest
        with _global_seed(seed):
            docs: list[dict[str, Any]] = chosen(new_ids, domain, trials, seed)
        return docs

    return suggest


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seed the global random states in this context: atpe draws from them and ignores its seed."""
    python, numpy_ = random.getstate(), numpy.random.get_state()
    random.seed(seed)
    numpy.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        numpy.random.set_state(numpy_)
