"""Report the evaluations of LightGBM. Any function can be its callback, so nothing of it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_sparktune.executor.objective import TrialContext

# What `lightgbm.train` and `lightgbm.cv` call the training data.
_TRAINING = ("training", "train")


def report_lightgbm(
    trial: TrialContext,
    *,
    every: int = 10,
    dataset: str | None = None,
    metric: str | None = None,
) -> Callable[[Any], None]:
    """Return a callback for `lightgbm.train`, `lightgbm.cv`, and `fit` of LightGBM's estimators.

    It reports each `every`-th round to `trial`: the `metric` on the `dataset`, by default the first metric on
    the first data that is not the training data. A metric of which more is better is negated, to be a loss;
    in a study that maximises, one of which less is better, to be a score.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}; 1 reports each round")

    def report(env: Any) -> None:
        step = env.iteration + 1
        if step % every == 0:
            trial.report(step, loss(env.evaluation_result_list or ()))

    def loss(evaluations: Any) -> float:
        for data, name, value, more_is_better, *_ in evaluations:
            wanted = data not in _TRAINING if dataset is None else data == dataset
            if wanted and metric in (None, name):
                return float(value if more_is_better == trial.maximize else -value)
        found = ", ".join(f"{name} on {data}" for data, name, *_ in evaluations)
        raise ValueError(
            f"LightGBM must evaluate {metric or 'a metric'} on {dataset or 'validation data'}, to report it, "
            f"got {found or 'no evaluation'}; give the data to train as valid_sets, or to fit"
        )

    return report
