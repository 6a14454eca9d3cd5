"""hyperopt's suggest functions as samplers, and samplers as suggest functions.

Only this file, `hyperopt_tpe` and `driver/fmin` know hyperopt's documents.
"""

from __future__ import annotations

import random
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self
from weakref import WeakKeyDictionary, proxy

import numpy

from airflow_sparktune.driver.samplers.deferred import deferred

# hyperopt needs scipy.stats only for atpe, but spends more than half of its import time on it.
with deferred("scipy.stats"):
    import hyperopt
    from hyperopt import anneal, rand

from airflow_sparktune.driver.samplers.base import Exhausted, Suggestion
from airflow_sparktune.driver.samplers.gp.sampler import GpSampler
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.hyperopt_tpe import RememberingTpe, Suggest, remembering
from airflow_sparktune.driver.samplers.search_space import SearchSpace, SpaceSampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.trial import Trial, TrialState

# More greedy than hyperopt's own settings (20 startup jobs, gamma 0.25): better on 21 of 24 problems at
# 128 trials. `hyperopt.tpe:suggest` is the original.
TPE_SETTINGS: Mapping[str, Any] = {"n_startup_jobs": 10, "gamma": 1.0, "verbose": False}
# Of choices that open branches, as hyperopt's: with 1, studies stay in the branch that is easy to tune.
_BRANCH_GAMMA = 0.25

# The loss of a trial beyond the guardrails is at least this large.
_BEYOND = 1e200

_PENDING = (hyperopt.JOB_STATE_NEW, hyperopt.JOB_STATE_RUNNING)
# A pruned trial is no failure. To TPE, each trial without a loss is worse than those with one.
_STATUSES = {
    TrialState.RUNNING: hyperopt.STATUS_NEW,
    TrialState.OK: hyperopt.STATUS_OK,
    TrialState.FAILED: hyperopt.STATUS_FAIL,
    TrialState.PRUNED: hyperopt.STATUS_SUSPENDED,
    TrialState.CANCELLED: hyperopt.STATUS_FAIL,
}


class HyperoptSampler(SpaceSampler):
    """Samples with a suggest function of hyperopt's signature, which gets the trials by number.

    The function may name the method of a suggestion in `misc["suggested_by"]`; the default is `name`.
    """

    def __init__(self, space: SearchSpace, suggest: Suggest, *, name: str | None = None) -> None:
        super().__init__(space)
        self._name = name
        self._suggest = remembering(suggest)
        self._history = _History()
        self._known: dict[int, Trial] = {}  # with guardrails

    @property
    def steered(self) -> bool:  # type: ignore[override]
        """Return whether only the order of losses matters, so that infeasible trials can come last."""
        return isinstance(self._suggest, RememberingTpe)

    @classmethod
    def named(cls, name: str, space: SearchSpace) -> Self:
        """Return the sampler of an algorithm by its name in a spec."""
        return cls(space, _NAMED[name](), name=name)

    def ask(self, number: int, *, seed: int) -> Suggestion:
        """Return the configuration of trial `number`; raises Exhausted if the algorithm has no more."""
        docs = self._suggest([number], self.space.domain, self._history, seed)
        if not docs:
            raise Exhausted
        misc = docs[0]["misc"]
        return self.space.suggestion(_point(misc), by=misc.get("suggested_by", self._name))

    def tell(self, trial: Trial) -> None:
        """Record the state of a trial."""
        told = [trial]
        if self.guards:
            self._known[trial.number] = trial
            if self.guards.learn(trial):  # other bounds apply from now on
                told = list(self._known.values())
        for each in told:
            self._history.put(self._ranked(each), list(self.space.domain.params))

    def _ranked(self, trial: Trial) -> Trial:
        """Return a trial beyond the guardrails with a loss that ranks it after all within them."""
        if not self.guards or trial.loss is None or self.guards.hold(trial):
            return trial
        return replace(trial, loss=_BEYOND * (1.0 + self.guards.broken(trial)))


class _History(hyperopt.Trials):  # type: ignore[misc]  # hyperopt is untyped
    """The history in the form that hyperopt's suggest functions read."""

    def __init__(self) -> None:
        super().__init__(refresh=False)
        # A user's suggest function may read either list.
        self._trials: list[dict[str, Any]] = self._dynamic_trials

    def put(self, trial: Trial, labels: list[str]) -> None:
        at = bisect_left(self._trials, trial.number, key=_number)
        known = self._trials[at : at + 1]
        end = at + 1 if known and _number(known[0]) == trial.number else at
        self._trials[at:end] = [document(trial, labels)]

    def refresh(self) -> None:
        """Do nothing: `put` keeps the view up to date."""


def document(trial: Trial, labels: list[str]) -> dict[str, Any]:
    """Return a trial as a hyperopt document."""
    running = trial.state is TrialState.RUNNING
    return {
        "tid": trial.number,
        "state": hyperopt.JOB_STATE_RUNNING if running else hyperopt.JOB_STATE_DONE,
        "spec": None,
        "result": {"status": _STATUSES[trial.state], "loss": trial.loss},
        "misc": _misc(trial.number, trial.point, labels, cmd=None),
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": datetime.fromtimestamp(trial.start or 0, UTC),
        "refresh_time": datetime.fromtimestamp(trial.end or trial.start or 0, UTC),
    }


class _PointSpace(SearchSpace):
    """A space of points only. hyperopt computes their values, which may be any objects."""

    def params(self, point: Mapping[str, Any]) -> None:
        """Return None."""


def suggest_by_gp(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
    """Suggest the next trials by a Gaussian process: a suggest function for `hyperopt.fmin`."""
    sampler = _SAMPLERS.get(domain)
    if sampler is None:
        # A proxy, so that a sampler does not keep its own key.
        space = _PointSpace(proxy(domain), read_dimensions(domain.expr))
        sampler = _SAMPLERS[domain] = GpSampler(space)
    sampler.forget()
    for doc in sorted(trials.trials, key=_end):
        sampler.tell(_trial(doc))
    documents = []
    for at, number in enumerate(new_ids):
        found = sampler.ask(number, seed=[seed, at] if at else seed)
        sampler.tell(Trial(number=number, params=None, point=found.point))
        misc = _misc(number, found.point, domain.params, cmd=domain.cmd)
        misc.update(workdir=domain.workdir, suggested_by=found.by)
        documents += trials.new_trial_docs([number], [None], [domain.new_result()], [misc])
    return documents


# Samplers keep their caches from call to call.
_SAMPLERS: WeakKeyDictionary[Any, GpSampler] = WeakKeyDictionary()


def _trial(doc: Mapping[str, Any]) -> Trial:
    """Return the trial of a document; one that has ended without a loss counts as failed, or as pruned."""
    trial = Trial(number=doc["tid"], params=None, point=_point(doc["misc"]))
    if doc["state"] in _PENDING:
        return trial
    result = doc["result"] if doc["state"] == hyperopt.JOB_STATE_DONE else {}
    match result:
        case {"status": hyperopt.STATUS_OK, "loss": loss} if loss is not None:
            return trial.ended(TrialState.OK, end=0.0, loss=loss)
        case {"status": hyperopt.STATUS_SUSPENDED}:
            return trial.ended(TrialState.PRUNED, end=0.0)
    return trial.ended(TrialState.FAILED, end=0.0)


def _point(misc: Mapping[str, Any]) -> dict[str, Any]:
    return {label: values[0] for label, values in misc["vals"].items() if len(values)}


def _misc(number: int, point: Mapping[str, Any], labels: Iterable[str], *, cmd: Any) -> dict[str, Any]:
    vals = {label: [point[label]] if label in point else [] for label in labels}
    idxs = {label: [number] * len(values) for label, values in vals.items()}
    return {"tid": number, "cmd": cmd, "idxs": idxs, "vals": vals}


def _number(doc: Mapping[str, Any]) -> int:
    return int(doc["tid"])


def _end(doc: Mapping[str, Any]) -> tuple[bool, Any, int]:
    """Return a sort key for the time at which a trial ended."""
    moment = doc["refresh_time"]
    return moment is not None, moment, doc["tid"]


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


# Held while the global random states are seeded for one study, which another must not draw from or restore.
_seeding = threading.Lock()


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seed the global random states in this context: atpe draws from them and ignores its seed."""
    with _seeding:
        python, numpy_ = random.getstate(), numpy.random.get_state()
        random.seed(seed)
        numpy.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            numpy.random.set_state(numpy_)


_NAMED: Mapping[str, Callable[[], Suggest]] = {
    "tpe": lambda: RememberingTpe(TPE_SETTINGS, branch_gamma=_BRANCH_GAMMA),
    "random": lambda: rand.suggest,
    "anneal": lambda: anneal.suggest,
    "atpe": guarded_atpe,
}
