"""A trial: one configuration with its state and result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.bounds import message_text, traceback_text


class TrialState(StrEnum):
    """The state of a trial: `running`, then one of the others, which are final."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"


class TrialOrigin(StrEnum):
    """The source of a trial's configuration."""

    SAMPLER = "sampler"  # suggested by the search algorithm
    GIVEN = "given"  # listed in points_to_evaluate
    INCUMBENT = "incumbent"  # the configuration in production
    WARM_START = "warm_start"  # a good configuration of an earlier study
    ADOPTED = "adopted"  # finished in a study that was cleared before it had a result


class TrialPurpose(StrEnum):
    """The purpose of a trial."""

    SEARCH = "search"
    CONFIRM = "confirm"  # a repeat, on which a retuning bases its decision


class FailureKind(StrEnum):
    """The kind of a trial's failure."""

    RAISED = "raised"  # the objective raised an exception
    NONSENSE = "nonsense"  # the objective returned no finite loss, or one that is too large
    TIMEOUT = "timeout"  # the trial ran longer than trial_timeout
    LOST = "lost"  # its worker or executor disappeared more often than max_trial_retries


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a trial as data. Its texts are truncated and made printable."""

    kind: FailureKind
    message: str
    traceback: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", message_text(self.message))
        if self.traceback is not None:
            object.__setattr__(self, "traceback", traceback_text(self.traceback))

    @property
    def headline(self) -> str:
        """Return the first line of the message, or the kind if the message is empty."""
        return next(iter(self.message.strip().splitlines()), "") or self.kind.value

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Failure:
        """Return the failure that `to_json` wrote; raises ValueError or LookupError for other data."""
        shape.require(_FAILURE, data, what="a failure")
        return cls(FailureKind(data["kind"]), data["message"], data.get("traceback"))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration with its state and result.

    `point` is authoritative: hyperopt's number for each active label. `params` are the values derived from
    it, as the objective gets them. `start` and `end` are seconds since 1970 by the driver's clock; `run_s`
    is the time inside the objective by the executor's clock. `tries` counts the starts of the trial over all
    attempts, except for starts cut off by an attempt that closed in order. `origin` is the source of the
    point, `suggested_by` the algorithm and the method that suggested it (such as `gp: branch`). In a
    confirmation, `repeats` is the number of the repeated trial, and `repeat` counts its repeats from 1.
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
    origin: TrialOrigin = TrialOrigin.SAMPLER
    suggested_by: str | None = None
    purpose: TrialPurpose = TrialPurpose.SEARCH
    repeats: int | None = None
    repeat: int | None = None
    error: Failure | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Return whether the trial counts towards `max_evals`. Repeats of a confirmation do not."""
        return self.purpose is TrialPurpose.SEARCH and self.state in (
            TrialState.OK,
            TrialState.FAILED,
            TrialState.PRUNED,
        )

    @property
    def rank(self) -> tuple[float, int]:
        """Return a sort key: lower losses first, then earlier trials; trials without a loss come last."""
        return (math.inf if self.loss is None else self.loss, self.number)

    @property
    def title(self) -> str:
        """Return the name of the trial: "trial 3", or "repeat 1 of trial 3" in a confirmation."""
        if self.purpose is TrialPurpose.SEARCH:
            return f"trial {self.number}"
        return f"repeat {self.repeat} of trial {self.repeats}"

    @property
    def lasted_s(self) -> float | None:
        """Return the seconds between start and end; None before the end, or if it never started."""
        return None if self.start is None or self.end is None else self.end - self.start

    @property
    def took_s(self) -> float:
        """Return the seconds for which the trial used a slot: the objective's run time if it is known."""
        if self.run_s is not None:
            return self.run_s
        return max(self.lasted_s or 0.0, 0.0)  # the clock may have been adjusted in between

    def ended(self, state: TrialState, *, end: float, **facts: Any) -> Trial:
        """Return this trial in its final state."""
        return replace(self, state=state, end=end, **facts)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trial:
        """Return the trial that `to_json` wrote; unknown keys of later versions are ignored.

        Raises ValueError, LookupError or TypeError for data that is not a trial.
        """
        known: dict[str, Any] = {"attempt": 1, "tries": 1, "info": {}}  # these keys may be missing
        known |= {name: data[name] for name in cls.__slots__ if name in data}
        known["state"] = TrialState(data["state"])
        known["origin"] = TrialOrigin(data.get("origin", TrialOrigin.SAMPLER))  # 0.1.0 wrote none
        known["purpose"] = TrialPurpose(data.get("purpose", TrialPurpose.SEARCH))
        known["error"] = Failure.from_json(data["error"]) if data.get("error") else None
        trial = cls(**shape.require(_TRIAL, known, what="a trial"))
        if trial.state is TrialState.OK and trial.loss is None:
            raise ValueError("a trial in state ok must have a loss")
        return trial

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "state": self.state.value,
            "origin": self.origin.value,
            "purpose": self.purpose.value,
            "error": self.error.to_json() if self.error else None,
        }


def improving(trials: Iterable[Trial]) -> list[Trial]:
    """Return the successful trials whose loss is lower than that of all before them."""
    found: list[Trial] = []
    least = math.inf
    for trial in trials:
        if trial.state is TrialState.OK and trial.rank[0] < least:
            found.append(trial)
            least = trial.rank[0]
    return found


_FAILURE: Mapping[str, shape.Fits] = {"message": shape.text, "traceback": shape.optional(shape.text)}
_TRIAL: Mapping[str, shape.Fits] = {
    "number": shape.whole,
    "point": shape.numbers,
    "loss": shape.optional(shape.number),
    "start": shape.optional(shape.moment),
    "end": shape.optional(shape.moment),
    "run_s": shape.optional(shape.seconds),
    "slot": shape.optional(shape.whole),
    "attempt": shape.whole,
    "tries": shape.whole,
    "suggested_by": shape.optional(shape.words),
    "repeats": shape.optional(shape.whole),
    "repeat": shape.optional(shape.whole),
    "info": shape.group,
}
