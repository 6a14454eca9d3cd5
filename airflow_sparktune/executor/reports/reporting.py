"""Connect the trials of a study with the channel for their reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from airflow_sparktune.executor.evaluate import Call, StudyObjective
from airflow_sparktune.executor.objective import TrialContext, TrialPruned
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Answer, Report, Reports


@dataclass(frozen=True, slots=True)
class ReportingObjective:
    """An objective whose trials report to `reports`; if that is None, their reports go nowhere."""

    objective: StudyObjective
    reports: Reports | None

    def load(self) -> None:
        self.objective.load()

    def bind(self, call: Call) -> Callable[[], Any]:
        """Return the bound objective, which raises TrialPruned also if user code has swallowed that."""
        reporter = TrialReporter(self.reports, call.trial)
        trial = replace(call.trial, reporter=reporter)
        bound = self.objective.bind(replace(call, trial=trial))

        def run() -> Any:
            try:
                with _running(trial):
                    return bound()
            finally:
                reporter.require_not_pruned()

        return run

    def reply(self, returned: Any, run_s: float) -> Reply:
        return self.objective.reply(returned, run_s)

    def pickled(self, returned: Any) -> bytes | None:
        return self.objective.pickled(returned)


class TrialReporter:
    """Reports for one trial. Once the trial is pruned, or refused, nothing more is sent."""

    def __init__(self, reports: Reports | None, trial: TrialContext) -> None:
        self._reports = reports
        self._trial = trial
        self._answer = Answer.CONTINUE
        self._last = -1

    def report(self, step: int, loss: float, metrics: Mapping[str, float]) -> None:
        """Report a loss; raises TrialPruned."""
        self.require_not_pruned()
        if step <= self._last:
            raise ValueError(f"the steps of a trial's reports must grow, got {step} after {self._last}")
        self._last = step
        if self._reports is not None and self._answer is Answer.CONTINUE:
            trial = self._trial
            report = Report(trial.number, trial.attempt, trial.tries, step, loss, metrics)
            self._answer = self._reports.answer(report) or Answer.CONTINUE
            self.require_not_pruned()

    def require_not_pruned(self) -> None:
        """Raise TrialPruned if the driver has decided so."""
        if self._answer is Answer.STOP:
            raise TrialPruned(f"trial {self._trial.number} was pruned at step {self._last}")


def current_trial() -> TrialContext:
    """Return the trial that runs in this thread, or the only one in this process.

    For a script's objective, which has no parameter `trial`. Outside of a trial, it returns one whose reports
    go nowhere, so that the objective can be called in a test.
    """
    trial = _trials.get(threading.get_ident())
    if trial is None and len(_trials) == 1:
        trial = next(iter(_trials.values()), None)
    return trial or TrialContext(number=0, seed=0, attempt=1, tries=1)


# The trials of this process, by thread.
_trials: dict[int, TrialContext] = {}


@contextmanager
def _running(trial: TrialContext) -> Iterator[None]:
    thread = threading.get_ident()
    _trials[thread] = trial
    try:
        yield
    finally:
        del _trials[thread]
