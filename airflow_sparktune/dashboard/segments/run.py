"""Summarize the studies of one application's segments, for lists of runs and of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_sparktune.dashboard.browse.schemas import DecisionCell
from airflow_sparktune.dashboard.page.schemas import PagePhase
from airflow_sparktune.dashboard.segments.cells import CHANGES
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.phase import Phase

# The phases, those first that say most about an application.
_ORDER: tuple[PagePhase, ...] = (
    Phase.RUNNING,
    Phase.STARTING,
    Phase.FAILED,
    Phase.KILLED,
    Phase.LOST,
    "none",
    Phase.DONE,
    Phase.WAITING,
)

Study = tuple[Listed, StudyRow | None]


@dataclass(frozen=True, slots=True)
class Run:
    """The studies of the segments of one application."""

    studies: Sequence[Study]
    now: float

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        listed, row = next((each for each in self.studies if each[1] is not None), self.studies[0])
        return listed.run if row is None else row.run_id(listed)

    @property
    def started(self) -> float | None:
        """Return when its first study began; None if none has."""
        return min((row.started for row in self.rows if row.started is not None), default=None)

    @property
    def elapsed_s(self) -> float:
        """Return how long it took until its last segment's newest event."""
        last = max((row.pulse.last for row in self.rows if row.pulse.last is not None), default=0.0)
        return max(last - (self.started or last), 0.0)

    @property
    def rows(self) -> list[StudyRow]:
        """Return the rows that can be read."""
        return [row for _, row in self.studies if row is not None]

    @property
    def changed(self) -> list[StudyRow]:
        """Return the rows of the segments whose decision changes production."""
        return [row for row in self.rows if row.summary["decision"] in CHANGES]

    def phases(self) -> Counter[PagePhase]:
        """Return how many segments are in each phase."""
        return Counter("none" if row is None else row.pulse.phase(now=self.now) for _, row in self.studies)

    @property
    def phase(self) -> PagePhase:
        """Return the phase of the application: that of its segment which matters most."""
        found = self.phases()
        return next(each for each in _ORDER if found[each])

    @property
    def state(self) -> str:
        """Return the phases in words.

        Example: "2 failed, 38 done".
        """
        found, names = self.phases(), {"none": "unreadable"}
        return ", ".join(f"{found[each]} {names.get(each, each)}" for each in _ORDER if found[each])

    @property
    def decision(self) -> DecisionCell | None:
        """Return the decisions as one; None if no segment has decided."""
        decided = [row for row in self.rows if row.summary["decision"] is not None]
        if not decided:
            return None
        text = f"{len(self.changed)} of {len(decided)} segments change production"
        return DecisionCell(kind="replaced" if self.changed else "kept", text=text)

    @property
    def trials(self) -> int:
        """Return the number of trials of all segments."""
        return sum(row.summary["trials"] for row in self.rows)

    @property
    def slot_hours(self) -> float:
        """Return the cost of all segments."""
        return sum(float(row.summary["reserved_slot_hours"] or 0.0) for row in self.rows)
