"""The events of the journal: one frozen dataclass per kind, with a JSON form.

To add a kind, write a class and list it in `_KINDS`. The meaning of a kind never changes within a schema
version; added keys must be optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.bounds import message_text, traceback_text
from airflow_sparktune.study.retuning.decision import Decision
from airflow_sparktune.study.retuning.starts import Basis, Incumbent, WarmPoint
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import Trial
from airflow_sparktune.study.web_address import web_address

Shape = Mapping[str, shape.Fits]

STREAM_NAME = re.compile(r"[0-9]{4,6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The timestamps of every event. An event of an unknown kind (from a later version) has nothing else.

    `at` is the time of writing, in seconds since 1970 by the driver's clock. `ran_s` is the attempt's running
    time so far, by its monotonic clock. Each is None if the journal holds no valid value.
    """

    KIND: ClassVar[str] = ""
    SHAPE: ClassVar[Shape] = {}

    at: float | None = None
    ran_s: float | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields besides the timestamps; raises ValueError, LookupError or TypeError."""
        return {name: data[name] for name in cls.SHAPE if data.get(name) is not None}

    def dump(self) -> dict[str, Any]:
        """Return the fields besides the timestamps as JSON data."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _STAMP}


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


_DIMENSION: Shape = {
    "label": shape.text,
    "kind": shape.text,
    "low": shape.optional(shape.number),
    "high": shape.optional(shape.number),
    "step": shape.optional(shape.number),
    "log": shape.optional(shape.truth),
    "options": shape.optional(shape.several(shape.text)),
    "parent": shape.optional(shape.text),
    "branch": shape.optional(shape.whole),
}


def _is_dimension(value: Any) -> bool:
    return shape.group(value) and all(fits(value.get(name)) for name, fits in _DIMENSION.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Event):
    """An attempt begins. This is the first event of its stream.

    `takes` lists the prefix of each earlier stream that the attempt continues. `dimensions` are those of the
    space as JSON (see study.space.dimensions).
    """

    KIND = "opened"
    SHAPE: ClassVar[Shape] = {
        "at": shape.moment,
        "attempt": shape.whole,
        "spec": shape.group,
        "seed": shape.whole,
        "dimensions": shape.several(_is_dimension),
        "versions": shape.optional(shape.texts),
        "host": shape.optional(shape.words),
        "pid": shape.optional(shape.whole),
    }

    at: float
    attempt: int
    spec: Spec
    seed: int
    dimensions: tuple[Mapping[str, Any], ...] = ()
    takes: tuple[Prefix, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None
    pid: int | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **{name: data[name] for name in ("attempt", "seed", "host", "pid") if name in data},
            "spec": Spec.from_json(data["spec"]),
            "dimensions": tuple(data["dimensions"]),
            "takes": tuple(map(Prefix.from_json, data.get("takes", ()))),
            "versions": data.get("versions") or {},
        }

    def dump(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt,
            "takes": [prefix.to_json() for prefix in self.takes],
            "spec": self.spec.to_json(),
            "seed": self.seed,
            "dimensions": list(self.dimensions),
            "host": self.host,
            "pid": self.pid,
            "versions": dict(self.versions),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialChanged(Event):
    """A trial has started or ended. `trial` is its new state."""

    KIND = "trial"
    SHAPE: ClassVar[Shape] = {"trial": shape.group}

    trial: Trial

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"trial": Trial.from_json(data["trial"])}

    def dump(self) -> dict[str, Any]:
        return {"trial": self.trial.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsChanged(Event):
    """The number of trials that can run at once has changed."""

    KIND = "slots"
    SHAPE: ClassVar[Shape] = {"slots": shape.whole}

    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkApplication:
    """The Spark application that runs an attempt's trials, and the addresses of its pages."""

    application: str | None = None
    master: str | None = None
    ui: str | None = None
    history: str | None = None  # the history server, if the cluster has one

    def web_page(self, *, ended: bool) -> str | None:
        """Return the address of the application's page, on the history server once the study has ended.

        Return None if the value is not a web address: others may write to the study folder, and could put a
        script there.

        >>> spark = SparkApplication(application="app-1", ui="http://host:4040", history="host:18080")
        >>> spark.web_page(ended=False), spark.web_page(ended=True)
        ('http://host:4040', 'http://host:18080/history/app-1')
        >>> SparkApplication(ui="javascript:alert(1)").web_page(ended=False) is None
        True
        """
        address = self.ui
        if ended and self.history and self.application:
            server = self.history if "://" in self.history else f"http://{self.history}"
            address = f"{server.rstrip('/')}/history/{self.application}"
        return web_address(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkStarted(Event):
    """The Spark application of the attempt has started."""

    KIND = "spark"
    SHAPE: ClassVar[Shape] = {"spark": shape.group}

    spark: SparkApplication

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        found = {each.name: data["spark"].get(each.name) for each in fields(SparkApplication)}
        shapes = dict.fromkeys(found, shape.optional(shape.words))
        return {"spark": SparkApplication(**shape.require(shapes, found, what="a Spark application"))}

    def dump(self) -> dict[str, Any]:
        return {"spark": asdict(self.spark)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive(Event):
    """The driver is alive; `timing` is how it spent its time, in seconds."""

    KIND = "alive"
    SHAPE: ClassVar[Shape] = {"at": shape.moment, "timing": shape.optional(shape.figures)}

    at: float
    timing: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsResolved(Event):
    """The incumbent, the warm-start points and the decision's basis, as resolved at the first attempt.

    `basis` is None without a record of champions.
    """

    KIND = "starts"
    SHAPE: ClassVar[Shape] = {
        "incumbent": shape.optional(shape.group),
        "warm_start": shape.several(shape.group),
        "basis": shape.optional(shape.group),
    }

    incumbent: Incumbent | None = None
    warm_start: tuple[WarmPoint, ...] = ()
    basis: Basis | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        incumbent, basis = data.get("incumbent"), data.get("basis")
        return {
            "incumbent": Incumbent.from_json(incumbent) if incumbent else None,
            "warm_start": tuple(map(WarmPoint.from_json, data["warm_start"])),
            "basis": Basis.from_json(basis) if basis else None,
        }

    def dump(self) -> dict[str, Any]:
        return {
            "incumbent": self.incumbent.to_json() if self.incumbent else None,
            "warm_start": [point.to_json() for point in self.warm_start],
            "basis": self.basis.to_json() if self.basis else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended(Event):
    """The search has ended, and its trials are noisy: `trial` has the lowest expected loss, which is `loss`.

    `noise` is the standard deviation of a single trial's loss.
    """

    KIND = "recommended"
    SHAPE: ClassVar[Shape] = {"trial": shape.whole, "loss": shape.number, "noise": shape.size}

    trial: int
    loss: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominated(Event):
    """The search has ended for `reason`; `candidates` are the trials to confirm, best first.

    `incumbent` is the number of the incumbent's trial, None without an incumbent.
    """

    KIND = "nominated"
    SHAPE: ClassVar[Shape] = {
        "incumbent": shape.optional(shape.whole),
        "candidates": shape.several(shape.whole),
    }

    reason: StopReason
    candidates: tuple[int, ...] = ()
    incumbent: int | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "reason": StopReason(data["reason"]),
            "candidates": tuple(data["candidates"]),
            "incumbent": data.get("incumbent"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Event):
    """The retuning has decided which configuration goes to production.

    A second event replaces the first: the record of champions has another decision of the study, such as
    `outdated`.
    """

    KIND = "decided"
    SHAPE: ClassVar[Shape] = {"decision": shape.group}

    decision: Decision

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"decision": Decision.from_json(data["decision"])}

    def dump(self) -> dict[str, Any]:
        return {"decision": self.decision.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Event):
    """The attempt has ended; `error` is the study's error as data, if it failed (see errors.describe)."""

    KIND = "closed"
    SHAPE: ClassVar[Shape] = {
        "at": shape.moment,
        "error": shape.optional(shape.group),
        "timing": shape.optional(shape.figures),
    }

    at: float
    reason: StopReason
    error: Mapping[str, Any] | None = None
    timing: Mapping[str, float] | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "reason": StopReason(data["reason"]),
            "error": _error(data["error"]) if data.get("error") is not None else None,
            "timing": data.get("timing"),
        }


def _error(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that errors.revive needs, with truncated texts."""
    texts = {"type": message_text, "message": message_text, "traceback": traceback_text}
    kept = {name: cut(data[name]) for name, cut in texts.items() if shape.text(data.get(name))}
    retryable = data.get("retryable")
    return {**kept, "retryable": retryable} if shape.truth(retryable) else kept


_KINDS: Mapping[str, type[Event]] = {
    kind.KIND: kind
    for kind in (
        Opened,
        TrialChanged,
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
_STAMP = ("at", "ran_s")


def from_json(data: Mapping[str, Any]) -> Event:
    """Return the event that `to_json` wrote; an event of an unknown kind becomes a bare `Event`.

    Raises ValueError if the data does not have the shape of its kind.

    >>> from_json({"event": "slots", "at": 1.0, "slots": 4})
    SlotsChanged(at=1.0, ran_s=None, slots=4)
    >>> from_json({"event": "slots", "slots": -1})
    Traceback (most recent call last):
    ValueError: a 'slots' event is malformed: slots of the event cannot be -1
    """
    kind = _KINDS.get(data["event"], Event)
    at, ran_s = data.get("at"), data.get("ran_s")
    stamp = {"at": at if shape.moment(at) else None, "ran_s": ran_s if shape.seconds(ran_s) else None}
    try:
        data = shape.require(kind.SHAPE, data, what="the event")
        return kind(**{**kind.parse(data), **stamp})
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"a {kind.KIND!r} event is malformed: {error}") from error


def to_json(event: Event) -> dict[str, Any]:
    """Return the event as plain JSON values."""
    return {"event": event.KIND, "at": event.at, "ran_s": event.ran_s, **event.dump()}
