"""The trials of a study and their learning curves, limited to what a browser can draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import Columns, CurveRow
from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.formatting import origin_text
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState, improving

# A chart has some hundred pixels per side, so more dots look the same.
MOST_TRIALS = 10_000
_MOST_METRICS = 20
_LONGEST_FAILURE = 200
MOST_CURVES = 300
# Points of a curve among the others, and of the curve in a trial's panel.
AMONG_OTHERS, ALONE = 50, 500


def columns(
    trials: Sequence[Trial],
    dimensions: Sequence[Mapping[str, Any]],
    *,
    since: float,
    mask: Mask,
    guards: Guards,
) -> Columns:
    """Return the trials, one list per field; times are seconds after `since`."""
    labels = [str(dimension["label"]) for dimension in dimensions]
    metrics = [trial.metrics for trial in trials]
    names = list(dict.fromkeys(name for each in metrics for name in each))[:_MOST_METRICS]
    return Columns(
        number=[trial.number for trial in trials],
        state=[trial.state.value for trial in trials],
        loss=[rounded(trial.loss) for trial in trials],
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
        origin={trial.number: text for trial in trials if (text := origin_text(trial))},
        repeats={trial.number: trial.repeats for trial in trials if trial.repeats is not None},
        beyond=[trial.number for trial in trials if trial.state is TrialState.OK and not guards.hold(trial)],
        points=[[rounded(trial.point.get(label)) for trial in trials] for label in labels],
        metrics={name: [rounded(each.get(name)) for each in metrics] for name in names},
    )


def sample(trials: Sequence[Trial], most: int = MOST_TRIALS, *, best: int | None = None) -> list[Trial]:
    """Return all trials, or about `most` of them: all new bests, all running ones, and samples of the others.

    The trial with the number `best` is kept too: it need not have the lowest loss. A tenth are the newest
    trials, up to a tenth are failures, and the rest are evenly spaced.
    """
    if len(trials) <= most:
        return list(trials)
    kept = {trial.number for trial in improving(trials)}
    kept.update(trial.number for trial in trials if trial.state is TrialState.RUNNING)
    if best is not None:
        kept.add(best)
    kept.update(trial.number for trial in trials[-most // 10 :])
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    kept.update(trial.number for trial in failed[:: _step(len(failed), most // 10)])
    step = _step(len(trials), max(most - len(kept), most // 2))
    return [trial for index, trial in enumerate(trials) if index % step == 0 or trial.number in kept]


def changed_curves(study: Study, *, after: int, best: int | None) -> dict[int, CurveRow]:
    """Return the curves of trials that reported or changed after event `after`, or of a sample of them."""
    numbers = (n for n in sorted(study.curves) if max(study.reported[n], study.changed[n]) > after)
    sent = sample([study.trials[number] for number in numbers], MOST_CURVES, best=best)
    return {trial.number: curve_row(study.curves[trial.number], AMONG_OTHERS) for trial in sent}


def curve_row(curve: Curve, most: int) -> CurveRow:
    """Return a curve, thinned to `most` points."""
    thin = curve.thinned(most)
    return CurveRow(steps=thin.steps, losses=[rounded(loss) for loss in thin.losses])


def _step(there: int, most: int) -> int:
    return max(1, -(-there // most))


def rounded(value: Any) -> Any:
    """Return a number with seven digits for charts and tables; the panel of a trial has the exact number."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _after(since: float, value: float | None) -> float | None:
    return None if value is None else round(value - since, 3)
