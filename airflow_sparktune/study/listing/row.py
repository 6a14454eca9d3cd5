"""The row of a study: what lists of many studies show of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sparktune.study.address import part
from airflow_sparktune.study.files.airflow_task import AirflowTask
from airflow_sparktune.study.formatting import params
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.events import is_dimension
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.listing.listed import Listed, Mark
from airflow_sparktune.study.phase import Phase, Pulse
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.texts import texts
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialPurpose, improving

_PARAMS = "best params"
_MOST_BESTS = 24
# What the server itself reads of a summary; the rest goes to the page, which shows anything as text.
_NEEDED: Mapping[str, shape.Fits] = {
    "best_loss": shape.number, "best_point": shape.numbers, "decision": shape.text, "ended": shape.text,
    "maximize": shape.text, "max_evals": shape.whole, "reserved_slot_hours": shape.number,
    "segment": shape.text,
}  # fmt: skip


def _is_step(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(shape.number, value))


def _is_summary(value: Any) -> bool:
    return (
        shape.group(value)
        and "best_params" in value
        and shape.whole(value.get("trials"))
        and all(
            name in value and (value[name] is None or fits(value[name])) for name, fits in _NEEDED.items()
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup(JsonObject):
    """The parts of a spec that name params and mask secrets; most studies of a task share one."""

    WHAT: ClassVar[str] = "the setup of a study"

    space: Any = stored(shape.anything, default=None)
    objective_kwargs: Mapping[str, Any] = stored(shape.group, default=dict)
    dimensions: tuple[Mapping[str, Any], ...] = stored(is_dimension, many=True, default=())

    @classmethod
    def of(cls, study: Study) -> Setup:
        """Return the setup of a study."""
        spec = study.spec
        if spec is None:
            return cls()
        return cls(space=spec.space, objective_kwargs=spec.objective_kwargs, dimensions=study.dimensions)

    @classmethod
    def once(cls, data: Any) -> Setup:
        """Return the setup that `to_json` wrote, or `data` if it has been read already."""
        return data if isinstance(data, Setup) else cls.from_json(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow(JsonObject):
    """A study at a mark.

    `summary` is `Summary.to_json`, without a traceback. `lines` are its texts without the best params, which
    a reader masks first, and with an empty state, which depends on the time. `finished` counts towards
    `max_evals`. `bests` are the new bests of the search: how many trials had ended, and the loss. `data_at`
    is the time of its data, if it recorded that. `task` is what `airflow.json` says.
    """

    WHAT: ClassVar[str] = "the row of a study"

    stream: str = stored(shape.text, default="")
    events: int = stored(shape.whole, default=0)
    pulse: Pulse = stored(Pulse, default=Pulse)
    started: float | None = stored(shape.moment, default=None)
    data_at: float | None = stored(shape.moment, default=None)
    finished: int = stored(shape.whole, default=0)
    bests: tuple[Sequence[float], ...] = stored(_is_step, many=True, default=(), read=tuple)
    summary: Mapping[str, Any] = stored(_is_summary)
    lines: Mapping[str, str] = stored(shape.texts)
    setup: Setup = stored(Setup, default=Setup, read=Setup.once)
    task: AirflowTask | None = stored(AirflowTask, default=None)

    @property
    def mark(self) -> Mark | None:
        """Return the mark of the study when it was read; None if no attempt had opened it."""
        return Mark(self.stream, self.events) if self.stream else None

    def run_id(self, listed: Listed) -> str:
        """Return the id of the run: the name of its folder, unless that is a hash of the id in the row."""
        task = self.task
        return task.run_id if task is not None and part(task.run_id) == listed.run else listed.run

    def texts(self, phase: Phase, best_params: Any) -> dict[str, str]:
        """Return the lines of the result as `result.texts` does, with these best params."""
        state = {name: phase.text for name in ("state",) if name in self.lines}
        return {**self.lines, **state, _PARAMS: "none" if best_params is None else params(best_params)}


def row_of(follower: StudyFollower, task: AirflowTask | None) -> StudyRow:
    """Return the row of a study that was read; `task` is the task instance that started it."""
    study, prefix = follower.study, follower.prefix
    found = summary(study)
    plain = found.to_json()
    if found.error is not None:
        plain["error"] = {name: value for name, value in found.error.items() if name != "traceback"}
    lines = texts(found, state="")
    del lines[_PARAMS]
    return StudyRow(
        stream=prefix[-1].stream if prefix else "",
        events=prefix[-1].events if prefix else 0,
        pulse=Pulse.of(study),
        started=study.attempts[0].opened if study.attempts else None,
        data_at=study.starts.basis.moment if study.starts and study.starts.basis else None,
        finished=study.finished,
        bests=_bests(study),
        summary=plain,
        lines=lines,
        setup=Setup.of(study),
        task=task,
    )


def fingerprint(value: object) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _bests(study: Study) -> tuple[tuple[float, float], ...]:
    """Return the new bests in the order in which the trials ended, thinned to what a small curve can show."""
    ended = [trial for trial in study.ended_trials if trial.purpose is TrialPurpose.SEARCH]
    place = {trial.number: rank for rank, trial in enumerate(ended, start=1)}
    found = [(place[trial.number], trial.loss) for trial in improving(ended) if trial.loss is not None]
    step = -(-len(found) // _MOST_BESTS)
    return (*found[:-1:step], *found[-1:]) if found else ()
