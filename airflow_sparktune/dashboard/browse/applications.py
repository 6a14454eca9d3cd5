"""The row of a task whose segments share applications: what the studies of the newest one have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from airflow_sparktune.dashboard.browse.attention import study_reasons, waiting
from airflow_sparktune.dashboard.browse.schemas import (
    AttentionCell,
    AttentionKind,
    ChampionCell,
    DecisionCell,
    LastStudy,
    RecentRow,
)
from airflow_sparktune.dashboard.page.schemas import PagePhase
from airflow_sparktune.dashboard.segments.run import Run
from airflow_sparktune.dashboard.study_list import UNREADABLE_STUDY
from airflow_sparktune.study.record.entries import Entry

# How many names a sentence lists.
_NAMED = 5
# The records of so many changed segments are looked at for a winner that waits for a person.
_MOST_RECORDS = 50


def last_of(run: Run) -> LastStudy:
    """Return what the studies of an application have in common as that of one."""
    listed = run.studies[0][0]
    return LastStudy(
        run_id=run.run_id,
        map_index=listed.map_index,
        generation=listed.generation,
        phase=run.phase,
        decision=None if run.decision is None else DecisionCell(kind=run.decision[0], text=run.decision[1]),
        started=run.started,
        slot_hours=run.slot_hours,
        trials=run.trials,
        texts={"ended": run.state},
    )


def recent_of(run: Run) -> RecentRow:
    """Return an application in the list of recent ones."""
    kind = run.decision[0] if run.decision else None
    return RecentRow(run_id=run.run_id, started=run.started, best=None, phase=run.phase, decision=kind)


def champion_of(runs: Sequence[Run]) -> ChampionCell | None:
    """Return the newest change of production as that of one champion; `runs` has the newest first."""
    found = next((run for run in runs if run.changed), None)
    if found is None:
        return None
    return ChampionCell(
        entry=0,
        kind="replaced",
        params=f"of {len(found.changed)} segments",
        loss=None,
        maximize=None,
        since=found.started or 0.0,
        by=found.run_id,
        study=found.run_id,
    )


def attention_of(run: Run, entries_of: Callable[[str | None], Sequence[Entry]]) -> Iterator[AttentionCell]:
    """Yield the reasons why a person should look, each with the names of the segments."""
    named: dict[AttentionKind, list[str]] = {}
    for listed, row in run.studies:
        name = listed.segment.removeprefix("segment=") if row is None else row.summary["segment"]
        phase: PagePhase = "none" if row is None else row.pulse.phase(now=run.now)
        for kind, _ in study_reasons(phase, None, UNREADABLE_STUDY if row is None else None):
            named.setdefault(kind, []).append(name)
    for row in run.changed[:_MOST_RECORDS]:
        if waiting(entries_of(row.summary["segment"])) is not None:
            named.setdefault("approval", []).append(row.summary["segment"])
    words = {"failed": "have no result", "lost": "lost their driver", "approval": "wait for promotion"}
    for kind, names in named.items():
        some = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        yield AttentionCell(
            kind=kind, text=f"{len(names)} of {len(run.studies)} segments {words[kind]}: {some}"
        )
