"""What the tests of this room write into journals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.journal import FOLDER, Prefix, StreamWriter
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

Event = dict[str, Any]

SPEC = Spec.of(objective="churn.train:loss", space={"lr": {"loguniform": [0.001, 1.0]}}, max_evals=20)
BEGAN = 1_700_000_000.0


def opened(attempt: int = 1, *, takes: tuple[Prefix, ...] = (), at: float = BEGAN, **more: Any) -> Event:
    return {
        "event": "opened",
        "at": at,
        "attempt": attempt,
        "takes": [[prefix.stream, prefix.events] for prefix in takes],
        "spec": SPEC.to_json(),
        "seed": 7,
        "dimensions": [{"label": "lr", "kind": "loguniform", "low": 0.001, "high": 1.0, "log": True}],
        "versions": {"airflow-sparktune": "0.1.0"},
        **more,
    }


def trial(number: int, loss: float | None = None, *, at: float | None = None, **more: Any) -> Event:
    """A trial that runs, or that has ended with a loss."""
    when = BEGAN + number if at is None else at
    made = Trial(number=number, params={"lr": 0.1}, point={"lr": 0.1}, start=when, slot=0, **more)
    if loss is not None:
        made = made.ended(TrialState.OK, end=when + 0.5, loss=loss)
    return {"event": "trial", "at": when, "trial": made.to_json()}


def closed(reason: str = "max_evals", *, at: float = BEGAN + 100, **more: Any) -> Event:
    return {"event": "closed", "at": at, "reason": reason, **more}


def write(storage: Storage, attempt: int, *commits: list[Event], stream: str | None = None) -> StreamWriter:
    """A stream with one segment for each of `commits`."""
    writer = StreamWriter(storage, attempt)
    writer.stream = stream or writer.stream
    for events in commits:
        for event in events:
            writer.append(event)
        writer.commit()
    return writer


def line(event: Mapping[str, Any]) -> bytes:
    return json.dumps({"v": 1, **event}).encode() + b"\n"


def segment(stream: str, first: int, last: int | None = None) -> str:
    return f"{FOLDER}/{stream}/{first:08d}-{first if last is None else last:08d}.jsonl"


def follow(storage: Storage) -> StudyFollower:
    follower = StudyFollower(storage)
    follower.refresh()
    return follower


def losses(study: Study) -> dict[int, float | None]:
    return {number: each.loss for number, each in study.trials.items()}
