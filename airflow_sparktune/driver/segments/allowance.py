"""The fair share of each segment in the application's time and slot-hours."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.study import Study

HOUR_S = 3600.0
# Less time than this counts as none. A limit of a study must be above 0, so it is at least this much.
LEAST_S = 1e-6


@dataclass(frozen=True, slots=True)
class Used:
    """The running time and slot-seconds of a segment's earlier tries, and the times of each try."""

    ran_s: float
    slot_s: float
    spans: tuple[tuple[float, float], ...]

    @classmethod
    def by(cls, study: Study) -> Used:
        spans = tuple((attempt.opened, attempt.last) for attempt in study.attempts)
        return cls(study.elapsed_s, study.slots_s, spans)


def covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """Return the time that spans cover together: segments run at the same time.

    >>> covered_s([(0, 10), (5, 12), (20, 21)])
    13.0
    """
    total, until = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return total


class Allowance:
    """Divides what is left of the application's timeout and slot-hours among the segments that run.

    They run in waves of as many as there are lanes, and each wave has the same time. A segment that ends
    early leaves the rest of its share to the later ones.
    """

    def __init__(
        self, spec: Spec, used: Iterable[Used], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        known = list(used)
        hours = spec.limits.budget_slot_hours
        self._clock = clock
        ran_s = covered_s(span for each in known for span in each.spans)
        self._until = math.inf if spec.timeout is None else clock() + spec.timeout - ran_s
        self._lent_s = 0.0  # to segments that run
        self._left_s = math.inf if hours is None else hours * HOUR_S - sum(each.slot_s for each in known)

    @property
    def time_left_s(self) -> float:
        """Return the part of the application's timeout that is left, in seconds; not below 0."""
        return max(self._until - self._clock(), 0.0)

    @property
    def used_up(self) -> bool:
        """Return whether nothing is left for another segment."""
        return not self.time_left_s or self._left_s < LEAST_S

    @property
    def may_grow(self) -> bool:
        """Return whether no slot-hours are left, but segments that run may leave some of theirs."""
        return self._left_s < LEAST_S <= self._lent_s and self.time_left_s > 0

    def share(self, spec: Spec, used: Used, *, waves: int, waiting: int) -> Spec:
        """Return a segment's spec with its share, which is no longer left for others.

        `waiting` segments, in `waves`, have not begun, this one included. The segment's own limits hold, too.
        If nothing is left, the segment ends with what it has.
        """
        time_left_s = max(self.time_left_s, LEAST_S)
        ends_s = spec.timeout if spec.timeout is not None else used.ran_s + time_left_s / waves
        own, left_s = spec.limits.budget_slot_hours, max(self._left_s, LEAST_S)
        hours = _finite((used.slot_s + left_s / waiting) / HOUR_S)
        if own is not None:
            hours = min(own, (used.slot_s + left_s) / HOUR_S)
        shared = replace(
            spec,
            timeout=_finite(min(ends_s, used.ran_s + time_left_s)),
            limits=replace(spec.limits, budget_slot_hours=hours),
        )
        self._lend(_granted_s(shared, used))
        return shared

    def ended(self, spec: Spec, used: Used, slot_s: float) -> None:
        """Return the rest of the share of a segment that has been charged `slot_s` over all its tries."""
        self._lend(-_granted_s(spec, used))
        self._left_s -= max(slot_s - used.slot_s, 0.0)

    def _lend(self, slot_s: float) -> None:
        self._left_s -= slot_s
        self._lent_s += slot_s


def _granted_s(spec: Spec, used: Used) -> float:
    """Return how many slot-seconds a segment may still use; 0 without a limit."""
    hours = spec.limits.budget_slot_hours
    return 0.0 if hours is None else max(hours * HOUR_S - used.slot_s, 0.0)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
