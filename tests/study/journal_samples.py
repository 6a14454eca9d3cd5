"""Events and journals for tests: short constructors, and raw lines of malformed events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import events, shape
from airflow_sparktune.study.journal.events import Closed, Event, Opened, Prefix, TrialChanged
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.streams import SCHEMA, Chunk
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.json_object import stored
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

SPEC = Spec.of(objective="churn.train:loss", space={"lr": {"loguniform": [0.001, 1.0]}}, max_evals=20)
BEGAN = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw(Event):
    """An event with arbitrary data, e.g. of an unknown kind, that can be appended like others."""

    data: Mapping[str, Any] = stored(shape.group)

    def to_json(self) -> dict[str, Any]:
        return dict(self.data)


def opened(
    attempt: int = 1, *, takes: tuple[Prefix, ...] = (), at: float = BEGAN, spec: Spec = SPEC
) -> Opened:
    return Opened(
        at=at,
        attempt=attempt,
        takes=takes,
        spec=spec,
        seed=7,
        dimensions=({"label": "lr", "kind": "loguniform", "low": 0.001, "high": 1.0, "log": True},),
        versions={"airflow-sparktune": "0.1.0"},
    )


def trial(number: int, loss: float | None = None, *, at: float | None = None, **more: Any) -> TrialChanged:
    """Return an event of a running trial, or of one that has ended with a loss."""
    when = BEGAN + number if at is None else at
    made = Trial(number=number, params={"lr": 0.1}, point={"lr": 0.1}, start=when, slot=0, **more)
    if loss is not None:
        made = made.ended(TrialState.OK, end=when + 0.5, loss=loss)
    return TrialChanged(at=when, trial=made)


def closed(reason: str = "max_evals", *, at: float = BEGAN + 100, **more: Any) -> Closed:
    return Closed(at=at, reason=StopReason(reason), **more)


def data(event: Event) -> dict[str, Any]:
    """Return the event in the form of its line in a chunk."""
    return {"v": SCHEMA, **events.to_json(event)}


def trial_data(**changed: Any) -> dict[str, Any]:
    """Return the data of an event about a running trial 1, with some of the trial's keys changed."""
    made = data(trial(1))
    return {**made, "trial": {**made["trial"], **changed}}


def write(
    storage: Storage,
    attempt: int,
    *commits: Sequence[Event | Mapping[str, Any]],
    stream: str | None = None,
) -> StreamWriter:
    """Write a stream with one chunk for each of `commits`."""
    writer = StreamWriter(storage, attempt)
    writer.stream = stream or writer.stream
    for commit in commits:
        for event in commit:
            if isinstance(event, Event) and not isinstance(event, Raw):
                writer.append(event)
            else:
                writer.append_line(line(event))
        writer.commit()
    return writer


def line(event: Event | Mapping[str, Any]) -> bytes:
    """Return the line of an event, or of arbitrary data, without the line break."""
    return json.dumps(data(event) if isinstance(event, Event) else event).encode()


def chunk(stream: str, first: int, last: int | None = None) -> str:
    """Return the path of a chunk; without `last`, of one event."""
    return Chunk(stream, first, first if last is None else last).path


def follow(storage: Storage) -> StudyFollower:
    follower = StudyFollower(storage)
    follower.refresh()
    return follower


def losses(study: Study) -> dict[int, float | None]:
    return {number: each.loss for number, each in study.trials.items()}
