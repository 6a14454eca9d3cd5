"""From a study to the page's replies: pure functions, no web server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.columns import columns, sample
from airflow_sparktune.dashboard.page.digest import failure_digest
from airflow_sparktune.dashboard.page.importance import FEWEST_TRIALS
from airflow_sparktune.dashboard.page.masking import Mask, study_mask
from airflow_sparktune.dashboard.page.schemas import AttemptRow, ImportanceReply, StudyReply, TrialReply
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.insight import verdict
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.phase import Phase, phase_of, stage_of
from airflow_sparktune.study.result import summary, trial_row
from airflow_sparktune.study.space import parse
from airflow_sparktune.study.space.naming import Name, names
from airflow_sparktune.study.stopping import label
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

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
    task_state: str | None = None,
) -> StudyReply:
    """The study as it stands, with the trials that changed after event `after` of `stream`."""
    mask = study_mask(mask, study)
    phase = phase_of(study, now=now, task_state=task_state)
    changed = [study.trials[number] for number, at in sorted(study.changed.items()) if at > after]
    sent = sample(changed)
    since = study.attempts[0].opened if study.attempts else 0.0
    dimensions = named_dimensions(study, mask)
    at_work = study.attempts[-1] if study.attempts and study.closed is None else None
    return StudyReply(
        phase=phase,
        stage=stage_of(study) if phase in (Phase.WAITING, Phase.STARTING) else None,
        title=title,
        generation=generation,
        generations=list(generations),
        stream=stream,
        changes=study.changes,
        now=now,
        since=since,
        summary=mask(summary(study)),
        verdict=verdict(study),
        ended_by=ended_by(study),
        failures=[mask(line) for line in failure_digest(tuple(study.trials.values()), dimensions)],
        limits={name: getattr(study.spec, name) for name in _LIMITS} if study.spec else {},
        dimensions=dimensions,
        attempts=[
            AttemptRow(
                number=attempt.number,
                opened=attempt.opened,
                last=attempt.last,
                host=attempt.host,
                spark_ui=attempt.spark.web_page(ended=attempt is not at_work) if attempt.spark else None,
            )
            for attempt in study.attempts
        ],
        problems=[mask(problem) for problem in problems],
        columns=columns(sent, dimensions, since=since, mask=mask),
        sampled_from=len(changed) if len(sent) < len(changed) else None,
    )


def trial_reply(trial: Trial, dimensions: Sequence[Mapping[str, Any]], *, mask: Mask) -> TrialReply:
    """Everything about one trial; `dimensions` are the named ones of its study."""
    return TrialReply(**mask(trial_row(trial)), named=named_point(trial.point, dimensions))


def importance_reply(shares: Mapping[str, float]) -> ImportanceReply:
    """The shares, or why there are none."""
    if shares:
        return ImportanceReply(shares=dict(shares))
    message = f"Too few trials: the importance needs {FEWEST_TRIALS} successful ones."
    return ImportanceReply(shares={}, message=message)


def named_dimensions(study: Study, mask: Mask) -> list[dict[str, Any]]:
    """The study's dimensions, each with its readable `path`, and readable options where it is a choice.

    The names come from the masked space: an option may be named by a secret.
    """
    known = _names(study, mask)
    return [_named(dimension, known.get(str(dimension["label"])), mask) for dimension in study.dimensions]


def named_point(point: Mapping[str, Any], dimensions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The active parameters by their readable names, choices by the names of their options."""
    found = {}
    for dimension in dimensions:
        raw = point.get(str(dimension["label"]))
        if raw is not None:
            found[str(dimension["path"])] = _value(raw, dimension.get("options"))
    return found


def ended_by(study: Study) -> str | None:
    """Why the study ended, in words; None while it goes on."""
    if study.closed is None or study.spec is None:
        return None
    return label(study.closed.reason, study.spec)


def stream_of(follower: StudyFollower) -> str:
    """The stream that is followed; the same in every process of the API server."""
    prefix = follower.prefix
    return prefix[-1].stream if prefix else ""


def _names(study: Study, mask: Mask) -> dict[str, Name]:
    try:
        return names(parse(mask(study.spec.space))) if study.spec else {}
    except SpecError:  # no space after masking; the labels of the dimensions are names too
        return {}


def _named(dimension: Mapping[str, Any], name: Name | None, mask: Mask) -> dict[str, Any]:
    label = str(dimension["label"])
    options = dimension.get("options")
    if options is None:
        return {**dimension, "path": name.path if name else label}
    masked = mask(list(options), label)
    if name and name.options and len(name.options) == len(options) and masked == list(options):
        masked = list(name.options)
    return {**dimension, "path": name.path if name else label, "options": masked}


def _value(raw: Any, options: Any) -> Any:
    if not isinstance(options, (list, tuple)):
        return raw if options is None else options
    return options[int(raw)] if 0 <= raw < len(options) else raw
