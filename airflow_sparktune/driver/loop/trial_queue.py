"""The queue of trials that run before the sampler is asked for more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.study.trial import Trial, TrialOrigin


@dataclass(frozen=True, slots=True)
class Start:
    """A configuration to run at the start of a study, and its origin."""

    suggestion: Suggestion
    origin: TrialOrigin

    def matches(self, trial: Trial) -> bool:
        """Return whether an earlier attempt has started this configuration as `trial`."""
        same = trial.point == self.suggestion.point and trial.params == self.suggestion.params
        return same and self.origin in (trial.origin, TrialOrigin.GIVEN)


class TrialQueue:
    """Queues the trials that run again, then the configurations to run first, in order."""

    def __init__(self, starts: Iterable[Start] = (), *, known: Iterable[Trial] = ()) -> None:
        self._again: deque[Trial] = deque()
        self._alone: set[int] = set()
        self._starts = deque(starts)
        for trial in known:
            begun = next((start for start in self._starts if start.matches(trial)), None)
            if begun is not None:
                self._starts.remove(begun)

    @property
    def again(self) -> tuple[Trial, ...]:
        """Return the trials that wait to run again."""
        return tuple(self._again)

    @property
    def next_runs_alone(self) -> bool:
        """Return whether the next trial must run while no other trial does."""
        return bool(self._again) and self.runs_alone(self._again[0].number)

    def runs_alone(self, number: int) -> bool:
        """Return whether no other trial may run at the same time as this one."""
        return number in self._alone

    def drop(self, origin: TrialOrigin) -> int:
        """Drop the configurations of an origin that have not begun, and return their number."""
        kept = [start for start in self._starts if start.origin is not origin]
        dropped = len(self._starts) - len(kept)
        self._starts = deque(kept)
        return dropped

    def run_again(self, trial: Trial, *, alone: bool = False) -> None:
        """Queue a numbered trial that has no result yet."""
        self._again.append(trial)
        if alone:
            self._alone.add(trial.number)

    def pop(self, number: int) -> Trial | None:
        """Return the next trial, a new one with the given number; None if the sampler should be asked."""
        return self._again.popleft() if self._again else self.fresh(number)

    def fresh(self, number: int) -> Trial | None:
        """Return the next trial that has not started yet, with the given number; None if there is none."""
        if not self._starts:
            return None
        start = self._starts.popleft()
        given = start.suggestion
        return Trial(number=number, params=given.params, point=given.point, origin=start.origin, tries=0)


def without_slot(trial: Trial) -> Trial:
    """Return a trial as it waits to run again."""
    return replace(trial, start=None, slot=None)
