"""The entries of a record of champions, and the test whether a decision still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.retuning.starts import Basis


class Action(StrEnum):
    """The kind of an entry."""

    TUNED = "tuned"  # a study without an incumbent has ended
    FIRST = "first"
    KEPT = "kept"
    REPLACED = "replaced"
    PROPOSED = "proposed"  # a winner that waits for `promote_champion`
    PROMOTED = "promoted"
    RESTORED = "restored"  # a rollback to an earlier entry
    OUTDATED = "outdated"  # production had changed, or was decided on newer data, before the study decided

    @property
    def sets_champion(self) -> bool:
        """Return whether the entry's params are in production from then on."""
        return self in (Action.FIRST, Action.REPLACED, Action.PROMOTED, Action.RESTORED)

    @classmethod
    def of(cls, outcome: Outcome) -> Action:
        """Return the action for a decision that needs no approval."""
        return cls(outcome.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(JsonObject):
    """One entry of the record.

    `at` is in seconds since 1970. `cause` is what the entry was written for, and is unique in a record.
    `study` is the address of the study that found `params`, and `point` the sampler's raw form of them.
    `maximize` is the name of the score whose negative `loss` is, None for a loss. `by` names the run or user
    that wrote the entry. `evidence` is the decision as JSON. `moment` is the time of the data that the
    decision is about, None for a study without a decision. `restores` is the number of the entry that a
    rollback restored.
    """

    WHAT: ClassVar[str] = "an entry of the record of champions"

    number: int = stored(shape.whole)
    action: Action = stored(Action)
    at: float = stored(shape.moment)
    params: Any = stored(shape.something)
    reason: str = stored(shape.words)
    cause: str = stored(shape.text)
    point: Mapping[str, Any] | None = stored(shape.group, default=None)
    loss: float | None = stored(shape.number, default=None)
    maximize: str | None = stored(shape.text, default=None)
    study: str | None = stored(shape.text, default=None)
    by: str | None = stored(shape.words, default=None)
    segment: str | None = stored(shape.text, default=None)
    evidence: Mapping[str, Any] | None = stored(shape.group, default=None)
    moment: float | None = stored(shape.moment, default=None)
    restores: int | None = stored(shape.whole, default=None)

    @property
    def metric(self) -> Metric:
        """Return the metric of `loss`."""
        return Metric.of(self.maximize)

    @property
    def title(self) -> str:
        """Return the entry's name in messages: "entry 4 (restored by ada)"."""
        return f"entry {self.number} ({self.action.value}{f' by {self.by}' if self.by else ''})"


def champion_of(entries: Sequence[Entry]) -> Entry | None:
    """Return the last entry that sets the champion."""
    return next((entry for entry in reversed(entries) if entry.action.sets_champion), None)


def latest_moment(entries: Sequence[Entry]) -> float | None:
    """Return the time of the newest data on which production was decided or confirmed."""
    return max((entry.moment or 0.0 for entry in _dated(entries)), default=None)


def why_outdated(basis: Basis, entries: Sequence[Entry]) -> str | None:
    """Return why a decision must not change production any more, or None if it may.

    It may if the champion is still the one that it was compared with, and nothing was decided on newer data
    since. Entries without a moment do not count.
    """
    champion = champion_of(entries)
    if (champion.number if champion else None) != basis.champion:
        then = "no champion" if basis.champion is None else _title(basis.champion, entries)
        now = "there is none on record" if champion is None else f"{champion.title} is the champion since"
        return f"it was compared with {then}, but {now}"
    newer = [entry for entry in _dated(entries) if entry.moment is not None and basis.moment < entry.moment]
    if newer:
        return f"its data are of {_date(basis.moment)}, but {newer[-1].title} is about newer data"
    return None


def _dated(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are statements about production, and whose moment is known."""
    return [
        entry
        for entry in entries
        if entry.moment is not None and (entry.action.sets_champion or entry.action is Action.KEPT)
    ]


def _title(number: int, entries: Sequence[Entry]) -> str:
    return next((entry.title for entry in entries if entry.number == number), f"entry {number}")


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
