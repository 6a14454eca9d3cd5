"""Define the JSON that the page gets from the server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from airflow_sparktune.study.phase import Phase

# "none": there is no study folder. The task is no tuning, or has not begun.
PagePhase = Phase | Literal["none"]


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True)


class Columns(_Reply):
    """Trials as the table and the charts need them: a list for each field, in the order of `number`.

    `points` has a list for each of the study's dimensions, with null where the dimension was not active;
    `metrics` a list for each number that the objective returned beside the loss; `origin` says of a trial
    where its configuration comes from, if not from the sampler. `start` and `end` are
    seconds after the reply's `since`, by the driver's clock.
    """

    number: list[int] = []
    state: list[str] = []
    loss: list[float | None] = []
    start: list[float | None] = []
    end: list[float | None] = []
    run_s: list[float | None] = []
    slot: list[int | None] = []
    attempt: list[int] = []
    failure: dict[int, str] = {}
    origin: dict[int, str] = {}
    points: list[list[float | int | None]] = []
    metrics: dict[str, list[float | int | None]] = {}


class AttemptRow(_Reply):
    """One driver's life over the study; times are seconds since 1970."""

    number: int
    opened: float
    last: float
    host: str | None
    spark_ui: str | None


class StudyReply(_Reply):
    """A study, and those of its trials that changed after what the page already has.

    `stream` is the one whose events `changes` counts. A page that knows another gets all trials and
    starts over. Of very many trials a sample is sent: `sampled_from` says of how many.
    """

    phase: PagePhase
    title: str
    message: str | None = None
    stage: str | None = None
    generation: int | None = None
    generations: list[int] = []
    stream: str = ""
    changes: int = 0
    now: float
    since: float = 0.0
    summary: dict[str, Any] | None = None
    verdict: str | None = None
    ended_by: str | None = None
    failures: list[str] = []
    limits: dict[str, Any] = {}
    dimensions: list[dict[str, Any]] = []
    attempts: list[AttemptRow] = []
    problems: list[str] = []
    columns: Columns = Columns()
    sampled_from: int | None = None


class RunRow(_Reply):
    """What the study of one run came to; `best` has the best params by their readable names.

    `changed` says in what this study differs from the run before it: the objective's code, the space.
    """

    run_id: str
    folder: str
    map_index: int
    generation: int
    phase: PagePhase
    ended_by: str | None = None
    started: float | None = None
    elapsed_s: float = 0.0
    trials: int = 0
    trials_s: float = 0.0
    counts: dict[str, int] = {}
    best_loss: float | None = None
    best: dict[str, Any] = {}
    code: str | None = None
    space: str | None = None
    problem: str | None = None


class HistoryReply(_Reply):
    """The studies of a task, the latest run first; `left_out` older runs were not read."""

    title: str
    message: str | None
    runs: list[RunRow]
    left_out: int


class ImportanceReply(_Reply):
    """Each parameter's share, the largest first; a message where there are none."""

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
    origin: str
    suggested_by: str | None
    params: Any
    named: dict[str, Any] = {}
    error: dict[str, Any] | None
    info: dict[str, Any]
