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
    where its configuration comes from, if not from the sampler; `repeats` of a confirmation's trial which
    trial it repeats, and the number of the repeat. `start` and `end` are seconds after the reply's `since`,
    by the driver's clock.
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
    repeats: dict[int, tuple[int, int]] = {}
    points: list[list[float | int | None]] = []
    metrics: dict[str, list[float | int | None]] = {}


class ContenderRow(_Reply):
    """A configuration under confirmation; `number` is its trial in the search.

    `losses` has a place for each repeat, null where it failed or has not ended. The figures are those of the
    decision: of a candidate, `difference` is how much lower its loss is than the incumbent's, in the mean of
    the `pairs`, and `bound` what that exceeds beyond the margin.
    """

    number: int
    incumbent: bool
    losses: list[float | None]
    n: int
    mean: float | None = None
    std_error: float | None = None
    pairs: int = 0
    difference: float | None = None
    difference_error: float | None = None
    bound: float | None = None
    standing: str | None = None
    why: str | None = None


class RetuningReply(_Reply):
    """How a study compares with what is in production; `said` is its decision in words.

    `incumbent` is the trial of what is in production, `problem` why that does not fit the space. `changed`
    has the parameters in which the winner differs from it, as a pair of old and new.
    """

    said: str | None = None
    decision: str | None = None
    incumbent: int | None = None
    incumbent_loss: float | None = None
    problem: str | None = None
    repeats: int = 0
    confidence: float = 0.0
    margin: float | str = 0.0
    noise: bool = True
    contenders: list[ContenderRow] = []
    changed: dict[str, tuple[Any, Any]] = {}


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
    retuning: RetuningReply | None = None
    columns: Columns = Columns()
    sampled_from: int | None = None


class RunRow(_Reply):
    """What the study of one run came to; `best` has the params that it came to by their readable names.

    `code` and `space` tell whether these have changed since another run. Of a retuning, `said` is its
    decision in words.
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
    slot_hours: float = 0.0
    utilisation: float | None = None
    improvement_slot_hours: float = 0.0
    segment: str | None = None
    decision: str | None = None
    said: str | None = None


class Mean(_Reply):
    """A mean loss with its standard error."""

    mean: float
    error: float | None


class ChampionRow(_Reply):
    """An entry of the record of champions; times are seconds since 1970.

    `incumbent` and `challenger` are what its study compared, `difference` by how much the challenger is
    better.
    """

    number: int
    action: str
    in_office: bool
    at: float
    params: Any
    loss: float | None
    reason: str
    by: str | None
    restores: int | None
    incumbent: Mean | None = None
    challenger: Mean | None = None
    difference: Mean | None = None


class SegmentRow(_Reply):
    """The champion of a segment, and the newest entries of its record, the latest first.

    `left_out` older entries were not read; `problem` says what of the record cannot be read.
    """

    segment: str | None
    entries: list[ChampionRow]
    left_out: int = 0
    problem: str | None = None


class HistoryReply(_Reply):
    """The studies of a task, the latest run first, and its champions.

    `left_out` older runs were not read.
    """

    title: str
    message: str | None
    runs: list[RunRow]
    left_out: int
    champions: list[SegmentRow] = []


class ImportanceReply(_Reply):
    """Each parameter's share, the largest first; a message where there are none."""

    shares: dict[str, float]
    message: str | None = None


class OutputReply(_Reply):
    """The lines that a trial printed; None where nothing is kept."""

    text: str | None


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
    purpose: str
    repeats: int | None
    repeat: int | None
    params: Any
    named: dict[str, Any] = {}
    error: dict[str, Any] | None
    info: dict[str, Any]
