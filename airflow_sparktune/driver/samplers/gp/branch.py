"""A branch of a conditional space, with its own results."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Way


@dataclass(frozen=True, slots=True)
class Branch:
    """The `way` to a branch, and the `history` of the trials within it."""

    way: Way
    history: History

    @classmethod
    def of(cls, space: EncodedSpace, way: Way, history: History) -> Branch:
        """Return the branch that a way leads to."""
        return cls(way, history.where(space.leads(history.rows, way), space.leads(history.pending, way)))
