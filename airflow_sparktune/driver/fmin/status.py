"""The numbers of trials by state, and the reason for the end of fmin, which scripts read from SparkTrials."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from hyperopt import base, spark

from airflow_sparktune.study.stopping import StopReason

# hyperopt's logger for SparkTrials, where users look for these messages.
log = logging.getLogger("hyperopt-spark")

_CANCELLED_REASONS: Mapping[StopReason, str] = {
    StopReason.TIMEOUT: spark.FMIN_CANCELLED_REASON_TIMEOUT,
    StopReason.EARLY_STOP: spark.FMIN_CANCELLED_REASON_EARLY_STOPPING,
    StopReason.KILLED: spark.FMIN_CANCELLED_REASON_USER,
}


class TrialsStatus(base.Trials):  # type: ignore[misc]  # hyperopt is untyped
    """hyperopt's trials with the numbers and the reason that its own SparkTrials has."""

    _fmin_cancelled = False
    _fmin_cancelled_reason: str | None = None

    @property
    def fmin_cancelled_reason(self) -> str | None:
        """Return why fmin ended before max_evals (timeout, early stopping, the user), or None."""
        return self._fmin_cancelled_reason

    def count_successful_trials(self) -> int:
        """Return the number of trials that ran to their end, with any status."""
        return int(self.count_by_state_unsynced(base.JOB_STATE_DONE))

    def count_failed_trials(self) -> int:
        """Return the number of trials that raised, or lost their worker too often."""
        return int(self.count_by_state_unsynced(base.JOB_STATE_ERROR))

    def count_cancelled_trials(self) -> int:
        """Return the number of trials that were cancelled at the end of the study."""
        return int(self.count_by_state_unsynced(base.JOB_STATE_CANCEL))

    def count_total_trials(self) -> int:
        """Return the number of trials that have ended in any state."""
        return self.count_successful_trials() + self.count_failed_trials() + self.count_cancelled_trials()

    def _log_counts(self) -> None:
        log.info(
            "Total Trials: %d: %d succeeded, %d failed, %d cancelled.",
            self.count_total_trials(),
            self.count_successful_trials(),
            self.count_failed_trials(),
            self.count_cancelled_trials(),
        )

    def _cancelled(self, reason: StopReason | None) -> None:
        """Take in why fmin has ended; log it if that was before max_evals."""
        self._fmin_cancelled_reason = _CANCELLED_REASONS.get(reason) if reason else None
        self._fmin_cancelled = self._fmin_cancelled_reason is not None
        if self._fmin_cancelled:
            log.warning("fmin was cancelled: %s", self._fmin_cancelled_reason)
