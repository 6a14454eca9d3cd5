"""The learning curves of a study, limited to what a chart can show."""

from __future__ import annotations

from airflow_sparktune.dashboard.page.columns import rounded, sample
from airflow_sparktune.dashboard.page.schemas import CurveRow
from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.study import Study

MOST_CURVES = 300
# Points of a curve among the others, and of the curve in a trial's panel.
AMONG_OTHERS, ALONE = 50, 500


def changed_curves(study: Study, *, after: int, best: int | None) -> dict[int, CurveRow]:
    """Return the curves of trials that reported or changed after event `after`, or of a sample of them."""
    numbers = (n for n in sorted(study.curves) if max(study.reported[n], study.changed[n]) > after)
    sent = sample([study.trials[number] for number in numbers], MOST_CURVES, best=best)
    return {trial.number: curve_row(study.curves[trial.number], AMONG_OTHERS) for trial in sent}


def curve_row(curve: Curve, most: int) -> CurveRow:
    """Return a curve, thinned to `most` points."""
    thin = curve.thinned(most)
    return CurveRow(steps=thin.steps, losses=[rounded(loss) for loss in thin.losses])
