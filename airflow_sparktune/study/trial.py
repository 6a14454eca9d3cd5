"""A trial: one configuration and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class TrialState(StrEnum):
    """`running`, then one of the others for good."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"


class FailureKind(StrEnum):
    """Why a trial failed."""

    RAISED = "raised"  # the objective raised
    NONSENSE = "nonsense"  # it returned no finite loss
    TIMEOUT = "timeout"  # it ran longer than trial_timeout
    LOST = "lost"  # its worker or executor went away, again and again


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a trial, as data."""

    kind: FailureKind
    message: str
    traceback: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Failure:
        return cls(FailureKind(data["kind"]), str(data["message"]), data.get("traceback"))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration and what became of it.

    `point` is the truth: hyperopt's number for each active label. `params` are the values made of it,
    as the objective gets them. `start` and `end` are seconds since 1970 by the driver's clock, `run_s`
    is the time inside the objective by the executor's. `tries` counts how often it was handed to a slot
    in this attempt.
    """

    number: int
    params: Any
    point: Mapping[str, Any]
    state: TrialState = TrialState.RUNNING
    loss: float | None = None
    start: float | None = None
    end: float | None = None
    run_s: float | None = None
    slot: int | None = None
    attempt: int = 1
    tries: int = 1
    error: Failure | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether it is one of the `max_evals`."""
        return self.state in (TrialState.OK, TrialState.FAILED, TrialState.PRUNED)

    def ended(self, state: TrialState, *, end: float, **facts: Any) -> Trial:
        """This trial with its end."""
        return replace(self, state=state, end=end, **facts)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trial:
        known = {name: data[name] for name in cls.__slots__ if name in data}
        known["state"] = TrialState(data["state"])
        known["error"] = Failure.from_json(data["error"]) if data.get("error") else None
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "state": self.state.value,
            "error": self.error.to_json() if self.error else None,
        }
