"""Judge the reports of a study's trials, where they arrive: the loop only journals them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_sparktune.driver.pruners.base import Curves, Pruner
from airflow_sparktune.executor.reports.report import Answer, Report
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState

log = logging.getLogger(__name__)

# Later reports of a trial are judged, but not kept.
MOST_KEPT = 10_000
_SPARED = (TrialOrigin.GIVEN, TrialOrigin.INCUMBENT)


@dataclass(slots=True)
class _Running:
    """A running trial with the reports that are not in the journal yet."""

    trial: Trial
    last: int = -1
    count: int = 0
    fresh: list[Report] = field(default_factory=list)


class Judge:
    """Answers the reports of a study's running trials, and keeps them until the loop has journalled them.

    Without a `pruner`, no trial is stopped. The incumbent and its repeats, points that people gave, and all
    trials of a confirmation are never stopped, nor is a trial at the last step of the longest finished one:
    it has cost all that it can cost.
    """

    def __init__(self, pruner: Pruner | None, metric: Metric) -> None:
        self._pruner = pruner
        self._metric = metric
        self._curves = Curves()
        self._running: dict[int, _Running] = {}
        self._lock = threading.Lock()
        self._said_missed = False

    def learn(self, study: Study) -> None:
        """Take in the curves of earlier attempts, for the pruner."""
        if self._pruner is None:
            return
        for number, curve in study.curves.items():
            trial = study.trials[number]
            if trial.state is TrialState.RUNNING or trial.purpose is TrialPurpose.CONFIRM:
                continue
            for step, loss in zip(curve.steps, curve.losses, strict=True):
                self._curves.add(number, step, loss)
            if trial.state is TrialState.OK:
                self._curves.finish(number)

    def begin(self, trial: Trial) -> None:
        """Take reports of this try of a trial from now on, and of no other."""
        with self._lock:
            self._curves.drop(trial.number)
            self._running[trial.number] = _Running(trial)

    def end(self, trial: Trial) -> None:
        """Take no more reports of a trial; call it after `take`, which has its last ones."""
        with self._lock:
            self._running.pop(trial.number, None)
            if trial.state is TrialState.OK:
                self._curves.finish(trial.number)

    def receive(self, report: Report) -> Answer:
        """Return the answer to a report. Safe in any thread."""
        with self._lock:
            found = self._running.get(report.trial)
            if found is None or (report.attempt, report.tries) != (found.trial.attempt, found.trial.tries):
                return Answer.REFUSED
            if report.step <= found.last:
                return Answer.REFUSED
            found.last = report.step
            found.count += 1
            if found.count <= MOST_KEPT:
                found.fresh.append(report)
            if self._pruner is None or found.trial.purpose is TrialPurpose.CONFIRM:
                return Answer.CONTINUE
            self._curves.add(report.trial, report.step, self._metric.loss(report.loss))
            spared = found.trial.origin in _SPARED or report.step >= self._curves.last_step
            stops = not spared and self._stops(self._pruner, report)
            return Answer.STOP if stops else Answer.CONTINUE

    def missed(self, why: str | None) -> str | None:
        """Log why reports have not arrived, and return it for the journal: the first time only."""
        if why is None or self._said_missed:
            return None
        self._said_missed = True
        log.warning("trials go on without pruning, because reports are lost: %s", why)
        return why

    def take(self) -> tuple[TrialReports, ...]:
        """Return the reports that came since the last call, for the journal."""
        taken = []
        with self._lock:
            for each in self._running.values():
                if each.fresh:
                    taken.append((each.trial.number, each.fresh))
                    each.fresh = []
        return tuple(self._for_journal(number, reports) for number, reports in taken)

    def _for_journal(self, number: int, reports: Sequence[Report]) -> TrialReports:
        metrics = [report.metrics for report in reports]
        return TrialReports(
            number,
            [report.step for report in reports],
            [self._metric.loss(report.loss) for report in reports],
            metrics if any(metrics) else (),
        )

    def _stops(self, pruner: Pruner, report: Report) -> bool:
        try:
            return bool(pruner.stops(report.trial, report.step, self._curves))
        except Exception:
            log.exception("the pruner failed, so the study goes on without it")
            self._pruner = None
            return False
