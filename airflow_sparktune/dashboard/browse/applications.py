"""The row of a task whose segments share applications: what the studies of the newest one have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from airflow_sparktune.dashboard.browse.attention import study_reasons, waiting
from airflow_sparktune.dashboard.browse.schemas import (
    AttentionCell,
    AttentionKind,
    ChampionCell,
    LastStudy,
    RecentRow,
)
from airflow_sparktune.dashboard.page.schemas import PagePhase
from airflow_sparktune.dashboard.segments.run import Run
from airflow_sparktune.dashboard.study_list import UNREADABLE_STUDY
from airflow_sparktune.study.address import SEGMENT
from airflow_sparktune.study.record.entries import Entry

# How many names a sentence lists.
_NAMED = 5
# The records of so many changed segments are looked at for a winner that waits for a person.
_MOST_RECORDS = 50


def last_of(run: Run) -> LastStudy:
    """Return an application in the form of one study: what its studies have in common."""
    listed = run.studies[0][0]
    return LastStudy(
        run_id=run.run_id,
        map_index=listed.map_index,
        generation=listed.generation,
        phase=run.phase,
        decision=run.decision,
        started=run.started,
        slot_hours=run.slot_hours,
        trials=run.trials,
        texts={"ended": run.state},
    )


def recent_of(run: Run) -> RecentRow:
    """Return an application in the list of recent ones."""
    kind = run.decision.kind if run.decision else None
    return RecentRow(run_id=run.run_id, started=run.started, best=None, phase=run.phase, decision=kind)


def waiting_of(run: Run, entries_of: Callable[[str | None], Sequence[Entry]]) -> set[str]:
    """Return the names of the segments whose winner waits for a person."""
    names = (row.summary["segment"] for row in run.changed[:_MOST_RECORDS])
    return {name for name in names if waiting(entries_of(name)) is not None}


def champion_of(runs: Sequence[Run], waits: Collection[str]) -> ChampionCell | None:
    """Return the newest change of production in the form of one champion.

    `runs` has the newest application first; in that one, the winners of the segments in `waits` wait for a
    person.
    """
    found = next((run for run in runs if len(run.changed) > (len(waits) if run is runs[0] else 0)), None)
    if found is None:
        return None
    changed = len(found.changed) - (len(waits) if found is runs[0] else 0)
    return ChampionCell(
        entry=0,
        kind="replaced",
        params=f"of {changed} segment{'s' if changed != 1 else ''}",
        loss=None,
        maximize=None,
        since=found.started or 0.0,
        by=found.run_id,
        study=found.run_id,
    )


def attention_of(run: Run, waits: Collection[str]) -> Iterator[AttentionCell]:
    """Yield the reasons why a person should look, each with the names of the segments."""
    named: dict[AttentionKind, list[str]] = {}
    for listed, row in run.studies:
        name = listed.segment.removeprefix(SEGMENT) if row is None else row.summary["segment"]
        phase: PagePhase = "none" if row is None else row.pulse.phase(now=run.now)
        for kind, _ in study_reasons(phase, None, UNREADABLE_STUDY if row is None else None):
            named.setdefault(kind, []).append(name)
    if waits:
        named["approval"] = sorted(waits)
    words = {"failed": "have no result", "lost": "lost their driver", "approval": "wait for promotion"}
    for kind, names in named.items():
        some = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        yield AttentionCell(
            kind=kind, text=f"{len(names)} of {len(run.studies)} segments {words[kind]}: {some}"
        )
