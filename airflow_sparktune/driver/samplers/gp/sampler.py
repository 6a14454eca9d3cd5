"""The Gaussian process as a sampler."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from airflow_sparktune.driver.samplers.base import Left, Recommendation, Suggestion
from airflow_sparktune.driver.samplers.gp import start
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.space import encoded_space
from airflow_sparktune.driver.samplers.search_space import SearchSpace, SpaceSampler
from airflow_sparktune.study.trial import FailureKind, Outlook, Trial, TrialState

if TYPE_CHECKING:
    from airflow_sparktune.driver.samplers.gp.proposal import Proposer

# Losses are clipped to this size, so that their differences stay finite.
_HUGE = 1e150
_MODEL = "airflow_sparktune.driver.samplers.gp.proposal"


class GpSampler(SpaceSampler):
    """Suggests by a Gaussian process. A suggestion depends only on the known trials and the seed, and after
    `prefer_cheap` on what is left of the study.

    Raises SpecError for a space with distributions other than those of hyperopt.hp.
    """

    has_model = steered = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._encoded = encoded_space(space.columns)
        self._wanted = start.wanted(self._encoded)
        # Caches, which do not affect suggestions.
        self._rows: dict[int, tuple[Mapping[str, Any], Array]] = {}
        self._proposer: Proposer | None = None
        self._loading: Thread | None = None
        self._left: Callable[[], Left] | None = None
        self.forget()

    def prefer_cheap(self, left: Callable[[], Left]) -> None:
        """Prefer what is cheap for what it promises, by what is `left` of the study."""
        self._left = left

    def forget(self) -> None:
        """Forget all trials."""
        self._ended: dict[int, Trial] = {}  # in the order in which they ended
        self._running: dict[int, Trial] = {}

    def tell(self, trial: Trial) -> None:
        known = self._rows.get(trial.number)
        if known is None or known[0] != trial.point:
            self._rows[trial.number] = trial.point, self._encoded.encode(trial.point)
        if self.guards is not None:
            self.guards.learn(trial)
        self._ended.pop(trial.number, None)
        self._running.pop(trial.number, None)
        (self._running if trial.state is TrialState.RUNNING else self._ended)[trial.number] = trial

    def ask(self, number: int, *, seed: int | Sequence[int]) -> Suggestion:  # noqa: ARG002 - the protocol's
        rng = np.random.default_rng(seed)
        history = self._history(sorted(self._running))
        if history.finite:
            self._load_model()
        if history.finite < self._wanted or not history.losses_differ:
            known = np.concatenate([history.rows, history.pending])
            return self._suggestion(start.spread(self._encoded, known, rng), "gp: start")
        proposer = self._loaded_proposer()
        again = proposer.repeated(history)
        if again is not None:
            # Decoding the row could change the values: by a rounding error, or by more beyond the bounds.
            return self.space.suggestion(list(self._ended.values())[again].point, by="gp: repeat")
        row, found = proposer.propose(history, rng)
        suggestion = self._suggestion(row, found.method)
        if found.gain is None:
            return suggestion
        return replace(
            suggestion, outlook=Outlook(found.gain, history.noise.deviation if history.noisy else 0.0)
        )

    def recommend(self) -> Recommendation | None:
        """Return the trial with the lowest expected loss, or None where repeats showed no noise."""
        history = self._history(running=())
        if not history.noisy:
            return None
        at, loss = self._loaded_proposer().lowest_expected(history)
        return Recommendation(list(self._ended)[at], loss, history.noise.deviation)

    def _history(self, running: Iterable[int]) -> History:
        losses = np.array([_loss(trial) for trial in self._ended.values()], dtype=float)
        rows, pending = self._rows_of(self._ended), self._rows_of(running)
        history = History(rows, losses, pending)
        if self.guards and len(rows):
            found = [self.guards.excesses(trial) for trial in self._ended.values()]
            history = replace(history, excesses=np.array(found, dtype=float).reshape(len(rows), -1))
        if self._left is not None:
            run_times = np.array([_run_time(trial) for trial in self._ended.values()], dtype=float)
            history = replace(history, run_times=run_times, left=self._left())
        return history

    def _rows_of(self, numbers: Iterable[int]) -> Array:
        return np.array([self._rows[number][1] for number in numbers]).reshape(-1, self._encoded.size)

    def _suggestion(self, row: Array, by: str) -> Suggestion:
        return self.space.suggestion(self._encoded.decode(row), by=by)

    def _loaded_proposer(self) -> Proposer:
        """Return the proposer, which imports the model and scipy's optimizers."""
        if self._proposer is None:
            from airflow_sparktune.driver.samplers.gp.proposal import Proposer

            self._proposer = Proposer(self._encoded)
        return self._proposer

    def _load_model(self) -> None:
        """Start to import the model and scipy's optimizers in a thread.

        The import takes place while the first trials run, so that neither the start nor a suggestion waits.
        """
        if self._loading is None:
            self._loading = Thread(target=import_module, args=[_MODEL], daemon=True)
            self._loading.start()


def _loss(trial: Trial) -> float:
    """Return the loss of an ended trial, or nan without one."""
    if trial.loss is None or not math.isfinite(trial.loss):
        return math.nan
    return min(max(float(trial.loss), -_HUGE), _HUGE)


def _run_time(trial: Trial) -> float:
    """Return the seconds that a trial took, or nan if it failed early: its configuration may take longer."""
    failed = trial.state is TrialState.FAILED
    if failed and (trial.error is None or trial.error.kind is not FailureKind.TIMEOUT):
        return math.nan
    return trial.took_s
