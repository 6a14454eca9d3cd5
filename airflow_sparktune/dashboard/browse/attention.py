"""Decide which tasks need a person, and say why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_sparktune.dashboard.browse.schemas import AttentionCell, AttentionKind, LastStudy
from airflow_sparktune.dashboard.page.schemas import PagePhase
from airflow_sparktune.study.phase import Phase
from airflow_sparktune.study.record.entries import Action, Entry

# A weekly retuning that has missed four weeks is late; one that has kept its champion for two months could
# run less often.
OLD_DAYS, KEPT = 35, 8
_DAY_S = 86_400.0
_SHOWS = (Phase.FAILED, Phase.KILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The limits for a champion: days without a decision, and how many times in a row it may be kept."""

    old_days: int = OLD_DAYS
    kept: int = KEPT


def attention(
    last: LastStudy, entries: Sequence[Entry], *, patience: Patience, now: float
) -> list[AttentionCell]:
    """Return the reasons, the most urgent first.

    `entries` are those of the record from the champion's on, newest first.
    """
    return [AttentionCell(kind=kind, text=text) for kind, text in _reasons(last, entries, patience, now)]


def _reasons(
    last: LastStudy, entries: Sequence[Entry], patience: Patience, now: float
) -> Iterator[tuple[AttentionKind, str]]:
    yield from study_reasons(last.phase, last.texts.get("ended"), last.problem)
    decided = [entry for entry in entries if entry.action.sets_champion or entry.action is Action.KEPT]
    if (approval := waiting(entries)) is not None:
        yield "approval", approval
    if not decided:
        return
    days = int((now - decided[0].at) / _DAY_S)
    if days > patience.old_days:
        yield "old", f"No retuning has decided on the champion for {days} days"
    kept = sum(entry.action is Action.KEPT for entry in decided)
    if kept >= patience.kept:
        yield "kept", f"The champion was kept {kept} times in a row"


def study_reasons(
    phase: PagePhase, end: str | None, problem: str | None
) -> Iterator[tuple[AttentionKind, str]]:
    """Yield why a person should look at a study; `end` says how it ended, `problem` why it is unreadable."""
    if phase in _SHOWS:
        yield "failed", f"The last study {end or phase}"
    elif problem is not None:
        yield "failed", problem
    elif phase is Phase.LOST:
        yield "lost", "The driver of the last study died without closing it"


def waiting(entries: Sequence[Entry]) -> str | None:
    """Say which winner waits for promotion; None if a later decision has set or kept the champion."""
    for entry in entries:
        if entry.action is Action.PROPOSED:
            return f"Entry {entry.number} of the record waits for promotion: {entry.reason}"
        if entry.action.sets_champion or entry.action is Action.KEPT:
            return None
    return None
