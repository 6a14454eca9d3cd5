"""The queue of a study's starts, which drops the remaining warm points when they stop improving."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable

from airflow_sparktune.driver.loop.trial_queue import Start, TrialQueue
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin

log = logging.getLogger(__name__)

# After this many warm points in a row that are worse than an earlier one, the others are dropped: they are
# ordered by loss, and close to last week's optimum. Chosen on the benchmark `warm_start`.
PATIENCE = 2


class StartQueue(TrialQueue):
    """The queue of a search: trials that run again, then its starts in their order.

    It reads the results of the warm points from the journal, so a retry drops the same ones. A user's own
    list of points runs completely, because it need not begin with the best.
    """

    def __init__(self, starts: Iterable[Start], *, study: Study) -> None:
        super().__init__(starts, known=study.trials.values())
        self._study = study

    def fresh(self, number: int) -> Trial | None:
        """Return the next trial that has not started yet; a warm point only while warm points improve."""
        if self._no_longer_improves() and (dropped := self.drop(TrialOrigin.WARM_START)):
            log.info("dropping %d points of warm_start: the last %d were no better", dropped, PATIENCE)
        return super().fresh(number)

    def _no_longer_improves(self) -> bool:
        spec = self._study.spec
        if spec is None or isinstance(spec.warm_start.points, (list, tuple)):
            return False
        best, since = math.inf, 0
        for trial in self._study.searched:
            if trial.origin is TrialOrigin.WARM_START and trial.counts:
                loss = math.inf if trial.loss is None else trial.loss
                best, since = (loss, 0) if loss < best else (best, since + 1)
        return since >= PATIENCE
