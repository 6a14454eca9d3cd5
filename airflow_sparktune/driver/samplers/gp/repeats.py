"""When to measure a configuration again: to know the noise, and the best configuration in spite of it."""

from __future__ import annotations

from airflow_sparktune.driver.samplers.gp.history import History

# The first repeat follows so many results. If it shows noise, there is one for every so many results, up to
# the most. Four repeats, and a share of a tenth or a fifth of all trials, did equally well.
_FIRST, _EVERY, _MOST = 16, 8, 8


def wanted(history: History) -> bool:
    """Return whether the next trial should repeat a configuration."""
    if history.finite < _FIRST:
        return False
    if history.noise.degrees == 0:
        return history.repeats == 0
    return history.noisy and history.repeats < min(history.finite // _EVERY, _MOST)
