"""When a study ends: each limit of the spec, watched as trials end."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import StopReason
from airflow_sparktune.study.trial import Failure, Trial, TrialState

# Where nothing has ever succeeded, an attempt stops after this many failures: the objective is broken.
FIRST_FEW = 5


class Limits:
    """Counts what has ended and says which limit was reached first.

    `used_s` is the running time of all attempts so far, which the study's timeout includes.
    """

    def __init__(self, spec: Spec, *, used_s: float, clock: Callable[[], float]) -> None:
        self.finished = 0
        self._all = sys.maxsize if spec.max_evals is None else spec.max_evals
        self._exhausted = False
        self.deadline = math.inf if spec.timeout is None else clock() + spec.timeout - used_s
        self._spec = spec
        self._clock = clock
        self._failed = self._failed_before = 0
        self._best = self._mark = math.inf
        self._since_mark = 0
        self._first_failure: Failure | None = None
        self._reason: StopReason | None = None

    @property
    def wanted(self) -> int:
        """How many trials have to end yet, those that run included."""
        return self._all - self.finished

    def exhaust(self, begun: int) -> None:
        """Let the study end with the trials that have begun and not ended: the algorithm has no more."""
        self._all = self.finished + begun
        self._exhausted = True

    def replay(self, trials: Iterable[Trial]) -> None:
        """Take in the trials that earlier attempts have ended, in the order of their ends.

        Every limit counts them, but that they failed says nothing of an objective mended since then.
        """
        for trial in trials:
            self.tell(trial)
        self._failed_before = self._failed

    def tell(self, trial: Trial) -> None:
        """Take in a trial that has ended."""
        if not trial.counts:
            return
        self.finished += 1
        self._since_mark += 1
        if trial.state is TrialState.FAILED:
            if self._failed == self._failed_before:
                self._first_failure = trial.error
            self._failed += 1
        if trial.state is TrialState.OK and trial.loss is not None:
            self._best = min(self._best, trial.loss)
            if trial.loss < self._mark and self._improves(self._mark - trial.loss):
                self._mark, self._since_mark = trial.loss, 0

    def reached(self) -> StopReason | None:
        """The first limit that was reached; ERROR, which a success takes back, where nothing works."""
        self._reason = self._reason or self._now_reached()
        return self._reason or (StopReason.ERROR if self._broken else None)

    def require_success(self) -> None:
        """Raise ObjectiveError where all that has ended has failed."""
        if self._failed and self._best == math.inf:
            raise self._nothing_works()

    @property
    def _broken(self) -> bool:
        return self._best == math.inf and self._failed - self._failed_before >= FIRST_FEW

    def _improves(self, gain: float) -> bool:
        # 1.0 - 0.9 is 0.09999999999999998.
        least = self._spec.min_improvement
        return gain >= least or math.isclose(gain, least)

    def _now_reached(self) -> StopReason | None:
        spec = self._spec
        if spec.loss_threshold is not None and self._best <= spec.loss_threshold:
            return StopReason.LOSS_THRESHOLD
        if self.finished >= self._all:
            return StopReason.EARLY_STOP if self._exhausted else StopReason.MAX_EVALS
        if spec.failures_allowed is not None and self._failed > spec.failures_allowed:
            return StopReason.MAX_FAILURES
        if spec.no_progress is not None and self._since_mark >= spec.no_progress:
            return StopReason.NO_PROGRESS
        return StopReason.TIMEOUT if self._clock() >= self.deadline else None

    def _nothing_works(self) -> ObjectiveError:
        first = self._first_failure
        told = f", for example with: {first.message}\n{first.traceback or ''}".rstrip() if first else ""
        return ObjectiveError(
            f"at least one trial must succeed, but all {self._failed} that ended have failed{told}"
        )
