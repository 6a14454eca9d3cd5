"""What the page gets from the server, in JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Phase(StrEnum):
    """Where a study stands, as the page tells it."""

    NONE = "none"  # no study folder: the task is no tuning, or has not begun
    WAITING = "waiting"  # a folder, but no driver has opened the study
    RUNNING = "running"
    CLOSED = "closed"


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True)


class TrialRow(_Reply):
    """A trial as the table and the plots need it.

    `point` has a number for each row of the study's dimensions, null where the dimension was not active.
    Times are seconds since 1970 by the driver's clock.
    """

    number: int
    state: str
    loss: float | None
    start: float | None
    end: float | None
    run_s: float | None
    slot: int | None
    attempt: int
    point: list[float | int | None]
    failure: str | None


class AttemptRow(_Reply):
    """One driver's life over the study."""

    number: int
    opened: float
    last: float
    host: str | None
    spark_ui: str | None


class StudyReply(_Reply):
    """A study, and those of its trials that changed after what the page already has.

    `stream` is the one whose events `changes` counts. A page that knows another gets all trials and
    starts over.
    """

    phase: Phase
    title: str
    message: str | None = None
    generation: int | None = None
    generations: list[int] = []
    stream: str = ""
    changes: int = 0
    now: float
    summary: dict[str, Any] | None = None
    limits: dict[str, Any] = {}
    dimensions: list[dict[str, Any]] = []
    attempts: list[AttemptRow] = []
    problems: list[str] = []
    trials: list[TrialRow] = []


class RunRow(_Reply):
    """What the study of one run came to."""

    run_id: str
    map_index: int
    generation: int
    phase: Phase
    stop_reason: str | None
    started: str | None
    elapsed_s: float
    trials: int
    counts: dict[str, int]
    best_loss: float | None
    best_params: Any


class HistoryReply(_Reply):
    """The studies of a task, the latest run first; `left_out` older ones were not read."""

    title: str
    message: str | None
    runs: list[RunRow]
    left_out: int


class ImportanceReply(_Reply):
    """Each parameter's share, the largest first; a message where there is none to tell."""

    shares: dict[str, float]
    message: str | None = None


class TrialReply(_Reply):
    """Everything about one trial."""

    number: int
    state: str
    loss: float | None
    start: str | None
    end: str | None
    run_s: float | None
    slot: int | None
    attempt: int
    params: Any
    error: dict[str, Any] | None
    info: dict[str, Any]
