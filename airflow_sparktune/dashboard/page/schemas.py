"""The schemas of the JSON that the server sends to the page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from airflow_sparktune.study.phase import Phase

# "none": there is no study folder. The task does not tune, or has not started.
PagePhase = Phase | Literal["none", "reading"]


class Reply(BaseModel):
    """An object of the JSON."""

    model_config = ConfigDict(frozen=True)


class Columns(Reply):
    """Trials for the table and the charts: a list for each field, in the order of `number`.

    `points` has a list for each of the study's dimensions, with null if the dimension was not active.
    `metrics` has a list for each number that the objective returned besides the loss. `origin` says where a
    trial's configuration comes from, unless the search suggested it. `repeats` has the trial that a repeat of
    a confirmation repeats, and `beyond` the numbers of the trials beyond a guardrail. `start` and `end` are
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
    repeats: dict[int, int] = {}
    beyond: list[int] = []
    points: list[list[float | int | None]] = []
    metrics: dict[str, list[float | int | None]] = {}


class CurveRow(Reply):
    """The learning curve of a trial: some of the steps at which it reported, and their losses."""

    steps: list[int]
    losses: list[float]


class ContenderRow(Reply, extra="allow"):
    """A configuration in the confirmation: what `Measured` has, and its losses.

    `losses` has an item for each repeat, null if it failed or has not ended.
    """

    incumbent: bool
    losses: list[float | None]


class RetuningReply(Reply):
    """The comparison of a study with production.

    `incumbent` is the trial of the production configuration, `problem` the reason why that does not fit the
    space. `changed` has the parameters in which the winner differs from it, as pairs of old and new value.
    `timeout_share` is the share of the timeout and of the budget that is reserved for the repeats.
    """

    incumbent: int | None = None
    incumbent_loss: float | None = None
    problem: str | None = None
    repeats: int = 0
    timeout_share: float = 0.0
    confidence: float = 0.0
    margin: float | str = 0.0
    noise: bool = True
    contenders: list[ContenderRow] = []
    changed: dict[str, tuple[Any, Any]] = {}


class AttemptRow(Reply):
    """An attempt of the study; times are seconds since 1970."""

    number: int
    opened: float
    last: float
    host: str | None
    spark_ui: str | None


class StudyReply(Reply):
    """A study, with the trials that changed since the page's last request.

    `stream` is the stream whose events `changes` counts. A page that has another stream gets all trials, and
    starts over. With `maximize`, losses are the negative of the score with this name. If there are very many
    trials, a sample is sent, and `sampled_from` is their number. `texts` are the lines of the result that the
    log and the shell print, `best` the best params by readable name, and `best_facts` says how their loss was
    measured. An `application` has no trials, but segments. `curves` has the learning curves of the trials
    that reported, by trial. For a task that never had a study, `tuning` has the tasks of its DAG that had
    some.
    """

    phase: PagePhase
    title: str
    application: bool = False
    message: str | None = None
    tuning: list[str] = []
    stage: str | None = None
    generation: int | None = None
    generations: list[int] = []
    stream: str = ""
    changes: int = 0
    now: float
    since: float = 0.0
    summary: dict[str, Any] | None = None
    texts: dict[str, str] = {}
    best: dict[str, Any] = {}
    best_facts: list[str] = []
    verdict: str | None = None
    failures: list[str] = []
    limits: dict[str, Any] = {}
    maximize: str | None = None
    dimensions: list[dict[str, Any]] = []
    attempts: list[AttemptRow] = []
    problems: list[str] = []
    reports_lost: str | None = None
    retuning: RetuningReply | None = None
    columns: Columns = Columns()
    curves: dict[int, CurveRow] = {}
    sampled_from: int | None = None


class RunRow(Reply):
    """The result of one run's study: its summary, and the lines that the shell prints.

    `best` has the best params by readable name. `space` is a hash, by which runs can be compared. `note` is a
    person's note about the study, `data_at` the time of its data, if the study recorded it. `segments` is the
    number of segments if the run had an application, which the row sums up.
    """

    run_id: str
    folder: str
    map_index: int
    generation: int
    phase: PagePhase
    started: float | None = None
    summary: dict[str, Any] = {}
    texts: dict[str, str] = {}
    best: dict[str, Any] = {}
    space: str | None = None
    note: str | None = None
    data_at: float | None = None
    segments: int | None = None
    problem: str | None = None


class SegmentWeeks(Reply):
    """A segment over the newest applications: the best loss and the decision in each, None if it has none.

    After a retuning, the best loss is that of the configuration in production.
    """

    segment: str
    maximize: str | None = None
    values: list[float | None]
    decisions: list[str | None]
    phases: list[PagePhase | None]


class Mean(Reply):
    """A mean loss with its standard error."""

    mean: float
    error: float | None


class ChampionRow(Reply):
    """An entry of the record of champions; times are seconds since 1970.

    `incumbent` and `challenger` are the losses that its study compared, `difference` is the incumbent's minus
    the challenger's. `folder`, `map_index`, `segment` and `generation` name the study if it is one of this
    task, and `data_at` is the time of its data.
    """

    number: int
    action: str
    sets_champion: bool
    in_production: bool
    at: float
    params: str
    loss: float | None
    maximize: str | None
    reason: str
    by: str | None
    restores: int | None
    folder: str | None = None
    map_index: int = -1
    segment: str | None = None
    generation: int | None = None
    data_at: float | None = None
    incumbent: Mean | None = None
    challenger: Mean | None = None
    difference: Mean | None = None


class SegmentRow(Reply):
    """The newest entries in the record of a segment, newest first, and at last the champion's if it is older.

    `left_out` is the number of older entries, which were not read. `problem` is set if the record cannot be
    read, `unread` if the page must ask for it.
    """

    segment: str | None
    entries: list[ChampionRow]
    left_out: int = 0
    unread: bool = False
    problem: str | None = None


class HistoryReply(Reply):
    """The studies of a task, newest run first, and its champions.

    `weeks` are the newest runs with segments, by their places in `runs`; `segments` compares them. `left_out`
    is the number of older runs, which were not read.
    """

    title: str
    message: str | None
    runs: list[RunRow]
    left_out: int
    champions: list[SegmentRow] = []
    weeks: list[int] = []
    segments: list[SegmentWeeks] = []


class BranchRow(Reply):
    """The importance among the trials with one option of a choice; no `shares` if they are too few."""

    option: str
    trials: int
    shares: list[ShareRow]


class ShareRow(Reply):
    """A parameter's share of the importance; a choice has `branches`, those with parameters of their own."""

    name: str
    share: float
    branches: list[BranchRow] = []


class ImportanceReply(Reply):
    """Each parameter's share, largest first; a message if there are none."""

    shares: list[ShareRow]
    message: str | None = None


class OutputReply(Reply):
    """The output of a trial; None if none was kept."""

    text: str | None


class NoteReply(Reply):
    """A person's note about a study; its number is 0 if there has been none."""

    number: int = 0
    text: str = ""
    by: str | None = None
    at: float | None = None


class TrialReply(Reply, extra="allow"):
    """The details of one trial: what `trial_row` has, its params by readable name, their origin in words.

    A report has no `curve` here, because the study's `curves` are enough for it.
    """

    number: int
    named: dict[str, Any] = {}
    origin_text: str = ""
    curve: CurveRow | None = None
