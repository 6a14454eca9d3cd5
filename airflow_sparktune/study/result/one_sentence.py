"""A summary of a study in one sentence: its gain, the trials since the last gain, and idle slots."""

from __future__ import annotations

import math

from airflow_sparktune.study.formatting import number as text_of
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.result.slot_use import SlotUse, slot_use
from airflow_sparktune.study.result.summary import Summary
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

# A smaller idle share of the slots is not reported, nor that of fewer trials, in total and for each slot.
_IDLE = 0.2
_FEWEST, _FEWEST_A_SLOT = 10, 4


def one_sentence(study: Study, found: Summary, *, now: float | None = None) -> str | None:
    """Return the sentence, or None before the first successful trial; `found` is the study's summary.

    `now` is the time if the driver is known to run.

    Example: "best loss 0.0334, 13 % better than the first trial; no gain in the last 14 trials; slots idle
    26 % of the time: 3 would do".
    """
    metric = study.metric
    if found.decision is None:
        expected = "" if found.expected_loss is None else "expected "
        what, number, loss = f"best {expected}{metric.name}", found.best_number, found.best_loss
    else:  # the best loss is then the mean of repeats, which is not comparable with the search
        what, number = f"{metric.extreme} {metric.name} of the search", found.lowest_number
        loss = found.lowest_loss
    if study.lowest is None or number is None or loss is None:
        return None
    ended = [trial for trial in study.ended_trials if trial.counts]
    # Within guardrails, a trial with a lower loss is no gain.
    guarded = found.decision is None and study.spec is not None and study.spec.rule.guardrails
    newest = study.trials[number] if guarded else study.lowest
    parts = [
        f"{what} {text_of(metric.shown(loss))}{_gain(number, loss, ended, metric)}",
        *_staleness(newest, ended),
        *_idleness(slot_use(study, now=now), len(ended), study.slots),
    ]
    return "; ".join(parts)


def _gain(best: int, loss: float, ended: list[Trial], metric: Metric) -> str:
    first = next((trial for trial in ended if trial.state is TrialState.OK), None)
    if first is None or first.loss is None:
        return ""
    if first.number == best:
        return ", the first trial's own" if len(ended) > 1 else ""
    if loss >= first.loss:  # the first trial was lucky
        return ""
    share = 100 * (first.loss - loss) / abs(first.loss) if first.loss else math.inf
    if not math.isfinite(share) or share > 999:
        return f", from {text_of(metric.shown(first.loss))} in the first trial"
    return (
        f", {share:.2g} % better than the first trial"
        if share < 1
        else f", {share:.0f} % better than the first trial"
    )


def _staleness(best: Trial, ended: list[Trial]) -> list[str]:
    since = (
        len(ended) - 1 - next((index for index, trial in enumerate(ended) if trial.number == best.number), 0)
    )
    return [f"no gain in the last {since} trials"] if since >= 5 else []


def _idleness(use: SlotUse, ended: int, slots: int | None) -> list[str]:
    """Return the idle share of the slots, if it is large without the time before the first trial, too."""
    if use.used_s is None or not slots or min(use.working_s, use.working_slot_s) <= 0:
        return []
    if ended < max(_FEWEST, _FEWEST_A_SLOT * slots) or 1 - use.used_s / use.working_slot_s < _IDLE:
        return []
    enough = max(1, math.ceil(use.used_s / use.working_s))
    hint = f": {enough} would do" if enough < round(use.working_slot_s / use.working_s) else ""
    idle = min(round(100 * (1 - use.used_s / use.reserved_s)), 99)
    return [f"slots idle {idle} % of the time{hint}"]
