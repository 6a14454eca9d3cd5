"""Model the run time of trials, so that suggestions can prefer what improves more per second.

As in Lee et al., Cost-aware Bayesian optimization (CArBO, 2020): the expected improvement is divided by the
expected run time to a power that falls to 0 with what is left of the study.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.fits import Fits, Limit
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.model import Posterior
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

# The seconds of a trial besides its run time: the suggestion, the job, the record.
_OVERHEAD_S = 0.1
# The largest number of run times in a fit, and in the process.
_MOST_IN_FIT, _MOST = 64, 128
_TINY = 1e-12
# The power of the expected run time at the start. With 1, studies spend long on cheap configurations that
# cannot improve much.
_POWER = 0.5
# Run times matter if the process predicts at least this share of the variance of their logarithms, if what it
# predicts deviates by at least this much, and if that is unlikely by chance: fits to 6 to 64 random numbers
# had more evidence, in nats, in about one of 50 cases.
_LEAST_SHARE, _LEAST_SPREAD, _LEAST_EVIDENCE = 0.3, 0.1, 15.0


@dataclass(frozen=True, slots=True)
class LogScale:
    """Targets with mean 0 and deviation 1 of the logarithms of seconds."""

    mean: float
    log_unit: float

    def targets(self, logs: Array) -> Array:
        """Return the targets of logarithms."""
        return np.asarray((logs - self.mean) / math.exp(self.log_unit))


class RunTimes(History):
    """A history with the logarithms of what trials cost in seconds in place of the losses."""

    @cached_property
    def scale(self) -> LogScale:  # type: ignore[override]
        return LogScale(float(self.losses.mean()), math.log(float(self.losses.std())))


@dataclass(frozen=True, slots=True)
class Price:
    """The part of a row's score that its run time costs.

    It is `weight` times the expected target of the run time, less the log probability of ending `in_time`.
    """

    posterior: Posterior
    weight: float
    in_time: Limit | None

    def of(self, rows: Array) -> Array:
        """Return the price of each row."""
        means, deviations = self.posterior.predict(rows)
        late = 0.0 if self.in_time is None else -self.in_time.log_chances(means, deviations)
        return np.asarray(self.weight * means + late)

    def slope(self, row: Array, columns: Array) -> tuple[float, Array]:
        """Return the price of a row, and its gradient along numeric `columns`."""
        mean, _, mean_slope, _ = self.posterior.slopes(row, columns)
        chance, chance_slope = (0.0, 0.0) if self.in_time is None else self.in_time.slope(row, columns)
        return self.weight * mean - chance, self.weight * mean_slope - chance_slope


class Pricing:
    """Models the run times in one space. Its cache saves time and does not affect suggestions."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._fits = Fits(space, most=_MOST_IN_FIT)

    def price(self, history: History) -> Price | None:
        """Return the price of rows; None if the run time does not matter or depends on chance only."""
        left = history.left
        if left is None:
            return None
        known = np.isfinite(history.run_times)
        times = RunTimes(
            history.rows[known], np.log(history.run_times[known] + _OVERHEAD_S), history.pending[:0]
        )
        if not times.fittable:
            return None
        scale, settings = times.scale, self._fits.latest(times)
        kept = times.chosen(_MOST, np.random.default_rng(len(times.losses)))
        posterior = Posterior(
            self._space, settings, times.rows[kept], scale.targets(times.losses)[kept], times.pending
        )
        unit, share = math.exp(scale.log_unit), posterior.predicted_share
        if share < _LEAST_SHARE or unit * math.sqrt(share) < _LEAST_SPREAD:
            return None
        if len(kept) * -math.log(max(1.0 - share, _TINY)) < _LEAST_EVIDENCE:
            return None
        in_time = None
        if math.isfinite(left.seconds):
            bound = scale.targets(np.array(math.log(left.seconds + _OVERHEAD_S)))
            in_time = Limit(posterior, float(bound), noise=math.exp(settings.noise))
        return Price(posterior, _POWER * left.share * unit, in_time)
