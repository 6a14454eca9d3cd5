"""The importance of each parameter for whether a trial is among the best: PED-ANOVA, by optuna.

Watanabe, Bansal, Hutter: PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces (IJCAI 2023). It needs only numpy, whereas fANOVA would need scikit-learn in every API server, and
it is designed for the uneven samples of a tuner.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_sparktune.study.trial import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# With fewer, "the best tenth" is one or two trials, and the shares are noise.
FEWEST_TRIALS = 20
# Of more trials, an even sample is used: the shares hardly change, but the time would grow.
MOST_TRIALS = 2000


@dataclass(frozen=True, slots=True)
class Branch:
    """The importance among the trials with one option of a choice; no `shares` if they are too few."""

    option: int
    trials: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A parameter's share of the importance; a choice has `branches`, those with parameters of their own."""

    label: str
    share: float
    branches: tuple[Branch, ...] = ()


def importance(dimensions: Sequence[Mapping[str, Any]], trials: Sequence[Trial]) -> tuple[Share, ...]:
    """Return each parameter's share of the importance, largest first; the shares add up to 1.

    The parameters of a branch are compared among the branch's trials only: among all trials, the choice of
    the branch would hide them. Returns nothing if fewer than FEWEST_TRIALS trials are ok.
    """
    done = [trial for trial in trials if trial.loss is not None]
    return _level(dimensions, done, _children(dimensions, None, None), inherited=())


def _level(
    dimensions: Sequence[Mapping[str, Any]],
    done: Sequence[Trial],
    own: Sequence[Mapping[str, Any]],
    inherited: Sequence[Mapping[str, Any]],
) -> tuple[Share, ...]:
    """Return the shares of the rows `own` and `inherited` among `done`, with the branches of `own`."""
    if len(done) < FEWEST_TRIALS:
        return ()
    rows = [*own, *inherited]
    some = done[:: -(-len(done) // MOST_TRIALS)]
    raw = [_of_one(row, some) for row in rows]
    total = sum(raw)
    found = []
    for row, value in zip(rows, raw, strict=True):
        others = [each for each in rows if each is not row]
        branches = _branches(dimensions, done, row, others) if row in own else ()
        found.append(Share(str(row["label"]), value / total if total else 0.0, branches))
    return tuple(sorted(found, key=lambda each: -each.share))


def _branches(
    dimensions: Sequence[Mapping[str, Any]],
    done: Sequence[Trial],
    choice: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
) -> tuple[Branch, ...]:
    label, found = choice["label"], []
    for option in range(len(choice.get("options") or ())):
        own = _children(dimensions, label, option)
        if own:
            took = [trial for trial in done if trial.point.get(label) == option]
            found.append(Branch(option, len(took), _level(dimensions, took, own, others)))
    return tuple(found)


def _children(
    dimensions: Sequence[Mapping[str, Any]], parent: str | None, branch: int | None
) -> list[Mapping[str, Any]]:
    return [row for row in dimensions if (row.get("parent"), row.get("branch")) == (parent, branch)]


class Importances:
    """Caches the importance of recently requested studies; computes it again after a trial has ended."""

    def __init__(self, *, studies: int = 32) -> None:
        self._studies = studies
        self._known: dict[str, tuple[int, tuple[Share, ...]]] = {}
        # One computation at a time: it is CPU-bound, and many pages may request it at once.
        self._lock = Lock()

    def of(
        self, name: str, dimensions: Sequence[Mapping[str, Any]], trials: Sequence[Trial]
    ) -> tuple[Share, ...]:
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
