"""The events of the journal: one frozen dataclass per kind, with a JSON form.

To add a kind, write a class and list it in `_KINDS`. The meaning of a kind never changes within a schema
version; added keys must be optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.bounds import message_text, traceback_text
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.retuning.decision import Decision
from airflow_sparktune.study.retuning.starts import Basis, Incumbent, WarmPoint
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import Trial, TrialState

STREAM_NAME = re.compile(r"[0-9]{4,6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(JsonObject):
    """The timestamps of every event. An event of an unknown kind (from a later version) has nothing else.

    `at` is the time of writing, in seconds since 1970 by the driver's clock. `ran_s` is the attempt's running
    time so far, by its monotonic clock. `reserved` is what its engine has charged it for slots so far, in
    slot-seconds. Each is None if the journal holds no valid value.
    """

    KIND: ClassVar[str] = ""
    WHAT: ClassVar[str] = "the event"

    at: float | None = stored(shape.moment, default=None, lenient=True)
    ran_s: float | None = stored(shape.seconds, default=None, lenient=True)
    reserved: float | None = stored(shape.seconds, default=None, lenient=True, omitted=True)


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `events` events of a stream."""

    stream: str
    events: int

    @classmethod
    def from_json(cls, data: Any) -> Prefix:
        """Return the prefix that `to_json` wrote; raises ValueError for other data."""
        match data:
            case [str(stream), int(events)] if STREAM_NAME.fullmatch(stream) and shape.whole(events):
                return cls(stream, events)
        raise ValueError(f"{data!r} is not a prefix of a stream")

    def to_json(self) -> list[Any]:
        return [self.stream, self.events]


def is_dimension(value: Any) -> bool:
    """Accept a dimension as JSON (see study.space.dimensions)."""
    return (
        shape.group(value)
        and all(shape.text(value.get(name)) for name in ("label", "kind"))
        and all(value.get(name) is None or fits(value[name]) for name, fits in _DIMENSION.items())
    )


_DIMENSION: Mapping[str, shape.Fits] = {
    "low": shape.number,
    "high": shape.number,
    "step": shape.number,
    "log": shape.truth,
    "options": shape.several(shape.text),
    "parent": shape.text,
    "branch": shape.whole,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Event):
    """An attempt begins. This is the first event of its stream.

    `takes` lists the prefix of each earlier stream that the attempt continues. `dimensions` are those of the
    space as JSON (see study.space.dimensions).
    """

    KIND = "opened"

    at: float = stored(shape.moment)
    attempt: int = stored(shape.whole)
    takes: tuple[Prefix, ...] = stored(Prefix, many=True, default=())
    spec: Spec = stored(Spec)
    seed: int = stored(shape.whole)
    dimensions: tuple[Mapping[str, Any], ...] = stored(is_dimension, many=True, default=(), required=True)
    host: str | None = stored(shape.words, default=None)
    pid: int | None = stored(shape.whole, default=None)
    versions: Mapping[str, str] = stored(shape.texts, default=dict)


def _trial(data: Any) -> Trial:
    """Return a trial. A loss of a trial that is not `ok` is dropped: the rest of the event still holds."""
    if shape.group(data) and data.get("state") != TrialState.OK and shape.number(data.get("loss")):
        data = {**data, "loss": None}
    return Trial.from_json(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialChanged(Event):
    """A trial has started or ended. `trial` is its new state."""

    KIND = "trial"

    trial: Trial = stored(Trial, read=_trial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported(Event):
    """Running trials have reported losses since the last such event; `lost` tells why some did not arrive."""

    KIND = "reports"

    trials: tuple[TrialReports, ...] = stored(TrialReports, many=True)
    lost: str | None = stored(shape.words, default=None, omitted=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsChanged(Event):
    """The number of trials that can run at once has changed."""

    KIND = "slots"

    slots: int = stored(shape.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkStarted(Event):
    """The Spark application of the attempt has started."""

    KIND = "spark"

    spark: SparkApplication = stored(SparkApplication)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive(Event):
    """The driver is alive; `timing` is how it spent its time, in seconds."""

    KIND = "alive"

    at: float = stored(shape.moment)
    timing: Mapping[str, float] | None = stored(shape.figures, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsResolved(Event):
    """The incumbent, the warm-start points and the decision's basis, as resolved at the first attempt.

    `basis` is None without a record of champions.
    """

    KIND = "starts"

    incumbent: Incumbent | None = stored(Incumbent, default=None)
    warm_start: tuple[WarmPoint, ...] = stored(WarmPoint, many=True, default=(), required=True)
    basis: Basis | None = stored(Basis, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended(Event):
    """The search has ended, and its trials are noisy: `trial` has the lowest expected loss, which is `loss`.

    `noise` is the standard deviation of a single trial's loss.
    """

    KIND = "recommended"

    trial: int = stored(shape.whole)
    loss: float = stored(shape.number)
    noise: float = stored(shape.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominated(Event):
    """The search has ended for `reason`; `candidates` are the trials to confirm, best first.

    `incumbent` is the number of the incumbent's trial, None without an incumbent.
    """

    KIND = "nominated"

    reason: StopReason = stored(StopReason)
    candidates: tuple[int, ...] = stored(shape.whole, many=True, default=(), required=True)
    incumbent: int | None = stored(shape.whole, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Event):
    """The retuning has decided which configuration goes to production.

    A second event replaces the first: the record of champions has another decision of the study, such as
    `outdated`.
    """

    KIND = "decided"

    decision: Decision = stored(Decision)


def _error(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that errors.revive needs, with truncated texts."""
    texts = {"type": message_text, "message": message_text, "traceback": traceback_text}
    kept = {name: cut(data[name]) for name, cut in texts.items() if shape.text(data.get(name))}
    retryable = data.get("retryable")
    return {**kept, "retryable": retryable} if shape.truth(retryable) else kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Event):
    """The attempt has ended; `error` is the study's error as data, if it failed (see errors.describe)."""

    KIND = "closed"

    at: float = stored(shape.moment)
    reason: StopReason = stored(StopReason)
    error: Mapping[str, Any] | None = stored(shape.group, default=None, read=_error)
    timing: Mapping[str, float] | None = stored(shape.figures, default=None)


_KINDS: Mapping[str, type[Event]] = {
    kind.KIND: kind
    for kind in (
        Opened,
        TrialChanged,
        Reported,
        SlotsChanged,
        SparkStarted,
        StartsResolved,
        Recommended,
        Nominated,
        Decided,
        Alive,
        Closed,
    )
}


def from_json(data: Mapping[str, Any]) -> Event:
    """Return the event that `to_json` wrote; an event of an unknown kind becomes a bare `Event`.

    Raises ValueError if the data does not have the shape of its kind.

    >>> from_json({"event": "slots", "at": 1.0, "slots": 4})
    SlotsChanged(at=1.0, ran_s=None, reserved=None, slots=4)
    >>> from_json({"event": "slots", "slots": -1})
    Traceback (most recent call last):
    ValueError: a 'slots' event is malformed: slots of the event cannot be -1
    """
    kind = _KINDS.get(data["event"], Event)
    try:
        return kind.from_json(data)
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"a {kind.KIND!r} event is malformed: {error}") from error


def to_json(event: Event) -> dict[str, Any]:
    """Return the event as plain JSON values."""
    return {"event": event.KIND, **event.to_json()}
