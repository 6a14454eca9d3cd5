"""The decision of a retuning, as a journal, XCom and the record of champions hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from airflow_sparktune.study.journal import shape


class Outcome(StrEnum):
    """What becomes of production."""

    FIRST = "first"  # there was no incumbent
    KEPT = "kept"
    REPLACED = "replaced"


class Standing(StrEnum):
    """What confirmation says of a candidate."""

    WON = "won"
    PASSED = "passed"  # better than the incumbent, but not the best of those
    NOT_BETTER = "not_better"  # a difference that may be chance, or is below the margin
    DROPPED = "dropped"  # behind after the first repeats; not run to the end
    FAILED = "failed"  # a repeat of it failed
    GUARDRAIL = "guardrail"  # breaks a bound on another metric
    UNFINISHED = "unfinished"  # cut off by the timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A configuration on the confirmation's repeats.

    `number` is its trial in the search. `n` counts its successful repeats, `mean` and `std_error` are of
    their losses. Of a candidate, `difference` is the incumbent's loss minus its own, meaned over the
    `pairs` that both have, with its standard error; `bound` is what the difference exceeds beyond the
    margin with the confidence that was asked for, over all candidates at once. A positive bound passes.
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
        """What `to_json` wrote; keys of a later version are left out."""
        shape.require({"number": shape.whole, "n": shape.whole}, data, what="a measured configuration")
        known = {name: data[name] for name in cls.__slots__ if name in data}
        known["standing"] = Standing(known["standing"]) if known.get("standing") else None
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "standing": self.standing.value if self.standing else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a retuning decided, why, and on which evidence.

    `params` go to production: the winner's, or the incumbent's. `number` is their trial in the study;
    None where the incumbent was dropped before it ran. `noise` is False where every configuration gave
    the same loss each time, so that the differences were compared as they are.
    """

    outcome: Outcome
    reason: str
    params: Any
    number: int | None
    incumbent: Measured | None = None
    candidates: tuple[Measured, ...] = field(default_factory=tuple)
    noise: bool = True

    @property
    def winner(self) -> Measured | None:
        """The candidate that replaces the incumbent, or is the first champion."""
        return next((item for item in self.candidates if item.standing is Standing.WON), None)

    @property
    def loss(self) -> float | None:
        """The mean loss, over the repeats, of what goes to production."""
        measured = self.winner or self.incumbent
        return None if measured is None else measured.mean

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """What `to_json` wrote; raises ValueError, LookupError or TypeError for what is no decision."""
        shape.require({"reason": shape.text}, data, what="a decision")
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
