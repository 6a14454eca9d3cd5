"""The decision of a retuning, in the form for the journal, XCom and the record of champions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from airflow_sparktune.printable import printable
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored


class Outcome(StrEnum):
    """The effect of a decision on production."""

    FIRST = "first"  # there was no incumbent
    KEPT = "kept"
    REPLACED = "replaced"
    OUTDATED = "outdated"  # production had changed before the study decided, so it stays as it is


class Standing(StrEnum):
    """The result of a candidate in the confirmation."""

    WON = "won"
    PASSED = "passed"  # better than the incumbent, but not the best such candidate
    NOT_BETTER = "not_better"  # the difference is below the margin, or may be noise
    DROPPED = "dropped"  # clearly worse after the first repeats, so the rest were not run
    FAILED = "failed"  # a repeat failed
    GUARDRAIL = "guardrail"  # violates a limit on another metric
    UNFINISHED = "unfinished"  # cut off by the timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(JsonObject):
    """The measurements of a configuration in the confirmation.

    `number` is its trial in the search. `n` is the number of successful repeats, `mean` and `std_error` are
    of their losses. For a candidate, `difference` is the incumbent's loss minus its own, averaged over the
    `pairs` of repeats that both have, with its standard error. `bound` is the lower confidence bound of the
    difference minus the margin, corrected for the number of candidates. A positive bound passes.
    """

    WHAT: ClassVar[str] = "a measured configuration"

    number: int = stored(shape.whole)
    params: Any = stored(shape.anything)
    n: int = stored(shape.whole)
    mean: float | None = stored(shape.number, default=None)
    std_error: float | None = stored(shape.number, default=None)
    standing: Standing | None = stored(Standing, default=None)
    pairs: int = stored(shape.whole, default=0)
    difference: float | None = stored(shape.number, default=None)
    difference_error: float | None = stored(shape.number, default=None)
    bound: float | None = stored(shape.number, default=None)
    why: str | None = stored(shape.words, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(JsonObject):
    """The decision of a retuning with its reason and evidence.

    `params` are the configuration in production from then on: the winner's or the incumbent's, or the current
    champion's if the decision is outdated. `number` is their trial in the study, None if they have none.
    `noise` is False if all repeats showed none, so that differences were compared without a test.
    """

    WHAT: ClassVar[str] = "a decision"

    outcome: Outcome = stored(Outcome, key="decision")
    reason: str = stored(shape.words)
    params: Any = stored(shape.anything)
    number: int | None = stored(shape.whole, default=None)
    incumbent: Measured | None = stored(Measured, default=None)
    candidates: tuple[Measured, ...] = stored(Measured, many=True, default=())
    noise: bool = stored(shape.truth, default=True)

    @property
    def changes_production(self) -> bool:
        """Return whether another configuration goes to production, if nobody has to approve it."""
        return self.outcome in (Outcome.FIRST, Outcome.REPLACED)

    @property
    def text(self) -> str:
        """Return the decision in one line."""
        return printable(f"{self.outcome.value}: {self.reason}")

    @property
    def winner(self) -> Measured | None:
        """Return the candidate that replaces the incumbent or becomes the first champion."""
        return None if self.outcome is Outcome.OUTDATED else self._won

    @property
    def challenger(self) -> Measured | None:
        """Return the candidate that the decision is about: the one that won, or else the closest one."""
        return self._won or closest(self.candidates)

    @property
    def _won(self) -> Measured | None:
        return next((item for item in self.candidates if item.standing is Standing.WON), None)

    @property
    def measured(self) -> Measured | None:
        """Return the measurements of `params` over the repeats, None if they were not measured."""
        return None if self.number is None else self.winner or self.incumbent

    @property
    def loss(self) -> float | None:
        """Return the mean loss of `params` over the repeats, None if they were not measured."""
        return self.measured.mean if self.measured else None

    def outdated(self, why: str, *, params: Any) -> Decision:
        """Return the decision that production stays as it is, with `params`; `why` says what has changed."""
        return replace(
            self,
            outcome=Outcome.OUTDATED,
            reason=f"{why}; without that it would be {self.outcome.value}: {self.reason}",
            params=params,
            number=None,
        )

    @classmethod
    def from_json(cls, data: Any) -> Decision:
        """Return the decision that `to_json` wrote; raises ValueError or TypeError for other data."""
        # Not super(): a dataclass with slots is another class than the one in this block.
        return super(Decision, cls).from_json({**data, **(data.get("confirmation") or {})})

    def to_json(self) -> dict[str, Any]:
        """Return the decision as plain JSON values, with its evidence as `confirmation`."""
        found = super(Decision, self).to_json()
        evidence = {name: found.pop(name) for name in ("incumbent", "candidates", "noise")}
        return {**found, "confirmation": evidence}


def closest(candidates: Sequence[Measured]) -> Measured | None:
    """Return the candidate that is closest to replacing the incumbent; None if none was compared with it.

    It is the best of those that only a guardrail bars, or else the best of all.
    """
    compared = [item for item in candidates if item.difference is not None]
    barred = [item for item in compared if item.standing is Standing.GUARDRAIL]
    return max(barred or compared, key=lambda item: item.difference or 0.0, default=None)
