"""The supply of trials: those that run again, then the first configurations of a study, then suggestions."""

from __future__ import annotations

import hashlib

from airflow_sparktune.driver.loop.trial_queue import TrialQueue
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.trial import Trial


def trial_seed(study_seed: int, which: int | str) -> int:
    """Return the seed of a trial (0 to 2**31 - 1), derived from the study's seed and the trial's number.

    >>> trial_seed(7, 0) == trial_seed(7, 0) != trial_seed(7, 1)
    True
    """
    digest = hashlib.sha256(f"{study_seed}:{which}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Supply:
    """Returns the trials to start; `queue` supplies them before the sampler is asked."""

    def __init__(self, sampler: Sampler, queue: TrialQueue, recorder: Recorder) -> None:
        self._sampler = sampler
        self._queue = queue
        self._watch = recorder.watch
        self._seed = recorder.study.seed or 0
        self._next = max(recorder.study.trials, default=-1) + 1
        self._ahead: Trial | None = None

    def take(self) -> Trial:
        """Return the next trial; raises Exhausted if the sampler has no more suggestions."""
        trial = self._ahead or self._queue.pop(self._next) or self._ask()
        self._ahead = None
        self._next = max(self._next, trial.number + 1)
        return trial

    def prepare(self) -> None:
        """Have the next new trial ready; raises Exhausted as `take`."""
        if self._ahead is None:
            self._ahead = self._queue.fresh(self._next) or self._ask()

    def seed_of(self, trial: Trial) -> int:
        """Return the seed of a trial. In a confirmation, all trials of one repeat share a seed."""
        return trial_seed(self._seed, trial.number if trial.repeat is None else f"confirm:{trial.repeat}")

    def _ask(self) -> Trial:
        number = self._next
        with self._watch.on("ask"):
            suggestion = self._sampler.ask(number, seed=trial_seed(self._seed, number))
        return Trial(
            number=number,
            params=suggestion.params,
            point=suggestion.point,
            tries=0,
            suggested_by=suggestion.by,
            outlook=suggestion.outlook,
        )
