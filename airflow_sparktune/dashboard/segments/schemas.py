"""The schemas of the table of segments."""

from __future__ import annotations

from airflow_sparktune.dashboard.browse.schemas import AttentionCell, DecisionCell
from airflow_sparktune.dashboard.page.schemas import Mean, PagePhase, Reply


class SegmentCells(Reply):
    """A segment of an application; times are seconds since 1970.

    A segment without a journal waits. `best` is a loss; with `maximize` it is the negative of the score with
    this name. `finished` counts towards `max_evals`, `bests` are the new bests of the search: how many trials
    had ended, and the loss. `changed` tells that the study has changed production, `gain` by how much its
    winner was better than the configuration there. `problem` is set if the study cannot be read.
    """

    segment: str
    phase: PagePhase
    best: float | None = None
    maximize: str | None = None
    decision: DecisionCell | None = None
    gain: Mean | None = None
    changed: bool = False
    started: float | None = None
    ended: float | None = None
    elapsed_s: float = 0.0
    slot_hours: float | None = None
    finished: int = 0
    max_evals: int | None = None
    counts: dict[str, int] = {}
    bests: list[tuple[float, float]] = []
    params: str | None = None
    end: str | None = None
    problem: str | None = None
    attention: list[AttentionCell] = []


class Block(Reply):
    """Some segments of the table from number `first` on; its `tag` changes with any of them."""

    first: int
    tag: str
    rows: list[SegmentCells]


class SegmentsReply(Reply):
    """An application with the blocks of its segments that the page does not have.

    `unread` is the number of segments whose journals must still be read; the page asks again for them.
    """

    title: str
    generation: int
    generations: list[int]
    segments: int
    blocks: list[Block]
    unread: int = 0


class SegmentNames(Reply):
    """The names of an application's segments, in order."""

    names: list[str]
