"""A trial: one configuration and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.bounds import message_text, traceback_text


class TrialState(StrEnum):
    """`running`, then one of the others for good."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"


class TrialOrigin(StrEnum):
    """Where a trial's configuration comes from."""

    SAMPLER = "sampler"  # the search suggested it
    GIVEN = "given"  # a person asked for this point
    INCUMBENT = "incumbent"  # what is in production
    WARM_START = "warm_start"  # good in an earlier study
    ADOPTED = "adopted"  # finished in a study that was cleared before it had a result


class TrialPurpose(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    CONFIRM = "confirm"  # a repeat, by which a retuning decides


class FailureKind(StrEnum):
    """Why a trial failed."""

    RAISED = "raised"  # the objective raised
    NONSENSE = "nonsense"  # it returned no finite loss
    TIMEOUT = "timeout"  # it ran longer than trial_timeout
    LOST = "lost"  # its worker or executor went away, again and again


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a trial, as data. Its texts are cut and made printable."""

    kind: FailureKind
    message: str
    traceback: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", message_text(self.message))
        if self.traceback is not None:
            object.__setattr__(self, "traceback", traceback_text(self.traceback))

    @property
    def headline(self) -> str:
        """The first line of the message; the kind where there is none."""
        return next(iter(self.message.strip().splitlines()), "") or self.kind.value

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Failure:
        """Return the failure that `to_json` wrote; raises ValueError or LookupError for anything else."""
        shape.require(_FAILURE, data, what="a failure")
        return cls(FailureKind(data["kind"]), data["message"], data.get("traceback"))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration and what became of it.

    `point` is the truth: hyperopt's number for each active label. `params` are the values made of it,
    as the objective gets them. `start` and `end` are seconds since 1970 by the driver's clock, `run_s`
    is the time inside the objective by the executor's. `tries` counts how often it was handed to a slot,
    over all attempts, but for those that were closed in order while it ran. `origin` says where its point
    comes from, `suggested_by` which algorithm found it and how (such as `gp: branch`). Of a confirmation,
    `repeats` is the number of the trial that is repeated, and `repeat` says which repeat it is, from 1.
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
        """Return whether it is one of the `max_evals`; a repeat is none."""
        return self.purpose is TrialPurpose.SEARCH and self.state in (
            TrialState.OK,
            TrialState.FAILED,
            TrialState.PRUNED,
        )

    @property
    def took_s(self) -> float:
        """The seconds that it used a slot for: the objective's own where they are known."""
        if self.run_s is not None:
            return self.run_s
        if self.start is None or self.end is None:
            return 0.0
        return max(self.end - self.start, 0.0)  # the clock may have been set meanwhile

    def ended(self, state: TrialState, *, end: float, **facts: Any) -> Trial:
        """Return this trial with its end."""
        return replace(self, state=state, end=end, **facts)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trial:
        """Return the trial that `to_json` wrote; keys of a later version are left out.

        Raises ValueError, LookupError or TypeError for what is no trial.
        """
        known = {name: data[name] for name in cls.__slots__ if name in data}
        known["state"] = TrialState(data["state"])
        known["origin"] = TrialOrigin(data.get("origin", TrialOrigin.SAMPLER))  # 0.1.0 wrote none
        known["purpose"] = TrialPurpose(data.get("purpose", TrialPurpose.SEARCH))
        known["error"] = Failure.from_json(data["error"]) if data.get("error") else None
        trial = cls(**known)
        shape.require(_TRIAL, {name: getattr(trial, name) for name in _TRIAL}, what="a trial")
        if trial.state is TrialState.OK and trial.loss is None:
            raise ValueError("a trial that is ok cannot be without a loss")
        return trial

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "state": self.state.value,
            "origin": self.origin.value,
            "purpose": self.purpose.value,
            "error": self.error.to_json() if self.error else None,
        }


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
    "suggested_by": shape.optional(shape.text),
    "repeats": shape.optional(shape.whole),
    "repeat": shape.optional(shape.whole),
    "info": shape.group,
}
