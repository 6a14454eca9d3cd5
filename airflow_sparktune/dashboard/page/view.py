"""From a study to the page's replies: pure functions, no web server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.importance import FEWEST_TRIALS
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import (
    AttemptRow,
    ImportanceReply,
    Phase,
    StudyReply,
    TrialReply,
    TrialRow,
)
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.result import summary, trial_row
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, Trial
from airflow_sparktune.study.web_address import web_address

_LIMITS = ("timeout", "loss_threshold")  # the page shows both


def study_reply(
    study: Study,
    *,
    stream: str,
    after: int = 0,
    now: float,
    mask: Mask,
    title: str,
    problems: Sequence[str] = (),
    generation: int | None = None,
    generations: Sequence[int] = (),
) -> StudyReply:
    """The study as it stands, with the trials that changed after event `after` of `stream`."""
    labels = [str(dimension["label"]) for dimension in study.dimensions]
    changed = [study.trials[number] for number, at in study.changed.items() if at > after]
    return StudyReply(
        phase=phase_of(study),
        title=title,
        generation=generation,
        generations=list(generations),
        stream=stream,
        changes=study.changes,
        now=now,
        summary=mask(summary(study)),
        limits={name: getattr(study.spec, name) for name in _LIMITS} if study.spec else {},
        dimensions=[_masked_dimension(dimension, mask) for dimension in study.dimensions],
        attempts=[
            AttemptRow(
                number=attempt.number,
                opened=attempt.opened,
                last=attempt.last,
                host=attempt.host,
                spark_ui=web_address((attempt.spark or {}).get("ui")),
            )
            for attempt in study.attempts
        ],
        problems=list(problems),
        trials=[_row(trial, labels) for trial in changed],
    )


def trial_reply(trial: Trial, *, mask: Mask) -> TrialReply:
    """Everything about one trial, masked by key name."""
    return TrialReply(**mask(trial_row(trial)))


def importance_reply(shares: Mapping[str, float]) -> ImportanceReply:
    """The shares, or why there are none."""
    if shares:
        return ImportanceReply(shares=dict(shares))
    message = f"The importance can be told from {FEWEST_TRIALS} successful trials on."
    return ImportanceReply(shares={}, message=message)


def stream_of(follower: StudyFollower) -> str:
    """The stream that is followed; the same in every process of the API server."""
    prefix = follower.prefix
    return prefix[-1].stream if prefix else ""


def phase_of(study: Study) -> Phase:
    """Where the study stands."""
    if study.closed is not None:
        return Phase.CLOSED
    return Phase.RUNNING if study.attempts else Phase.WAITING


def _masked_dimension(dimension: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """A dimension whose options are hidden where its label tells to."""
    options = dimension.get("options")
    if options is None:
        return dict(dimension)
    return {**dimension, "options": mask(list(options), str(dimension["label"]))}


def _row(trial: Trial, labels: list[str]) -> TrialRow:
    return TrialRow(
        number=trial.number,
        state=trial.state.value,
        loss=trial.loss,
        start=trial.start,
        end=trial.end,
        run_s=trial.run_s,
        slot=trial.slot,
        attempt=trial.attempt,
        point=[trial.point.get(label) for label in labels],
        failure=_headline(trial.error),
    )


def _headline(error: Failure | None) -> str | None:
    if error is None:
        return None
    first, *_ = error.message.strip().splitlines() or [""]
    return f"{error.kind.value}: {first}"[:200]
