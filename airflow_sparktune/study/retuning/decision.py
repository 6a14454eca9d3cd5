"""The decision of a retuning, in the form for the journal, XCom and the record of champions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from airflow_sparktune.printable import printable
from airflow_sparktune.study.journal import shape


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
class Measured:
    """The measurements of a configuration in the confirmation.

    `number` is its trial in the search. `n` is the number of successful repeats, `mean` and `std_error` are
    of their losses. For a candidate, `difference` is the incumbent's loss minus its own, averaged over the
    `pairs` of repeats that both have, with its standard error. `bound` is the lower confidence bound of the
    difference minus the margin, corrected for the number of candidates. A positive bound passes.
    """

    number: int
    params: Any
    n: int
    mean: float | None = None
    std_error: float | None = None
    standing: Standing | None = None
    pairs: int = 0
    difference: float | None = None
    difference_error: float | None = None
    bound: float | None = None
    why: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measured:
        """Return the measurements that `to_json` wrote; unknown keys of later versions are ignored."""
        data = shape.require(_MEASURED, data, what="a measured configuration")
        known = {name: data[name] for name in cls.__slots__ if name in data}
        known["standing"] = Standing(known["standing"]) if known.get("standing") else None
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "standing": self.standing.value if self.standing else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision of a retuning with its reason and evidence.

    `params` are the configuration in production from then on: the winner's or the incumbent's, or the current
    champion's if the decision is outdated. `number` is their trial in the study, None if they have none.
    `noise` is False if all repeats showed none, so that differences were compared without a test.
    """

    outcome: Outcome
    reason: str
    params: Any
    number: int | None
    incumbent: Measured | None = None
    candidates: tuple[Measured, ...] = field(default_factory=tuple)
    noise: bool = True

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
        if self.outcome is Outcome.OUTDATED:
            return None
        return next((item for item in self.candidates if item.standing is Standing.WON), None)

    @property
    def loss(self) -> float | None:
        """Return the mean loss of `params` over the repeats, None if they were not measured."""
        if self.number is None:
            return None
        measured = self.winner or self.incumbent
        return None if measured is None else measured.mean

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
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """Return the decision that `to_json` wrote; raises ValueError, LookupError or TypeError otherwise."""
        data = shape.require({"reason": shape.words}, data, what="a decision")
        confirmation = data.get("confirmation") or {}
        incumbent = confirmation.get("incumbent")
        return cls(
            outcome=Outcome(data["decision"]),
            reason=data["reason"],
            params=data["params"],
            number=data.get("number"),
            incumbent=Measured.from_json(incumbent) if incumbent else None,
            candidates=tuple(map(Measured.from_json, confirmation.get("candidates", ()))),
            noise=confirmation.get("noise", True),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "decision": self.outcome.value,
            "reason": self.reason,
            "params": self.params,
            "number": self.number,
            "confirmation": {
                "incumbent": self.incumbent.to_json() if self.incumbent else None,
                "candidates": [item.to_json() for item in self.candidates],
                "noise": self.noise,
            },
        }


_MEASURED: Mapping[str, shape.Fits] = {
    "number": shape.whole,
    "n": shape.whole,
    "why": shape.optional(shape.words),
}
