"""The rows of the browser: the studies of a task, with its champion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from airflow_sparktune.dashboard.browse.schemas import (
    ChampionCell,
    DecisionCell,
    LastStudy,
    RecentRow,
    TaskRow,
)
from airflow_sparktune.dashboard.page.history import RunHistory
from airflow_sparktune.dashboard.page.schemas import RunRow
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Entry

MOST_RECENT = 20


def task_rows(catalogue: Catalogue, history: RunHistory, task: TaskKey) -> Iterator[TaskRow]:
    """Yield the rows of a task: one for each segment, and one for each map index without a segment."""
    series: dict[tuple[str | None, int], list[RunRow]] = defaultdict(list)
    for row in history.of(catalogue, task).runs:
        segment = row.summary.get("segment")
        series[segment, -1 if segment else row.map_index].append(row)
    root = catalogue.record(task)
    for (segment, _), runs in sorted(series.items(), key=lambda item: (item[0][0] or "", item[0][1])):
        entry = Champions(root, segment).current() if root is not None else None
        yield TaskRow(
            dag_id=task.dag_id,
            task_id=task.task_id,
            map_index=runs[0].map_index,
            segment=segment,
            last=_last(runs[0]),
            champion=None if entry is None else _champion(entry),
            recent=_recent(runs),
            studies=len(runs),
        )


def _last(run: RunRow) -> LastStudy:
    found = run.summary
    return LastStudy(
        run_id=run.run_id,
        map_index=run.map_index,
        generation=run.generation,
        phase=run.phase,
        best=found["best_loss"],
        maximize=found["maximize"],
        decision=_decision(run),
        started=run.started,
        ended=datetime.fromisoformat(found["ended"]).timestamp() if found["ended"] else None,
        slot_hours=found["reserved_slot_hours"],
        trials=found["trials"],
        max_evals=found["max_evals"],
        texts=run.texts,
        problem=run.problem,
    )


def _decision(run: RunRow) -> DecisionCell | None:
    kind = run.summary["decision"]
    return None if kind is None else DecisionCell(kind=kind, text=run.texts.get("decision", kind))


def _recent(runs: Sequence[RunRow]) -> list[RecentRow]:
    return [
        RecentRow(
            run_id=run.run_id,
            started=run.started,
            best=run.summary["best_loss"],
            phase=run.phase,
            decision=run.summary["decision"],
        )
        for run in reversed(runs[:MOST_RECENT])
    ]


def _champion(entry: Entry) -> ChampionCell:
    return ChampionCell(
        entry=entry.number,
        kind=entry.action.value,
        params=entry.params,
        loss=entry.loss,
        maximize=entry.maximize,
        since=entry.at,
        by=entry.by,
        study=entry.study,
    )
