"""Measures on real trainings how many trials a search needs for the loss that tpe reaches after 100."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from airflow_sparktune.study.study import Study
from benchmarks.boosting import BOOSTING
from benchmarks.report import Findings, middle, panels, trials_to
from benchmarks.spark.network import NEEDS as NETWORK_NEEDS
from benchmarks.spark.network import NETWORK
from benchmarks.spark.session import Session

QUESTION = "How many real trainings does a search need for the loss that tpe reaches after 100?"
TARGET = "gp needs fewer than tpe"

# The fields of a spec.
TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "scikit-learn network": {
        "objective": "dags.digits:validation_loss",
        "objective_kwargs": {},
        "space": {
            "batch_size": {"choice": [16, 32, 64, 128, 256]},
            "learning_rate": {"loguniform": [1e-4, 1.0]},
            "momentum": {"uniform": [0.0, 0.99]},
        },
    },
    "LightGBM": BOOSTING,
    "PyTorch network": NETWORK,
}
CONTESTANTS: Mapping[str, str] = {
    "random": "random",
    "tpe": "tpe",
    "Optuna": "optuna:TPESampler",
    "gp": "gp",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many `trials` on `slots`, once per seed, on the `trainings`."""

    trials: int
    slots: int
    seeds: int
    trainings: tuple[str, ...] = tuple(TRAININGS)


FULL = Size(trials=100, slots=16, seeds=5)
TINY = Size(trials=6, slots=2, seeds=1, trainings=("scikit-learn network",))


def measure(size: Size, *, peers: bool) -> Findings:
    """Count each search's trials until it reaches the median of tpe's best losses."""
    session = Session(size.slots)
    chosen = {who: algo for who, algo in CONTESTANTS.items() if peers or who in ("tpe", "gp")}
    rows: list[tuple[Any, ...]] = []
    notes = [f"{size.trials} trials, {size.slots} slots, medians of {size.seeds} seeds"]
    curves: dict[str, dict[str, list[float]]] = {}
    for name in size.trainings:
        fields = TRAININGS[name]
        if fields is NETWORK and find_spec(NETWORK_NEEDS) is None:
            notes.append(f"{name}: left out, {NETWORK_NEEDS} is not installed")
            continue
        found: dict[str, list[list[float]]] = {who: [] for who in chosen}
        for seed in range(size.seeds):
            for who, algo in chosen.items():
                _, study = session.study(
                    trials=size.trials, parallelism=size.slots, seed=seed, algo=algo, **fields
                )
                found[who].append(list(_lowest(study)))
        goal = middle([curve[-1] for curve in found["tpe"]])
        for who in chosen:
            reached = [trials_to(goal, curve) for curve in found[who]]
            rows.append(
                (name, who, f"{middle([curve[-1] for curve in found[who]]):.4g}", middle(reached),
                 sum(count <= size.trials for count in reached))
            )  # fmt: skip
        curves[name] = {
            who: [middle(values) for values in zip(*each, strict=True)] for who, each in found.items()
        }
    session.close()
    columns = ("training", "search", f"loss after {size.trials}", "trials to tpe's", "seeds that got there")
    return Findings(columns, rows, _drawing(curves), notes)


def _lowest(study: Study) -> Iterator[float]:
    """Yield the lowest loss after each ended trial."""
    lowest = float("inf")
    for trial in study.ended_trials:
        lowest = min(lowest, trial.loss if trial.loss is not None else lowest)
        yield lowest


def _drawing(curves: Mapping[str, Mapping[str, list[float]]]) -> Any:
    def draw(axes: Any) -> None:
        drawn = panels(axes, len(curves))
        for panel, (name, found) in zip(drawn, curves.items(), strict=True):
            for who, curve in found.items():
                panel.plot(range(1, len(curve) + 1), curve, label=who)
            panel.set(title=name, xlabel="finished trials", yscale="log")
        drawn[0].set_ylabel("lowest loss (median)")
        drawn[-1].legend(frameon=False, fontsize=8)

    return draw
