"""The schemas of the browser's rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from airflow_sparktune.dashboard.page.schemas import PagePhase, Reply

AttentionKind = Literal["failed", "lost", "approval", "old", "kept"]


class DecisionCell(Reply):
    """The decision of a retuning: its kind (`kept`, `replaced`, ...) and its reason in words."""

    kind: str
    text: str

    @classmethod
    def of(cls, kind: str | None, texts: Mapping[str, str]) -> DecisionCell | None:
        """Return the decision of this kind with its reason among a study's texts; None for no decision."""
        return None if kind is None else cls(kind=kind, text=texts.get("decision", kind))


class RecentRow(Reply):
    """A study in the curve of a task; `best` is None without a result."""

    run_id: str
    started: float | None
    best: float | None
    phase: PagePhase
    decision: str | None


class LastStudy(Reply):
    """The newest study of a task; times are seconds since 1970.

    `best` is a loss; with `maximize` it is the negative of the score with this name. `texts` are the lines of
    the result that the log prints. `problem` is set if the study cannot be read.
    """

    run_id: str
    map_index: int
    generation: int
    phase: PagePhase
    best: float | None = None
    maximize: str | None = None
    decision: DecisionCell | None = None
    started: float | None = None
    ended: float | None = None
    slot_hours: float | None = None
    trials: int = 0
    max_evals: int | None = None
    texts: dict[str, str] = {}
    note: str | None = None
    problem: str | None = None


class ChampionCell(Reply):
    """The configuration in production: `entry` of the record put it there at `since`.

    `by` is the run or the user that wrote the entry. `study` is the run whose study found the params; None if
    it was no study of this task.
    """

    entry: int
    kind: str
    params: str
    loss: float | None
    maximize: str | None
    since: float
    by: str | None
    study: str | None


class AttentionCell(Reply):
    """A reason why a person should look at a task."""

    kind: AttentionKind
    text: str


class TaskRow(Reply):
    """A task that tunes: one row for each map index and each segment that has studies.

    `segment` is None for studies without one. `segments` is the number of segments if they share
    applications: the row is then about the newest application, and `last` sums up its studies. `recent` has
    the newest studies, oldest first; `studies` is the number of all that were found, and `week_slot_hours` is
    the cost of those that began in the last 7 days.
    """

    dag_id: str
    task_id: str
    map_index: int
    segment: str | None
    segments: int | None = None
    last: LastStudy
    champion: ChampionCell | None = None
    recent: list[RecentRow] = []
    studies: int
    week_slot_hours: float = 0.0
    attention: list[AttentionCell] = []


class Reading(Reply):
    """The line before the rows of tasks whose journals must be read: the number of these tasks."""

    reading: int


class End(Reply):
    """The last line: the number of tasks that are not shown, and why something is missing."""

    end: Literal[True] = True
    left_out: int = 0
    problems: list[str] = []
