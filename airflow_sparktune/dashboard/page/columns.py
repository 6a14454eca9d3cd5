"""The trials of a study as columns for the table and the charts, limited to what a browser can draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import Columns
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState, improving

# A chart has some hundred pixels per side, so more dots look the same.
MOST_TRIALS = 10_000
_MOST_METRICS = 20
_LONGEST_FAILURE = 200


def columns(
    trials: Sequence[Trial], dimensions: Sequence[Mapping[str, Any]], *, since: float, mask: Mask
) -> Columns:
    """Return the trials, one list per field; times are seconds after `since`."""
    labels = [str(dimension["label"]) for dimension in dimensions]
    metrics = _metrics(trials)
    return Columns(
        number=[trial.number for trial in trials],
        state=[trial.state.value for trial in trials],
        loss=[_rounded(trial.loss) for trial in trials],
        start=[_after(since, trial.start) for trial in trials],
        end=[_after(since, trial.end) for trial in trials],
        run_s=[_after(0.0, trial.run_s) for trial in trials],
        slot=[trial.slot for trial in trials],
        attempt=[trial.attempt for trial in trials],
        failure={
            trial.number: str(mask(trial.error.headline[:_LONGEST_FAILURE]))
            for trial in trials
            if trial.error is not None
        },
        origin={
            trial.number: trial.origin.value for trial in trials if trial.origin is not TrialOrigin.SAMPLER
        },
        repeats={
            trial.number: (trial.repeats, trial.repeat)
            for trial in trials
            if trial.repeats is not None and trial.repeat is not None
        },
        points=[[_rounded(trial.point.get(label)) for trial in trials] for label in labels],
        metrics={name: [_rounded(_metric(trial, name)) for trial in trials] for name in metrics},
    )


def sample(trials: Sequence[Trial], most: int = MOST_TRIALS, *, best: Trial | None = None) -> list[Trial]:
    """Return all trials, or about `most` of them: all new bests, all running ones, and samples of the others.

    `best` is kept too: a recommended trial need not have the lowest loss. A tenth are the newest trials, up
    to a tenth are failures, and the rest are evenly spaced.
    """
    if len(trials) <= most:
        return list(trials)
    kept = {trial.number for trial in improving(trials)}
    kept.update(trial.number for trial in trials if trial.state is TrialState.RUNNING)
    if best is not None:
        kept.add(best.number)
    kept.update(trial.number for trial in trials[-most // 10 :])
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    kept.update(trial.number for trial in failed[:: _step(len(failed), most // 10)])
    step = _step(len(trials), max(most - len(kept), most // 2))
    return [trial for index, trial in enumerate(trials) if index % step == 0 or trial.number in kept]


def _step(there: int, most: int) -> int:
    return max(1, -(-there // most))


def _metrics(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the numbers that the objective returned besides the loss, as they first appear."""
    found: dict[str, None] = {}
    for trial in trials:
        for name in trial.info:
            if name not in found and _metric(trial, name) is not None:
                found[name] = None
        if len(found) >= _MOST_METRICS:
            break
    return list(found)[:_MOST_METRICS]


def _metric(trial: Trial, name: str) -> float | None:
    value = trial.info.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _rounded(value: Any) -> Any:
    """Return a number with seven digits for charts and tables; the panel of a trial has the exact number."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _after(since: float, value: float | None) -> float | None:
    return None if value is None else round(value - since, 3)
