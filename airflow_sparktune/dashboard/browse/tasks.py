"""The rows of the browser: the studies of a task, with its champion."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from airflow_sparktune.dashboard.browse.applications import (
    attention_of,
    champion_of,
    last_of,
    recent_of,
    waiting_of,
)
from airflow_sparktune.dashboard.browse.attention import Patience, attention
from airflow_sparktune.dashboard.browse.schemas import (
    ChampionCell,
    DecisionCell,
    LastStudy,
    RecentRow,
    TaskRow,
)
from airflow_sparktune.dashboard.page.masking import Mask, setup_mask
from airflow_sparktune.dashboard.page.note import note_text
from airflow_sparktune.dashboard.segments.cells import seconds
from airflow_sparktune.dashboard.segments.run import Run
from airflow_sparktune.dashboard.study_list import UNREADABLE_STUDY, Found
from airflow_sparktune.dashboard.task_key import TaskKey
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.address import part
from airflow_sparktune.study.formatting import params
from airflow_sparktune.study.listing.application import segment_count
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.phase import Phase
from airflow_sparktune.study.record.entries import Entry

log = logging.getLogger(__name__)

MOST_RECENT = 20
_WEEK_S = 7 * 86_400.0

Study = tuple[Listed, StudyRow | None]


@dataclass(slots=True)
class TaskRows:
    """Builds the rows of tasks at the time `now`; describes in `problems` what cannot be shown."""

    mask: Mask
    entries: MutableMapping[str, Entry]
    patience: Patience
    now: float
    problems: list[str] = field(default_factory=list)

    def of(self, task: TaskKey, folders: Sequence[TaskFolder], found: Found) -> Iterator[TaskRow]:
        """Yield the rows of a task: one for each map index, and each segment that is mapped."""
        series: dict[tuple[str | None, int], list[Study]] = defaultdict(list)
        shared: dict[int, dict[str, list[Study]]] = defaultdict(lambda: defaultdict(list))
        for listed, row in sorted(found.rows, key=self._started, reverse=True):
            if listed.segment:
                shared[listed.map_index][listed.run].append((listed, row))
                continue
            segment = row.summary["segment"] if row is not None else None
            series[segment, listed.map_index if segment is None else -1].append((listed, row))
        task_id = next((name for study in found.rows if (name := _task_id(study, task))), task.task_id)
        record = next((folder for folder in folders if folder.records), None)
        for (segment, _), studies in sorted(series.items(), key=lambda item: (item[0][0] or "", item[0][1])):
            last = self._last(folders, *studies[0])
            entries = self._entries(task, record, segment)
            champion = next((entry for entry in entries if entry.action.sets_champion), None)
            yield TaskRow(
                dag_id=task.dag_id,
                task_id=task_id,
                map_index=last.map_index,
                segment=segment,
                last=last,
                champion=None if champion is None else self._champion(champion, task, found),
                recent=[self._recent(*study) for study in reversed(studies[:MOST_RECENT])],
                studies=len(studies),
                week_slot_hours=sum(self._week_slot_hours(row) for _, row in studies),
                attention=attention(last, entries, patience=self.patience, now=self.now),
            )
        for index, by_run in sorted(shared.items()):
            runs = [Run(studies, self.now) for studies in by_run.values()]
            waits = waiting_of(runs[0], partial(self._entries, task, record))
            yield TaskRow(
                dag_id=task.dag_id,
                task_id=task_id,
                map_index=index,
                segment=None,
                segments=self._segments(folders, runs[0]),
                last=last_of(runs[0]),
                champion=champion_of(runs, waits),
                recent=[recent_of(run) for run in reversed(runs[:MOST_RECENT])],
                studies=len(runs),
                week_slot_hours=sum(self._week_slot_hours(row) for run in runs for row in run.rows),
                attention=list(attention_of(runs[0], waits)),
            )

    def _started(self, study: Study) -> tuple[float, tuple[str, str, int, str]]:
        """Return a sort key; a study that waits for its driver is the newest."""
        listed, row = study
        started = 0.0 if row is None else row.started or self.now
        return started, listed.order

    def _entries(self, task: TaskKey, record: TaskFolder | None, segment: str | None) -> list[Entry]:
        champions = None if record is None else record.champions(segment, self.entries)
        if champions is None:
            return []
        try:
            return champions.since_champion()
        except SparktuneError:
            log.exception("The record of champions at %s cannot be read", champions.address)
            name = f"{task.dag_id}.{task.task_id}" + ("" if segment is None else f", segment {segment}")
            self.problems.append(
                f"The record of champions of {name} cannot be read; the API server's log has the details."
            )
            return []

    def _last(self, folders: Sequence[TaskFolder], listed: Listed, row: StudyRow | None) -> LastStudy:
        if row is None:
            return LastStudy(
                run_id=listed.run,
                map_index=listed.map_index,
                generation=listed.generation,
                phase="none",
                problem=UNREADABLE_STUDY,
            )
        mask = setup_mask(self.mask, row.setup)
        found, best = row.summary, mask({"params": row.summary["best_params"]})["params"]
        phase = row.pulse.phase(now=self.now)
        texts = mask(row.texts(phase, best))
        return LastStudy(
            run_id=row.run_id(listed),
            map_index=listed.map_index,
            generation=listed.generation,
            phase=phase,
            best=found["best_loss"],
            maximize=found["maximize"],
            decision=DecisionCell.of(found["decision"], texts),
            started=row.started,
            ended=seconds(found["ended"]),
            slot_hours=found["reserved_slot_hours"],
            trials=found["trials"],
            max_evals=found["max_evals"],
            texts=texts,
            note=note_text(folders, listed, mask),
        )

    def _recent(self, listed: Listed, row: StudyRow | None) -> RecentRow:
        if row is None:
            return RecentRow(run_id=listed.run, started=None, best=None, phase="none", decision=None)
        return RecentRow(
            run_id=row.run_id(listed),
            started=row.started,
            best=row.summary["best_loss"],
            phase=row.pulse.phase(now=self.now),
            decision=row.summary["decision"],
        )

    def _segments(self, folders: Sequence[TaskFolder], run: Run) -> int:
        """Return the number of an application's segments; while it runs, some may have no study yet."""
        listed, _ = run.studies[0]
        folder = next((each for each in folders if listed in each.studies), None)
        begun = len(run.studies)
        if folder is None or run.phase not in (Phase.STARTING, Phase.RUNNING):
            return begun
        return segment_count(folder.storage, listed.submitted) or begun

    def _week_slot_hours(self, row: StudyRow | None) -> float:
        if row is None or row.started is None or row.started < self.now - _WEEK_S:
            return 0.0
        return float(row.summary["reserved_slot_hours"] or 0.0)

    def _champion(self, entry: Entry, task: TaskKey, found: Found) -> ChampionCell:
        return ChampionCell(
            entry=entry.number,
            kind=entry.action.value,
            params=params(self.mask(entry.params)),
            loss=entry.loss,
            maximize=entry.maximize,
            since=entry.at,
            by=entry.by,
            study=_run_of(entry, task, found),
        )


def _task_id(study: Study, task: TaskKey) -> str | None:
    """Return the task's id that a study names, if the folder's name is a hash of that id."""
    named = study[1].task if study[1] is not None else None
    return named.task_id if named is not None and part(named.task_id) == task.task_id else None


def _run_of(entry: Entry, task: TaskKey, found: Found) -> str | None:
    """Return the id of the run whose study found the params of an entry, or the name of the run's folder.

    None if it was no study of this task.
    """
    _, below, path = (entry.study or "").rpartition(f"/{part(task.dag_id)}/{task.task_id}/")
    if not below:
        return None
    folder = path.partition("/")[0]
    ids = (row.run_id(listed) for listed, row in found.rows if row is not None and listed.run == folder)
    return next(ids, folder)
