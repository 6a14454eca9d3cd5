"""Measure a TPE suggestion as the history grows: hyperopt's own `tpe.suggest` and our sampler."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import hyperopt
from hyperopt import tpe

from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.hyperopt import TPE_SETTINGS, document
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.objectives import SPACE, WIDE_SPACE, loss_of
from benchmarks.report import Findings, middle

QUESTION = "What does a TPE suggestion cost after n trials?"
TARGET = "at most 2 ms more than hyperopt at 4,000 trials; at best a third of it, with the same suggestions"

SPACES = {"4 parameters": SPACE, "10, five in steps": WIDE_SPACE}


@dataclass(frozen=True, slots=True)
class Size:
    """Ask each sampler in turn for `asks` suggestions, after each number of `trials`."""

    trials: tuple[int, ...]
    asks: int


FULL = Size(trials=(100, 1_000, 4_000, 10_000), asks=15)
TINY = Size(trials=(20,), asks=2)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Compare the milliseconds and the suggestions of hyperopt's sampler and ours."""
    rows = [(name, *_compare(SPACES[name], trials, size.asks)) for name in SPACES for trials in size.trials]

    def draw(axes: Any) -> None:
        for name in SPACES:
            _, trials, they, we, *_ = zip(*(row for row in rows if row[0] == name), strict=True)
            axes.plot(trials, they, "s-", label=f"hyperopt's tpe.suggest ({name})")
            axes.plot(trials, we, "o-", label=f"sparktune ({name})")
        axes.set(xlabel="finished trials", ylabel="ms per suggestion", xscale="log", yscale="log")

    columns = ("space", "trials", "hyperopt ms", "sparktune ms", "ratio", "difference ms", "same suggestions")
    return Findings(columns, rows, draw, ["sparktune's milliseconds include passing it the last trial"])


def _compare(space: Any, trials: int, asks: int) -> tuple[Any, ...]:
    sampler, blind = sampler_of(space, "tpe"), sampler_of(space, "random")
    peer = _Peer(space)
    for number in range(trials):
        trial = _evaluated(blind, number)
        sampler.tell(trial)
        peer.tell(trial)
    sampler.ask(trials, seed=0)
    ours_ms, theirs_ms, same = [], [], 0
    for number in range(trials, trials + asks):
        theirs, seconds = _timed(partial(peer.ask, number))
        theirs_ms.append(seconds * 1000)
        ours, seconds = _timed(partial(sampler.ask, number, seed=number))
        trial = _evaluated(blind, number)
        peer.tell(trial)
        _, told = _timed(partial(sampler.tell, trial))
        ours_ms.append((seconds + told) * 1000)
        same += ours.point == theirs
    they, we = middle(theirs_ms), middle(ours_ms)
    return (trials, they, we, we / they, we - they, f"{same} of {asks}")


class _Peer:
    """Asks hyperopt for suggestions as its `fmin` does."""

    def __init__(self, space: Any) -> None:
        expression, _ = hyperopt_space(space)
        self._domain = hyperopt.base.Domain(None, expression)
        self._trials = hyperopt.Trials()
        self._suggest = partial(tpe.suggest, **TPE_SETTINGS)

    def tell(self, trial: Trial) -> None:
        # The checks of insert_trial_docs would take minutes for ten thousand trials.
        self._trials._dynamic_trials.append(document(trial, list(self._domain.params)))
        self._trials._trials = self._trials._dynamic_trials

    def ask(self, number: int) -> dict[str, Any]:
        (doc,) = self._suggest([number], self._domain, self._trials, number)
        return {label: values[0] for label, values in doc["misc"]["vals"].items() if len(values)}


def _evaluated(sampler: Sampler, number: int) -> Trial:
    point = sampler.ask(number, seed=number)
    loss = loss_of(point.params)
    return Trial(number=number, params=point.params, point=point.point, state=TrialState.OK, loss=loss)


def _timed(call: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start
