"""Optuna with its own constraints."""

from __future__ import annotations

import optuna

from airflow_sparktune.driver.samplers.optuna import OptunaSampler
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.trial import Trial, TrialState


class ConstrainedOptuna(OptunaSampler):
    """Optuna's default sampler, with `Trial.set_constraint` for each metric of a trial."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space, "TPESampler")

    def tell(self, trial: Trial) -> None:
        """Take what runs. It may differ from what was suggested, which counts as failed."""
        asked = self._numbers.pop(trial.number, None) if trial.state is TrialState.RUNNING else None
        if asked is not None:
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        super().tell(trial)

    def _end(self, number: int, state: TrialState, loss: float | None = None) -> None:
        if state is TrialState.OK:
            kept = self._study.get_trials(deepcopy=False)[self._numbers[number]]
            live = optuna.trial.Trial(self._study, kept._trial_id)
            for name, value in self._news[number].metrics.items():
                live.set_constraint(name, value)
        super()._end(number, state, loss)
