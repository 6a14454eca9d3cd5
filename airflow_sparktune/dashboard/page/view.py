"""The page's replies for a study, as pure functions without a web server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_sparktune.dashboard.page.columns import ALONE, changed_curves, columns, curve_row, sample
from airflow_sparktune.dashboard.page.digest import failure_digest
from airflow_sparktune.dashboard.page.importance import FEWEST_TRIALS, Share
from airflow_sparktune.dashboard.page.masking import Mask, study_mask
from airflow_sparktune.dashboard.page.points import best_by_name, named_dimensions, named_point, option_name
from airflow_sparktune.dashboard.page.retuning import retuning_reply
from airflow_sparktune.dashboard.page.schemas import (
    AttemptRow,
    BranchRow,
    ImportanceReply,
    ShareRow,
    StudyReply,
    TrialReply,
)
from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.formatting import origin_text
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.phase import phase_of, stage_of
from airflow_sparktune.study.result import Summary, summary, trial_row
from airflow_sparktune.study.result.one_sentence import one_sentence
from airflow_sparktune.study.result.texts import best_facts, texts
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

# The limits that the page shows.
_LIMITS = {
    "timeout": "timeout",
    "loss_threshold": "limits.loss_threshold",
    "no_progress": "limits.no_progress",
    "budget_slot_hours": "limits.budget_slot_hours",
    "stop_when_converged": "limits.stop_when_converged",
    "guardrails": "retuning.guardrails",
}


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
    task_since: float | None = None,
) -> StudyReply:
    """Return the study, with the trials that changed after event `after` of `stream`."""
    mask = study_mask(mask, study)
    phase = phase_of(study, now=now, task_state=task_state, task_since=task_since)
    changed = [study.trials[number] for number, at in sorted(study.changed.items()) if at > after]
    until = now if phase.at_work else None
    found = masked_summary(study, mask, now=until)
    sent = sample(changed, best=found.best_number)
    since = study.attempts[0].opened if study.attempts else 0.0
    dimensions = named_dimensions(study, mask)
    at_work = study.attempts[-1] if study.attempts and study.closed is None else None
    return StudyReply(
        phase=phase,
        stage=stage_of(study, phase),
        title=title,
        generation=generation,
        generations=list(generations),
        stream=stream,
        changes=study.changes,
        now=now,
        since=since,
        summary=mask(found.to_json()),
        texts={name: mask(text) for name, text in texts(found, state=phase.text).items()},
        best=best_by_name(found.best_point, found.best_params, dimensions),
        best_facts=best_facts(found),
        verdict=one_sentence(study, found, now=until),
        failures=[mask(line) for line in failure_digest(tuple(study.trials.values()), dimensions)],
        limits={key: study.spec.value(name) for key, name in _LIMITS.items()} if study.spec else {},
        maximize=study.spec.maximize if study.spec else None,
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
        reports_lost=mask(study.reports_lost),
        retuning=retuning_reply(study, dimensions, mask=mask),
        columns=columns(sent, dimensions, since=since, mask=mask, guards=study.guards),
        curves=changed_curves(study, after=after, best=found.best_number),
        sampled_from=len(changed) if len(sent) < len(changed) else None,
    )


def masked_summary(study: Study, mask: Mask, *, now: float | None = None) -> Summary:
    """Return the summary of a study, with masked params: in texts, they are not under their keys.

    `now` is the time if the driver is known to run.
    """
    found = summary(study).cut_off() if now is None else summary(study, now=now)
    return replace(found, best_params=mask(found.best_params))


def reading_reply(study: Study, *, title: str, now: float) -> StudyReply:
    """Return how much of a study has been read; the page asks again for all of it."""
    message = f"{len(study.trials):,} trials have been read so far."
    return StudyReply(phase="reading", title=title, message=message, now=now)


def trial_reply(
    trial: Trial, dimensions: Sequence[Mapping[str, Any]], *, mask: Mask, curve: Curve | None = None
) -> TrialReply:
    """Return the details of one trial; `dimensions` are those of its study, from `named_dimensions`."""
    named = named_point(trial.point, dimensions)
    row = None if curve is None else curve_row(curve, ALONE)
    return TrialReply(**mask(trial_row(trial)), named=named, origin_text=origin_text(trial), curve=row)


def importance_reply(shares: Sequence[Share], dimensions: Sequence[Mapping[str, Any]]) -> ImportanceReply:
    """Return the shares by readable names, or a message if there are none.

    `dimensions` are those of the study, from `named_dimensions`.
    """
    message = f"Too few trials: the importance needs {FEWEST_TRIALS} successful trials."
    known = {str(row["label"]): row for row in dimensions}
    return ImportanceReply(shares=_share_rows(shares, known), message=None if shares else message)


def _share_rows(shares: Sequence[Share], known: Mapping[str, Mapping[str, Any]]) -> list[ShareRow]:
    rows = []
    for each in shares:
        row = known[each.label]
        branches = [
            BranchRow(
                option=str(option_name(branch.option, row["options"])),
                trials=branch.trials,
                shares=_share_rows(branch.shares, known),
            )
            for branch in each.branches
        ]
        rows.append(ShareRow(name=str(row["path"]), share=each.share, branches=branches))
    return rows


def stream_of(follower: StudyFollower) -> str:
    """Return the followed stream, which is the same in every process of the API server."""
    prefix = follower.prefix
    return prefix[-1].stream if prefix else ""
