"""A branch of a conditional space, with its own results."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.samplers.gp.fits import FEWEST, worth_a_fit
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Way

# After so many trials, a branch in which nearly all fail is no longer untried.
_ENOUGH_FAILED = 3 * FEWEST


@dataclass(frozen=True, slots=True)
class Branch:
    """The `way` to a branch, and the `history` of the trials within it."""

    way: Way
    history: History

    @classmethod
    def of(cls, space: EncodedSpace, way: Way, history: History) -> Branch:
        """Return the branch that a way leads to."""
        return cls(way, history.where(space.leads(history.rows, way), space.leads(history.pending, way)))

    @property
    def untried(self) -> bool:
        """Return whether the branch needs more trials before a process can judge it."""
        ended, running = len(self.history.rows), len(self.history.pending)
        return self.history.finite + running < FEWEST and ended < _ENOUGH_FAILED

    @property
    def fitted(self) -> bool:
        """Return whether a process can judge the branch: whether it has enough losses that differ."""
        return worth_a_fit(self.history)
