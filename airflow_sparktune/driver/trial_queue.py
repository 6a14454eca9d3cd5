"""The queue that feeds a study before its sampler is asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.study.trial import Trial, TrialOrigin


@dataclass(frozen=True, slots=True)
class Start:
    """A configuration to begin a study with, and where it comes from."""

    suggestion: Suggestion
    origin: TrialOrigin

    def began_as(self, trial: Trial) -> bool:
        """Return whether an earlier attempt has begun it as that trial."""
        same = trial.point == self.suggestion.point and trial.params == self.suggestion.params
        return same and self.origin in (trial.origin, TrialOrigin.GIVEN)


class TrialQueue:
    """Trials that run again come first, then the configurations that a study begins with, in their order."""

    def __init__(self, starts: Iterable[Start] = (), *, known: Iterable[Trial] = ()) -> None:
        self._again: deque[Trial] = deque()
        self._alone: set[int] = set()
        self._starts = deque(starts)
        for trial in known:
            begun = next((start for start in self._starts if start.began_as(trial)), None)
            if begun is not None:
                self._starts.remove(begun)

    @property
    def again(self) -> tuple[Trial, ...]:
        """The trials that wait to be run again."""
        return tuple(self._again)

    @property
    def next_runs_alone(self) -> bool:
        """Tell whether the next trial must run while no other does."""
        return bool(self._again) and self.runs_alone(self._again[0].number)

    def runs_alone(self, number: int) -> bool:
        """Return whether no other trial may run beside a trial."""
        return number in self._alone

    def drop(self, origin: TrialOrigin) -> int:
        """Leave out the configurations from there that have not begun; return how many there were."""
        kept = [start for start in self._starts if start.origin is not origin]
        dropped = len(self._starts) - len(kept)
        self._starts = deque(kept)
        return dropped

    def run_again(self, trial: Trial, *, alone: bool = False) -> None:
        """Queue a trial that has a number, and no result."""
        self._again.append(trial)
        if alone:
            self._alone.add(trial.number)

    def pop(self, number: int) -> Trial | None:
        """Return the next trial, a new one under `number`; None where the sampler is to be asked."""
        return self._again.popleft() if self._again else self.fresh(number)

    def fresh(self, number: int) -> Trial | None:
        """Return the next trial that has not begun yet, under `number`; None where there is none."""
        if not self._starts:
            return None
        start = self._starts.popleft()
        given = start.suggestion
        return Trial(number=number, params=given.params, point=given.point, origin=start.origin, tries=0)
