"""The history of segments that share applications: one row for each run, and each segment over the runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from airflow_sparktune.dashboard.page.schemas import PagePhase, RunRow, SegmentWeeks
from airflow_sparktune.dashboard.segments.run import Run, Study
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study as EmptyStudy

MOST_WEEKS = 26


def runs_of(studies: Iterable[Study], *, now: float) -> list[Run]:
    """Return the applications of these studies of segments, in their order."""
    found: dict[tuple[str, int], list[Study]] = defaultdict(list)
    for listed, row in studies:
        found[listed.run, listed.map_index].append((listed, row))
    return [Run(each, now) for each in found.values()]


def run_row(run: Run, ids: Mapping[str, str]) -> RunRow:
    """Return the row of an application; `ids` has the ids of runs by the names of their folders."""
    listed = run.studies[0][0]
    totals = {"trials": run.trials, "reserved_slot_hours": run.slot_hours, "elapsed_s": run.elapsed_s}
    decision = run.decision
    return RunRow(
        run_id=ids.get(listed.run) or run.run_id,
        folder=listed.run,
        map_index=listed.map_index,
        generation=listed.generation,
        phase=run.phase,
        started=run.started,
        summary={
            **summary(EmptyStudy()).to_json(),
            **totals,
            "decision": decision.kind if decision else None,
        },
        texts={
            "state": run.state,
            "trials": str(run.trials),
            **({"decision": decision.text} if decision else {}),
        },
        data_at=next((row.data_at for row in run.rows if row.data_at is not None), None),
        segments=len(run.studies),
    )


def segment_weeks(runs: Sequence[Run]) -> list[SegmentWeeks]:
    """Return each segment over the runs, by name; one that has vanished has values in older runs only."""
    by_run: list[dict[str, StudyRow]] = [
        {row.summary["segment"] or "": row for row in run.rows} for run in runs
    ]
    found = []
    for name in sorted({name for rows in by_run for name in rows}):
        rows = [each.get(name) for each in by_run]
        newest = next(row for row in rows if row is not None)
        found.append(
            SegmentWeeks(
                segment=name,
                maximize=newest.summary["maximize"],
                values=[None if row is None else row.summary["best_loss"] for row in rows],
                decisions=[None if row is None else row.summary["decision"] for row in rows],
                phases=[_phase(row, run) for row, run in zip(rows, runs, strict=True)],
            )
        )
    return found


def _phase(row: StudyRow | None, run: Run) -> PagePhase | None:
    return None if row is None else row.pulse.phase(now=run.now)
