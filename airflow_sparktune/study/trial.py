"""A trial: one configuration with its state and result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.bounds import message_text, traceback_text
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.json_values import flat


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
class Failure(JsonObject):
    """The failure of a trial as data. Its texts are truncated and made printable."""

    WHAT: ClassVar[str] = "a failure"

    kind: FailureKind = stored(FailureKind)
    message: str = stored(shape.text)
    traceback: str | None = stored(shape.text, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", message_text(self.message))
        if self.traceback is not None:
            object.__setattr__(self, "traceback", traceback_text(self.traceback))

    @property
    def headline(self) -> str:
        """Return the first line of the message, or the kind if the message is empty."""
        return next(iter(self.message.strip().splitlines()), "") or self.kind.value


@dataclass(frozen=True, slots=True)
class Outlook(JsonObject):
    """The improvement that a model expected of a trial when it suggested the trial.

    `gain` is the expected improvement of the best loss, and `noise` the standard deviation of a trial's
    loss, 0 if it was not measured or does not matter.
    """

    WHAT: ClassVar[str] = "an outlook"

    gain: float = stored(shape.size)
    noise: float = stored(shape.size, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(JsonObject):
    """One configuration with its state and result.

    `point` is authoritative: hyperopt's number for each active label. `params` are the values derived from
    it, as the objective gets them. `loss` is that of a completed trial (`ok`); no other has one. `start` and
    `end` are seconds since 1970 by the driver's clock; `run_s` is the time inside the objective by the
    executor's clock. `tries` counts the starts of the trial over all attempts, except for starts cut off by
    an attempt that closed in order. `origin` is the source of the point, `suggested_by` the algorithm and the
    method that suggested it (such as `gp: branch`), `outlook` what its model expected. In a confirmation,
    `repeats` is the number of the repeated trial, and `repeat` counts its repeats from 1.
    """

    WHAT: ClassVar[str] = "a trial"

    number: int = stored(shape.whole)
    params: Any = stored(shape.anything)
    point: Mapping[str, Any] = stored(shape.numbers)
    state: TrialState = stored(TrialState, default=TrialState.RUNNING, required=True)
    loss: float | None = stored(shape.number, default=None)
    start: float | None = stored(shape.moment, default=None)
    end: float | None = stored(shape.moment, default=None)
    run_s: float | None = stored(shape.seconds, default=None)
    slot: int | None = stored(shape.whole, default=None)
    attempt: int = stored(shape.whole, default=1)
    tries: int = stored(shape.whole, default=1)
    origin: TrialOrigin = stored(TrialOrigin, default=TrialOrigin.SAMPLER)
    suggested_by: str | None = stored(shape.words, default=None)
    outlook: Outlook | None = stored(Outlook, default=None, omitted=True)
    purpose: TrialPurpose = stored(TrialPurpose, default=TrialPurpose.SEARCH)
    repeats: int | None = stored(shape.whole, default=None)
    repeat: int | None = stored(shape.whole, default=None)
    error: Failure | None = stored(Failure, default=None)
    info: Mapping[str, Any] = stored(shape.group, default=dict)

    def __post_init__(self) -> None:
        if (self.state is TrialState.OK) is (self.loss is None):
            raise ValueError(
                f"a trial must have a loss if it is ok, and none otherwise, got {self.loss} for trial "
                f"{self.number}, which is {self.state.value}"
            )

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
    def metrics(self) -> dict[str, float]:
        """Return the numbers that the objective returned besides the loss, by name; nested ones by path."""
        return {name: value for name, value in flat(self.info) if shape.number(value)}

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


def improving(trials: Iterable[Trial]) -> list[Trial]:
    """Return the successful trials whose loss is lower than that of all before them."""
    found: list[Trial] = []
    least = math.inf
    for trial in trials:
        if trial.state is TrialState.OK and trial.rank[0] < least:
            found.append(trial)
            least = trial.rank[0]
    return found
