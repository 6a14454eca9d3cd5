"""The importance of each parameter for whether a trial is among the best: PED-ANOVA, by optuna.

Watanabe, Bansal, Hutter: PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces (IJCAI 2023). It needs only numpy, whereas fANOVA would need scikit-learn in every API server, and
it is designed for the uneven samples of a tuner.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_sparktune.study.trial import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# With fewer, "the best tenth" is one or two trials, and the shares are noise.
FEWEST_TRIALS = 20
# Of more trials, an even sample is used: the shares hardly change, but the time would grow.
MOST_TRIALS = 2000


def importance(dimensions: Sequence[Mapping[str, Any]], trials: Sequence[Trial]) -> dict[str, float]:
    """Return each parameter's share of the importance, largest first; the shares add up to 1.

    A conditional parameter is evaluated on the trials in which it was active. Returns an empty dict if fewer
    than FEWEST_TRIALS trials are ok.
    """
    done = [trial for trial in trials if trial.loss is not None]
    if len(done) < FEWEST_TRIALS:
        return {}
    done = done[:: -(-len(done) // MOST_TRIALS)]
    raw = {str(row["label"]): _of_one(row, done) for row in dimensions}
    total = sum(raw.values())
    shares = {label: value / total if total else 0.0 for label, value in raw.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


class Importances:
    """Caches the importance of recently requested studies; computes it again after a trial has ended."""

    def __init__(self, *, studies: int = 32) -> None:
        self._studies = studies
        self._known: dict[str, tuple[int, dict[str, float]]] = {}
        # One computation at a time: it is CPU-bound, and many pages may request it at once.
        self._lock = Lock()

    def of(
        self, name: str, dimensions: Sequence[Mapping[str, Any]], trials: Sequence[Trial]
    ) -> dict[str, float]:
        """Return the `importance` for the study with this name."""
        ended = sum(trial.end is not None for trial in trials)
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != ended:
                self._known.pop(name, None)
                if len(self._known) >= self._studies:
                    del self._known[next(iter(self._known))]
                known = self._known[name] = (ended, importance(dimensions, trials))
            return known[1]


def _of_one(dimension: Mapping[str, Any], done: Sequence[Trial]) -> float:
    import optuna  # slow to import, so only requests for the importance do it

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    label = str(dimension["label"])
    active = [trial for trial in done if trial.point.get(label) is not None]
    values = [trial.point[label] for trial in active]
    if len(active) < FEWEST_TRIALS or len(set(values)) < 2:
        return 0.0
    distribution = _distribution(dimension, values)
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={label: value}, distributions={label: distribution}, value=trial.loss
            )
            for trial, value in zip(active, values, strict=True)
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = evaluator.evaluate(study, params=[label])
    # Weighted by the share of trials in which the parameter was active.
    return max(0.0, float(found[label])) * len(active) / len(done)


def _distribution(dimension: Mapping[str, Any], values: Sequence[float]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    options = dimension.get("options")
    if options is not None:
        return CategoricalDistribution(list(range(len(options))))
    # A normal dimension has no bounds, and a rounded value may be outside of them.
    low = min([*values, *filter(None, [dimension.get("low")])])
    high = max([*values, *filter(None, [dimension.get("high")])])
    return FloatDistribution(low, high, log=bool(dimension.get("log")) and low > 0)
