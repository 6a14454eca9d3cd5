"""The history of a task: the result of each run's study."""

from __future__ import annotations

import time
from collections.abc import Sequence

from airflow_sparktune.dashboard.page.champions import ChampionHistory
from airflow_sparktune.dashboard.page.masking import Mask, setup_mask
from airflow_sparktune.dashboard.page.note import note_text
from airflow_sparktune.dashboard.page.points import best_by_name, dimensions_of
from airflow_sparktune.dashboard.page.schemas import HistoryReply, RunRow, SegmentRow
from airflow_sparktune.dashboard.segments.weeks import MOST_WEEKS, run_row, runs_of, segment_weeks
from airflow_sparktune.dashboard.study_list import UNREADABLE_STUDY, StudyList
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.study.address import part
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import Listed
from airflow_sparktune.study.listing.row import StudyRow, fingerprint
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study

MOST_RUNS = 100


class RunHistory:
    """Shows the newest studies of a task; `studies` reads them."""

    def __init__(self, studies: StudyList, mask: Mask) -> None:
        self._studies = studies
        self._mask = mask
        self._champions = ChampionHistory(mask)

    def of(self, catalogue: Catalogue, task: TaskKey, *, run_ids: Sequence[str] = ()) -> HistoryReply:
        """Return the newest runs of a task, newest first; `run_ids` maps the runs' folders to their ids."""
        folders = list(catalogue.folders(task))
        found = self._studies.of(folders, newest=MOST_RUNS)
        ids = {part(run_id): run_id for run_id in run_ids}
        alone = [each for each in found.rows if not each[0].segment]
        applications = runs_of((each for each in found.rows if each[0].segment), now=time.time())
        rows = [self._row(folders, listed, row, ids) for listed, row in alone[:MOST_RUNS]]
        shared = sorted(applications, key=lambda run: run.started or 0.0, reverse=True)[:MOST_RUNS]
        rows += [run_row(run, ids) for run in shared]
        compared = segment_weeks(shared[:MOST_WEEKS])
        rows.sort(key=lambda row: row.started or 0.0, reverse=True)
        return HistoryReply(
            title=f"{task.dag_id}.{task.task_id}",
            message=catalogue.trouble() if not rows else None,
            runs=rows,
            left_out=found.left_out + max(0, len(alone) - MOST_RUNS) + len(applications) - len(shared),
            champions=self._champions.of(catalogue.record(task), (each.segment for each in compared)),
            weeks=[index for index, row in enumerate(rows) if row.segments is not None][:MOST_WEEKS],
            segments=compared,
        )

    def champions(self, catalogue: Catalogue, task: TaskKey, segment: str | None) -> SegmentRow | None:
        """Return the record of champions of a segment; None if the task has no record."""
        root = catalogue.record(task)
        return None if root is None else self._champions.one(root, segment)

    def _row(
        self, folders: Sequence[TaskFolder], listed: Listed, row: StudyRow | None, ids: dict[str, str]
    ) -> RunRow:
        if row is None:
            return RunRow(
                run_id=ids.get(listed.run, listed.run),
                folder=listed.run,
                map_index=listed.map_index,
                generation=listed.generation,
                phase="none",
                summary=summary(Study()).to_json(),
                problem=UNREADABLE_STUDY,
            )
        mask = setup_mask(self._mask, row.setup)
        phase = row.pulse.phase(now=time.time())
        found = mask(row.summary)
        best = found["best_params"]
        return RunRow(
            run_id=ids.get(listed.run) or row.run_id(listed),
            folder=listed.run,
            map_index=listed.map_index,
            generation=listed.generation,
            phase=phase,
            started=row.started,
            summary=found,
            texts=mask(row.texts(phase, best)),
            best=best_by_name(found["best_point"], best, dimensions_of(row.setup, mask)),
            space=fingerprint(row.setup.space) if row.stream else None,
            note=note_text(folders, listed, mask),
            data_at=row.data_at,
        )
